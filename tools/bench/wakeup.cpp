// How long one who waits for a record sleeps on after it was put.
#include "tools/bench/wakeup.h"

#include <durra/store.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <future>
#include <new>
#include <thread>
#include <vector>

#include "tools/child.h"
#include "tools/clock.h"
#include "tools/failure.h"

namespace durra::bench {
namespace {

using tools::now_ns;

constexpr std::uint32_t kWakeups = 400;
constexpr std::size_t kRounds = 5;
constexpr std::chrono::seconds kPatience{10};  // then the wake-up was missed

tools::Complaint missed() { return {"", {Code::timeout}, "a wake-up was missed"}; }

// When it woke up; throws what ended the sleeper instead.
std::uint64_t end_of_sleep(std::atomic<std::uint64_t>& awake, std::future<void>& sleeper) {
  for (;;) {
    const bool over = sleeper.wait_for(Duration::zero()) == std::future_status::ready;
    if (const std::uint64_t end = awake.exchange(0); end != 0) return end;
    if (over) {
      sleeper.get();
      throw missed();
    }
    std::this_thread::yield();
  }
}

// Wakes one who sleeps, again and again; adds the ns from the call of `serve` to the return of `receive`.
template <class Serve, class Receive>
void take(std::vector<std::uint64_t>& samples, Serve serve, Receive receive) {
  std::atomic<std::uint64_t> awake{0};
  std::future<void> sleeper = std::async(std::launch::async, [&] {
    for (std::uint32_t i = 1; i <= kWakeups; ++i) {
      receive(i);
      awake.store(now_ns());
    }
  });
  for (std::uint32_t i = 1; i <= kWakeups; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(60));  // it sleeps by now
    const std::uint64_t begun = now_ns();
    serve(i);
    samples.push_back(end_of_sleep(awake, sleeper) - begun);
  }
  sleeper.get();
}

// A futex word in memory that forks would share.
class Word {
 public:
  Word() : at_(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (at_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~Word() { ::munmap(at_, 4096); }
  Word(const Word&) = delete;
  Word& operator=(const Word&) = delete;

  void serve(std::uint32_t value) const noexcept {
    std::atomic_ref(word()).store(value);
    ::syscall(SYS_futex, &word(), FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
  }
  void receive(std::uint32_t value) const {
    const timespec patience{kPatience.count(), 0};
    for (std::uint32_t now; (now = std::atomic_ref(word()).load()) != value;)
      if (::syscall(SYS_futex, &word(), FUTEX_WAIT, now, &patience, nullptr, 0) != 0 && errno == ETIMEDOUT)
        throw missed();
  }

 private:
  std::uint32_t& word() const noexcept { return *static_cast<std::uint32_t*>(at_); }
  void* at_;
};

void take_futex(std::vector<std::uint64_t>& samples) {
  const Word word;
  take(
      samples, [&](std::uint32_t i) { word.serve(i); }, [&](std::uint32_t i) { word.receive(i); });
}

void take_wait(std::vector<std::uint64_t>& samples, const std::string& path) {
  Store writer = tools::must(open(path), path), reader = tools::must(open(path), path);
  Stamp seen = absent;
  take(
      samples, [&](std::uint32_t i) { tools::must(writer.put("k", bytes_of(i)), path); },
      [&](std::uint32_t) { seen = tools::must(reader.wait("k", seen, kPatience), path).stamp(); });
  ::unlink(path.c_str());  // the next round begins without the key
}

double median(std::vector<std::uint64_t>& all) {
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return static_cast<double>(all[all.size() / 2]);
}

}  // namespace

Wakeup measure_wakeup(const std::string& directory) {
  const std::string path = directory + "/wakeup.durra";
  std::vector<std::uint64_t> wait, futex;
  for (std::size_t i = 0; i < kRounds; ++i) {
    take_futex(futex);
    take_wait(wait, path);
  }
  return {median(wait), median(futex)};
}

}  // namespace durra::bench
