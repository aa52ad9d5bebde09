// The storm.
#include "tools/torture/storm.h"

#include <durra/care.h>
#include <linux/futex.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <optional>

#include "tools/child.h"
#include "tools/clock.h"
#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/progress.h"
#include "tools/random.h"
#include "tools/shared_memory.h"
#include "tools/torture/company.h"
#include "tools/torture/judge.h"
#include "tools/torture/ledger.h"

namespace durra::tools {
namespace {

using std::chrono::microseconds;

class Storm {
 public:
  Storm(const std::string& path, const StormOptions& options)
      : path_(path),
        options_(options),
        ledger_(must(SharedMemory<Ledger>::create(), "")),
        random_(options.seed),
        children_(options.processes, -1) {
    if (path.size() >= ledger_->store.size()) throw complaint(path, {Code::too_large, 0, ledger_->store.size() - 1});
    ledger_->workers = options.processes;
    ledger_->seed = options.seed;
    ledger_->rate = std::max<std::uint64_t>(options.rate, 1);
    ledger_->parent = ::getpid();
    ledger_->all = options.all;
    std::copy(path.begin(), path.end(), ledger_->store.begin());
    reopen(Mode::create_new);
    if (options.all) must(open_accounts(*store_, *ledger_), path);
  }
  ~Storm() {
    for (const pid_t child : children_)
      if (child > 0) kill_and_wait(child);
  }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;

