// How long a message of 100 bytes takes from one process to another that waits for it.
#include "tools/bench/messages.h"

#include <durra/types.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>

#include "tools/bench/samples.h"
#include "tools/bench/shared_pages.h"
#include "tools/child.h"
#include "tools/clock.h"
#include "tools/failure.h"

namespace durra::bench {
namespace {

using tools::now_ns;

constexpr std::size_t kMessages = 1'000, kRounds = 3;
constexpr std::chrono::microseconds kBetween{100};  // the other waits again by then
constexpr unsigned kSeconds = 20;                   // then one was lost

// The instant it was sent, and what it says.
using Message = std::array<std::byte, 100>;
Message stamped() {
  Message m{};
  const std::uint64_t now = now_ns();
  std::memcpy(m.data(), &now, sizeof now);
  return m;
}

// What the receiver, a forked child, tells.
struct Told {
  std::atomic<bool> ready;
  std::array<std::uint64_t, kMessages> ns;
};

// The exit status: nothing may be thrown out of a forked child.
template <class Receiver>
int receive_all(Receiver connect, Told& told) noexcept try {
  auto receive = connect();
  told.ready = true;
  for (std::uint64_t& ns : told.ns) {
    const Message m = receive();
    std::uint64_t sent = 0;
    std::memcpy(&sent, m.data(), sizeof sent);
    ns = now_ns() - sent;
  }
  return 0;
} catch (...) {
  return 1;
}

// `connect_receiver` and `connect_sender` are called in the process that they are for, and answer what receives the
// next Message there, and what sends one here.
template <class Receiver, class Sender>
double one_way_ns(Receiver connect_receiver, Sender connect_sender) {
  const SharedPages<Told> told(1);
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) throw tools::complaint("fork", Error{Code::io, static_cast<std::uint16_t>(errno)});
  if (child == 0) {
    tools::die_with(parent);
    ::alarm(kSeconds);
    ::_exit(receive_all(connect_receiver, told[0]));
  }
  auto send = connect_sender();
  while (!told[0].ready && tools::ended(child) < 0) tools::nap(kBetween);
  for (std::size_t i = 0; i < kMessages; ++i) {
    tools::nap(kBetween);
    send(stamped());
  }
  if (tools::wait_for(child) != 0) throw tools::Complaint{"", {Code::timeout}, "a message was lost"};
  Samples samples;
  for (const std::uint64_t ns : told[0].ns) samples.add(static_cast<double>(ns));
  return samples.median();
}

double over_ring(const std::string& path) {
  const auto receiver = [&] {
    for (;;) {  // until the writer has made it
      Store store = tools::must(open(path), path);
      auto ring = Ring<Message>::reader(store, "messages");
      if (ring)
        return [store = std::move(store), ring = *std::move(ring), seen = std::uint64_t{0}]() mutable {
          while (ring.pushed() == seen) continue;
          ++seen;
          return ring.last(1).at(0);
        };
    }
  };
  const auto sender = [&] {
    Store store = tools::must(open(path), path);
    auto ring = tools::must(Ring<Message>::writer(store, "messages", 1024), path);
    return [store = std::move(store), ring = std::move(ring)](const Message& m) mutable { ring.push(m); };
  };
  const double ns = one_way_ns(receiver, sender);
  ::unlink(path.c_str());
  return ns;
}

double over_append(const std::string& path) {
  const auto receiver = [&] {
    Store store = tools::must(open(path), path);
    auto tail = tools::must(Tail::from_now(store), path);
    return [store = std::move(store), tail = std::move(tail)]() mutable {
      const Record r = tail.next(std::chrono::seconds(kSeconds)).value();
      Message m;
      std::memcpy(m.data(), r.bytes().data(), m.size());
      return m;
    };
  };
  const auto sender = [&] {
    return [store = tools::must(open(path), path)](const Message& m) mutable { store.append("m", m).value(); };
  };
  const double ns = one_way_ns(receiver, sender);
  ::unlink(path.c_str());
  return ns;
}

// Through two descriptors, of which each process has both.
double over_descriptors(const std::array<int, 2>& ends) {
  const auto receiver = [&] {
    return [from = ends[0]] {
      Message m{};
      if (::read(from, m.data(), m.size()) != static_cast<ssize_t>(m.size())) throw std::bad_exception();
      return m;
    };
  };
  const auto sender = [&] {
    return [to = ends[1]](const Message& m) {
      if (::write(to, m.data(), m.size()) != static_cast<ssize_t>(m.size())) throw std::bad_exception();
    };
  };
  const double ns = one_way_ns(receiver, sender);
  for (const int end : ends) ::close(end);
  return ns;
}

double over_pipe() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw tools::complaint("pipe", Error{Code::io, static_cast<std::uint16_t>(errno)});
  return over_descriptors(ends);
}

double over_socket() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) != 0)
    throw tools::complaint("socketpair", Error{Code::io, static_cast<std::uint16_t>(errno)});
  return over_descriptors(ends);
}

constexpr const char* kQueue = R"(
import multiprocessing, statistics, time
def receive(queue, ready, told):
    ready.set()
    ns = []
    for _ in range(1000):
        sent, _ = queue.get()
        ns.append(time.monotonic_ns() - sent)
    told.put(statistics.median(ns))
multiprocessing.set_start_method("fork")
queue, told, ready = multiprocessing.Queue(), multiprocessing.Queue(), multiprocessing.Event()
multiprocessing.Process(target=receive, args=(queue, ready, told), daemon=True).start()
ready.wait()
for _ in range(1000):
    time.sleep(100e-6)
    queue.put((time.monotonic_ns(), bytes(92)))
print(told.get(timeout=20))
)";

std::optional<double> over_queue() {
  const std::string command = "python3 -c '" + std::string(kQueue) + "' 2>/dev/null";
  std::FILE* const out = ::popen(command.c_str(), "r");
  if (out == nullptr) return {};
  double ns = 0;
  const bool told = std::fscanf(out, "%lf", &ns) == 1;
  return ::pclose(out) == 0 && told ? std::optional(ns) : std::nullopt;
}

}  // namespace

Messages measure_messages(const std::string& directory) {
  Samples ring, append, pipe, socket;
  for (std::size_t i = 0; i < kRounds; ++i) {
    ring.add(over_ring(directory + "/ring.durra"));
    append.add(over_append(directory + "/append.durra"));
    pipe.add(over_pipe());
    socket.add(over_socket());
  }
  return {ring.median(), append.median(), pipe.median(), socket.median(), over_queue()};
}

}  // namespace durra::bench
