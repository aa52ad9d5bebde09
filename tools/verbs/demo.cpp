// durra demo: the README's story in five seconds.  Four writers, one file, kill -9, nothing to repair.
#include <durra/care.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>

#include "tools/call.h"
#include "tools/child.h"
#include "tools/clock.h"
#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/random.h"
#include "tools/scratch.h"
#include "tools/shared_memory.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kWriters = 4;
constexpr std::uint64_t kBurst = 3000;  // records, then a pause: five seconds shall not fill anybody's disk

// What the writers promise, where no kill can take it back.
struct Sheet {
  std::int32_t parent = 0;
  std::array<char, 4096> path{};
  std::array<std::atomic<std::uint64_t>, kWriters> acknowledged{};
};

Key key_of(unsigned writer, std::uint64_t n) { return writer * 1'000'000'000ull + n; }
std::string text_of(unsigned writer, std::uint64_t n) { return fmt::format("record {} of writer {}", n, writer); }

int write(std::uint64_t writer, std::uint64_t fd) {
  const auto sheet = must(SharedMemory<Sheet>::attach(static_cast<int>(fd)), "");
  die_with(sheet->parent);
  const auto w = static_cast<unsigned>(writer);
  Store store = must(open(sheet->path.data()), sheet->path.data());
  for (std::uint64_t n = sheet->acknowledged[w] + 1;; ++n) {
    must(store.put(key_of(w, n), text_of(w, n)), sheet->path.data());
    sheet->acknowledged[w] = n;
    if (n % kBurst == 0) nap(milliseconds(60));
  }
}

class Demo {
 public:
  Demo(const std::string& path, bool quiet)
      : path_(path), quiet_(quiet), sheet_(must(SharedMemory<Sheet>::create(), "")), random_(now_ns()) {
    sheet_->parent = ::getpid();
    if (path.size() >= sheet_->path.size()) throw complaint(path, {Code::too_large});
    std::copy(path.begin(), path.end(), sheet_->path.begin());
  }
  ~Demo() {
    for (const pid_t child : children_)
      if (child > 0) kill_and_wait(child);
  }
  Demo(const Demo&) = delete;
  Demo& operator=(const Demo&) = delete;

  Json run() {
    say("{} processes put records into {} at the same time", kWriters, path_);
    for (unsigned w = 0; w < kWriters; ++w) start(w);
    for (int i = 0; i < 8; ++i) {
      nap(milliseconds(320 + random_.below(100)));
      kill_one(static_cast<unsigned>(random_.below(kWriters)));
    }
    nap(milliseconds(300));
    kill_all();
    return check();
  }

 private:
  template <class... A>
  void say(fmt::format_string<A...> text, A&&... arguments) const {
    if (quiet_) return;
    fmt::print("{:5.1f} s  {}\n", static_cast<double>(now_ns() - begun_) / 1e9,
               fmt::format(text, std::forward<A>(arguments)...));
    std::fflush(stdout);
  }

  void start(unsigned w) {
    children_[w] =
        must(spawn_self({"demo", "--writer", std::to_string(w), "--sheet", std::to_string(sheet_.fd())}), "");
  }

  std::uint64_t of_others(unsigned w) const {
    std::uint64_t sum = 0;
    for (unsigned o = 0; o < kWriters; ++o)
      if (o != w) sum += sheet_->acknowledged[o];
    return sum;
  }

  void kill_one(unsigned w) {
    wait_until_at_work(w);
    const pid_t victim = children_[w];
    bury(w);
    const std::uint64_t before = of_others(w);
    nap(milliseconds(100));
    say("kill -9 {} after its record {}; the others put {} in the next 100 ms", victim,
        count_text(sheet_->acknowledged[w]), count_text(of_others(w) - before));
    start(w);
  }

  void kill_all() {
    wait_until_at_work(0);
    for (const pid_t child : children_) ::kill(child, SIGKILL);
    for (unsigned w = 0; w < kWriters; ++w) bury(w);
    say("kill -9 all {}", kWriters);
  }

  // It has just put a record, so it is about to put the next.
  void wait_until_at_work(unsigned w) {
    const std::uint64_t before = sheet_->acknowledged[w];
    while (sheet_->acknowledged[w] == before) {
      throw_if_interrupted();
      if (const int status = ended(children_[w]); status >= 0) died(w, status);
    }
  }

  void bury(unsigned w) {
    const int status = kill_and_wait(children_[w]);
    throw_if_interrupted();
    if (status != 128 + SIGKILL) died(w, status);
    children_[w] = -1;
    ++killed_;
  }

  [[noreturn]] void died(unsigned w, int status) {
    children_[w] = -1;
    throw Complaint{path_, {Code::io}, fmt::format("a writer ended by itself with status {}", status)};
  }

  Json check() const {
    Store store = must(open(path_), path_);
    const Stats opened = must(stats(store), path_);
    say("opened again in {} ({}): there is nothing to repair", duration_text(opened.open_ns), name(opened.opened));
    std::uint64_t acknowledged = 0, lost = 0;
    for (unsigned w = 0; w < kWriters; ++w)
      for (std::uint64_t n = 1; n <= sheet_->acknowledged[w]; ++n, ++acknowledged) {
        const auto r = store.get(key_of(w, n));
        if (!r || r->text() != text_of(w, n)) ++lost;
      }
    say("each acknowledged record looked up: {} found, {} lost", count_text(acknowledged - lost), lost);
    const Verdict verdict = must(verify(path_), path_);
    say("every byte checked: {}, {}, damage {}", count_text(verdict.records, "record"), size_text(verdict.bytes),
        verdict.damage.empty() ? "none" : count_text(verdict.damage.size()));
    return {{"acknowledged", acknowledged}, {"lost", lost}, {"killed", killed_}, {"damage", verdict.damage.size()}};
  }

  std::string path_;
  bool quiet_;
  SharedMemory<Sheet> sheet_;
  Random random_;
  std::array<pid_t, kWriters> children_{-1, -1, -1, -1};
  std::uint64_t killed_ = 0, begun_ = now_ns();
};

}  // namespace

int verb_demo(Call& call) {
  std::uint64_t writer = 0, sheet = 0;
  call.hidden("--writer", writer).hidden("--sheet", sheet).parse();
  if (sheet != 0) return write(writer, sheet);

  const InterruptGuard guard;  // before the scratch directory, which is removed first
  const Scratch scratch(512u << 20);
  call.store = scratch.file("demo.durra");
  const Json result = Demo(call.store, call.json).run();
  const std::uint64_t lost = result["lost"], damage = result["damage"];
  if (call.json)
    answer(call, result);
  else
    fmt::print("demo: {} acknowledged, {} lost, {} killed, damage {}\n", count_text(result["acknowledged"]), lost,
               result["killed"].get<std::uint64_t>(), damage == 0 ? "none" : count_text(damage));
  return lost == 0 && damage == 0 ? kDone : kDamage;
}

}  // namespace durra::tools