  StormReport run() {
    for (unsigned w = 0; w < options_.processes; ++w) start(w);
    const std::uint64_t begin = now_ns(), length = static_cast<std::uint64_t>(options_.seconds * 1e9);
    ProgressLine progress("torture");
    for (std::uint64_t now = begin; now - begin < length; now = now_ns()) {
      nap(microseconds(random_.below(30'000)));
      throw_if_interrupted();
      notice_failures();
      random_.one_in(64) ? black_out() : strike(below(options_.processes));
      progress.show(std::min(now - begin, length), length);
      watch_size(now - begin);
    }
    stop();
    inspect();
    return report_;
  }

 private:
  void start(unsigned w) {
    children_[w] =
        must(spawn_self({"torture", "--worker", std::to_string(w), "--ledger", std::to_string(ledger_.fd())}), path_);
  }

  // One dies, in the middle of its work or while it opens the store, and is followed by another.
  void strike(unsigned w) {
    if (random_.one_in(8)) {
      strike_down(w);
      start(w);
      nap(microseconds(random_.below(4'000)));
      ++report_.while_opening;
    } else {
      hurry(w);
    }
    strike_down(w);
    start(w);
  }

  // Nobody is left, not even we: the next opener finds what the dead left in the file, and no witness.
  void black_out() {
    store_.reset();
    hurry(below(options_.processes));
    for (const pid_t child : children_) ::kill(child, SIGKILL);
    for (pid_t& child : children_) bury(child);
    reopen(Mode::open);
    for (unsigned w = 0; w < options_.processes; ++w) settled(w);
    for (unsigned w = 0; w < options_.processes; ++w) start(w);
    ++report_.blackouts;
  }

  void strike_down(unsigned w) {
    ::kill(children_[w], SIGKILL);
    bury(children_[w]);
    settled(w);
  }

  // It had to die of our kill: a worker that ends otherwise has something to say.
  void bury(pid_t& child) {
    const int status = wait_for(child);
    child = -1;
    throw_if_interrupted();
    if (status == 128 + SIGKILL)
      ++report_.kills;
    else
      died(status);
  }

  void notice_failures() {
    for (pid_t& child : children_)
      if (const int status = ended(child); status >= 0) {
        child = -1;
        died(status);
      }
  }

  [[noreturn]] void died(int status) const {
    const Code code = status == kDamage || status >= 128 ? Code::damaged : status == kNotNow ? Code::busy : Code::io;
    throw Complaint{path_, {code}, "a worker ended by itself with status " + std::to_string(status)};
  }

  void settled(unsigned w) {
    must(settle(*store_, *ledger_, w), path_);
    ledger_->each[w].hurry = 0;
  }

  // Makes it work without a pause for a moment, so that the kill hits it there.
  void hurry(unsigned w) {
    auto& flag = ledger_->each[w].hurry;
    flag = 1;
    ::syscall(SYS_futex, &flag, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    nap(microseconds(random_.below(400)));
  }

  void stop() {
    ledger_->stop = 1;
    for (unsigned w = 0; w < options_.processes; ++w) {
      const int status = wait_for(children_[w]);
      children_[w] = -1;
      throw_if_interrupted();
      if (status != 0) died(status);
      settled(w);
    }
  }

  // Everybody has gone: nothing may be left of them but their records.
  void inspect() {
    reopen(Mode::open);
    count_leaks();
    file_bytes();
    store_.reset();
    const Verdict verdict = must(verify(path_), path_);
    report_.torn_tails = verdict.torn_tails;
    report_.damage = verdict.damage.size();
    reopen(Mode::open, true);
    report_.rebuilt_in_ns = must(stats(*store_), path_).open_ns;
    for (unsigned w = 0; w < options_.processes; ++w) settled(w);
    scan();
    if (options_.all) {
      must(judge_money(must(store_->snapshot(), path_), *ledger_), path_);
      must(judge_events(*store_, *ledger_), path_);
    }
    for (unsigned w = 0; w < options_.processes; ++w) {
      const WorkerLedger& each = ledger_->each[w];
      report_.acknowledged += each.acknowledged;
      report_.stalls += each.stalls;
      report_.longest_ns = std::max(report_.longest_ns, each.longest_ns.load());
    }
    report_.lost = ledger_->lost;
    report_.torn = ledger_->torn;
    report_.violations = ledger_->violations;
    report_.batches = ledger_->batches;
    report_.conflicts = ledger_->conflicts;
    report_.snapshots = ledger_->snapshots;
    report_.counted = ledger_->counted;
    report_.compactions = ledger_->compactions;
    report_.first = !verdict.damage.empty() ? verdict.damage[0].error.message() + " " + verdict.damage[0].what
                                            : std::string(ledger_->first.data());
  }

  void count_leaks() {
    const Leaks left = must(leaks(*store_), path_);
    report_.seats_leaked = left.seats;
    report_.regions_leaked = left.regions;
  }

  // Every second: the file must not grow for ever.
  void watch_size(std::uint64_t elapsed_ns) {
    if (elapsed_ns / 1'000'000'000 < seconds_told_) return;
    struct stat file {};
    if (::stat(path_.c_str(), &file) != 0) return;
    const auto bytes = static_cast<std::uint64_t>(file.st_blocks) * 512;
    report_.disk_bytes_max = std::max(report_.disk_bytes_max, bytes);
    if (options_.tell_size) options_.tell_size(seconds_told_, bytes);
    ++seconds_told_;
  }

  void file_bytes() { report_.file_bytes = must(stats(*store_), path_).file_bytes; }

  void scan() {
    Records all = store_->records();
    for (const Record& r : all) {
      judge_scanned(r, *ledger_);
      ++report_.records;
    }
    must(all.status(), path_);
  }

  void reopen(Mode mode, bool rebuild = false) {
    store_.reset();
    Options options;
    options.mode = mode;
    options.rebuild = rebuild;
    store_.emplace(must(open(path_, options), path_));
  }

  unsigned below(unsigned n) { return static_cast<unsigned>(random_.below(n)); }

  std::string path_;
  StormOptions options_;
  SharedMemory<Ledger> ledger_;
  Random random_;
  std::optional<Store> store_;
  std::vector<pid_t> children_;
  StormReport report_;
  std::uint64_t seconds_told_ = 1;
};

}  // namespace

StormReport storm(const std::string& store, const StormOptions& options) { return Storm(store, options).run(); }

}  // namespace durra::tools
