// One round of the storm.
#include "tests/proof/storm/nursery.h"

#include <durra/care.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <type_traits>

#include "tests/proof/storm/life.h"
#include "tests/support/file_edit.h"
#include "tests/support/stores.h"
#include "tools/clock.h"
#include "tools/random.h"
#include "tools/torture/company.h"
#include "tools/torture/judge.h"
#include "tools/torture/stall.h"

namespace durra::test {
namespace {

using tools::Ledger;
using tools::now_ns;

template <class T>
T must(Result<T> r, const char* what) {
  if (!r) throw std::runtime_error(std::string(what) + ": " + r.error().message());
  return *std::move(r);
}
void must(const Result<void>& r, const char* what) {
  if (!r) throw std::runtime_error(std::string(what) + ": " + r.error().message());
}

// The ledger, in memory that the workers share and no kill takes away.
struct SharedLedger {
  SharedLedger() {
    void* at = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::runtime_error("mmap");
    ledger = new (at) Ledger;
  }
  ~SharedLedger() { ::munmap(ledger, sizeof(Ledger)); }
  SharedLedger(const SharedLedger&) = delete;
  Ledger* ledger;
};

struct Slot {
  pid_t pid = -1;
  Fate fate;
  std::uint64_t due_ns = 0;  // when we shall kill it; 0: somebody else will
  std::uint64_t lives = 0;   // of the worker, before this one
  pid_t orphans = -1;        // the group of those whom a killed parent left behind
};

class Nursery {
 public:
  Nursery(const std::string& path, std::uint64_t seed, std::uint64_t kills, Round& round)
      : path_(path), round_(round), kills_(kills), random_(seed) {
    ledger_.workers = kAtOnce;
    ledger_.seed = seed;
    ledger_.rate = 1'000'000'000;  // never a pause
    ledger_.all = true;
    ledger_.accounts = 24;
    std::copy(path.begin(), path.end(), ledger_.store.begin());
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigemptyset(&child_);
    sigaddset(&child_, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child_, nullptr);
    store_.emplace(must(open(path, small(1_GiB, 64)), "create"));
    must(tools::open_accounts(*store_, ledger_), "accounts");
  }
  ~Nursery() {
    for (Slot& slot : slots_) {
      if (slot.pid > 0) ::kill(slot.pid, SIGKILL);
      if (slot.pid > 0) ::waitpid(slot.pid, nullptr, 0);
      end_orphans(slot);
    }
  }
  Nursery(const Nursery&) = delete;

  void run() {
    for (unsigned w = 0; w < kAtOnce; ++w) start(w, choose());
    while (round_.kills < kills_) {
      if (!take_one()) wait_a_little();
      strike_who_is_due();
      if (random_.one_in(512)) black_out();
      if (ledger_.told.load() != 0) break;
    }
    end_in_order();
    inspect();
  }

  void tell() {
    for (unsigned w = 0; w < kAtOnce; ++w) {
      const auto& each = ledger_.each[w];
      round_.acknowledged += each.acknowledged;
      round_.stalls += each.stalls;
      round_.longest_ns = std::max(round_.longest_ns, each.longest_ns.load());
      round_.longest_open_ns = std::max(round_.longest_open_ns, each.longest_open_ns.load());
    }
    round_.lost = ledger_.lost;
    round_.torn = ledger_.torn;
    round_.violations = ledger_.violations;
    round_.events = ledger_.counted;
    round_.batches = ledger_.batches;
    round_.snapshots = ledger_.snapshots;
    round_.compactions = ledger_.compactions;
    if (round_.wrong[0] == 0) round_.wrong = {};
    if (ledger_.first[0] != 0) std::snprintf(round_.wrong.data(), round_.wrong.size(), "%s", ledger_.first.data());
  }

 private:
  // Mostly short lives: many die before they have opened the store.
  std::uint64_t length() {
    constexpr std::uint64_t kMost[] = {150'000,   500'000,   1'500'000, 1'500'000,
                                       1'500'000, 1'500'000, 4'000'000, 12'000'000};
    return 1000 + random_.below(kMost[random_.below(std::size(kMost))]);
  }

  Fate choose() {
    const std::uint64_t choice = random_.below(64);
    const End end = choice < 52 ? End::timer : choice < 54 ? End::stopped : choice < 55 ? End::family : End::struck;
    return {end, length()};
  }

  void start(unsigned w, const Fate& fate) {
    Slot& slot = slots_[w];
    slot.fate = fate;
    slot.lives = ledger_.each[w].lives;
    slot.pid = start_life(ledger_, w, fate);
    slot.due_ns = fate.end == End::struck || fate.end == End::family ? now_ns() + fate.after_ns : 0;
  }

  // Buries one who has died and starts another in its place.  False: nobody has.
  bool take_one() {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED);
    if (pid <= 0) return false;
    const auto slot = std::find_if(slots_.begin(), slots_.end(), [&](const Slot& s) { return s.pid == pid; });
    if (slot == slots_.end()) return true;  // somebody's orphan
    const auto w = static_cast<unsigned>(slot - slots_.begin());
    if (WIFSTOPPED(status)) {
      ++round_.stopped;
      slot->due_ns = now_ns() + random_.below(20'000'000);
      return true;
    }
    bury(w, status);
    start(w, choose());
    return true;
  }

  void bury(unsigned w, int status) {
    Slot& slot = slots_[w];
    const pid_t pid = slot.pid;
    slot.pid = -1;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
      ++round_.kills;
      round_.opening += slot.lives == ledger_.each[w].lives;
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || ledger_.stop.load() == 0) {
      ledger_.note_violation("a worker ended by itself", w, 0, static_cast<std::uint64_t>(status));
    }
    end_orphans(slot);
    if (slot.fate.end == End::family) judge_family(slot, pid);
    settled(w);
  }

  // Its forked child lives on: the dead one's seats are nobody's all the same.
  void judge_family(Slot& slot, pid_t pid) {
    ++round_.families;
    slot.orphans = pid;
    // A seat looks alive also while somebody reaps it, who may have to wait for a CPU, or for us because he is stopped.
    const std::uint64_t until = now_ns() + 2'000'000'000;
    while (seems_alive(pid)) {
      if (now_ns() > until) {
        ledger_.note_violation("a forked child keeps its dead parent's seat", 0, 0, static_cast<std::uint64_t>(pid));
        break;
      }
      for (const Slot& other : slots_)
        if (other.fate.end == End::stopped && other.pid > 0) ::kill(other.pid, SIGCONT);
      tools::nap(std::chrono::microseconds(50));
    }
    if (random_.one_in(2)) end_orphans(slot);
  }

  bool seems_alive(pid_t pid) {
    const auto seats = must(participants(*store_), "participants");
    return std::any_of(seats.begin(), seats.end(),
                       [&](const SeatInfo& seat) { return seat.pid == static_cast<std::uint32_t>(pid) && seat.alive; });
  }

  static void end_orphans(Slot& slot) {
    if (slot.orphans > 0) ::kill(-slot.orphans, SIGKILL);
    slot.orphans = -1;
  }

  // What a survivor does next waits for nobody.
  void settled(unsigned w) {
    const auto done = timed([&] { return tools::settle(*store_, ledger_, w); });
    must(done, "settle");
  }

  void strike_who_is_due() {
    const std::uint64_t now = now_ns();
    for (Slot& slot : slots_) {
      if (slot.due_ns == 0 || slot.due_ns > now) continue;
      slot.due_ns = 0;
      if (slot.fate.end == End::family && random_.one_in(2)) ::kill(-slot.pid, SIGKILL);
      ::kill(slot.pid, SIGKILL);
    }
  }

  void wait_a_little() {
    std::uint64_t due = now_ns() + 20'000'000;
    for (const Slot& slot : slots_)
      if (slot.due_ns != 0) due = std::min(due, slot.due_ns);
    const std::uint64_t now = now_ns();
    if (due <= now) return;
    const timespec left{0, static_cast<long>(due - now)};
    ::sigtimedwait(&child_, nullptr, &left);
  }

  // Nobody is left, not even we: the next opener finds what the dead left in the file, and no witness.
  void black_out() {
    store_.reset();
    for (Slot& slot : slots_) ::kill(slot.pid, SIGKILL);
    std::array<int, kAtOnce> status{};
    for (unsigned w = 0; w < kAtOnce; ++w) ::waitpid(slots_[w].pid, &status[w], 0);
    const bool rebuild = random_.one_in(4);
    reopen(rebuild);
    for (unsigned w = 0; w < kAtOnce; ++w) bury(w, status[w]);
    for (unsigned w = 0; w < kAtOnce; ++w) start(w, choose());
    ++round_.blackouts;
    round_.rebuilds += rebuild;
  }

  void reopen(bool rebuild) {
    Options options;
    options.mode = Mode::open;
    options.rebuild = rebuild;
    store_.reset();
    store_.emplace(must(open(path_, options), rebuild ? "open and rebuild" : "open"));
  }

  // The last eight end by themselves.
  void end_in_order() {
    for (unsigned w = 0; w < kAtOnce; ++w) {
      if (slots_[w].pid > 0) {
        int status = 0;
        ::kill(slots_[w].pid, SIGKILL);
        ::waitpid(slots_[w].pid, &status, 0);
        bury(w, status);
      }
      start(w, {End::calm, 0});
    }
    tools::nap(std::chrono::milliseconds(10));
    ledger_.stop = 1;
    const std::uint64_t until = now_ns() + 20'000'000'000;
    for (unsigned w = 0; w < kAtOnce; ++w) {
      int status = 0;
      while (::waitpid(slots_[w].pid, &status, WNOHANG) == 0) {
        if (now_ns() > until) throw std::runtime_error("a worker hangs");
        tools::nap(std::chrono::microseconds(200));
      }
      bury(w, status);
      end_orphans(slots_[w]);
    }
  }

  // Everybody has gone: nothing may be left of them but their records.
  void inspect() {
    reopen(false);
    const tools::Leaks left = must(tools::leaks(*store_), "leaks");
    round_.seats = left.seats;
    round_.regions = left.regions;
    round_.pins = left.pins;
    judge_all();
    store_.reset();
    judge_file();
    const Verdict verdict = must(verify(path_), "verify");
    for (const Finding& f : verdict.damage) throw std::runtime_error("damage: " + f.error.message() + " " + f.what);
    reopen(true);
    judge_all();
    auto all = store_->records();
    for (const Record& r : all) tools::judge_scanned(r, ledger_);
    must(all.status(), "scan");
    must(tools::judge_events(*store_, ledger_), "events");
  }

  void judge_all() {
    for (unsigned w = 0; w < kAtOnce; ++w) settled(w);
    must(tools::judge_money(must(store_->snapshot(), "snapshot"), ledger_), "money");
  }

  // The file that the last one closed in order: no seat is taken, no pin counted.
  void judge_file() {
    const FileEdit file(path_);
    for (std::uint32_t n = 0; n < file.super().seat_count; ++n) {
      const auto seat = file.get<format::Seat>(file.super().seats_offset + n * sizeof(format::Seat));
      round_.seats += format::seat_state(seat.state) != format::SeatState::free;
      for (const std::uint64_t cell : seat.pins) round_.pins += format::pin_count(cell);
    }
  }

  template <class F>
  std::invoke_result_t<F&> timed(F&& operation) {
    clock_.begin();
    auto result = operation();
    clock_.end(ledger_.each[0].longest_ns, ledger_.each[0].stalls);
    return result;
  }

  const std::string path_;
  Round& round_;
  const std::uint64_t kills_;
  tools::Random random_;
  SharedLedger shared_;
  Ledger& ledger_ = *shared_.ledger;
  tools::StallClock clock_;
  sigset_t child_;
  std::optional<Store> store_;
  std::array<Slot, kAtOnce> slots_;
};

}  // namespace

void Round::add(const Round& r) {
  for (const auto of :
       {&Round::kills, &Round::opening, &Round::stopped, &Round::families, &Round::blackouts, &Round::rebuilds,
        &Round::acknowledged, &Round::lost, &Round::torn, &Round::violations, &Round::stalls, &Round::seats,
        &Round::regions, &Round::pins, &Round::events, &Round::batches, &Round::compactions, &Round::snapshots})
    this->*of += r.*of;
  longest_ns = std::max(longest_ns, r.longest_ns);
  longest_open_ns = std::max(longest_open_ns, r.longest_open_ns);
}

void storm_round(const std::string& path, std::uint64_t seed, std::uint64_t kills, Round& round) {
  std::optional<Nursery> nursery;
  try {
    nursery.emplace(path, seed, kills, round);
    nursery->run();
  } catch (const std::exception& e) {
    std::snprintf(round.wrong.data(), round.wrong.size(), "%s", e.what());
  }
  if (nursery) nursery->tell();
}

}  // namespace durra::test
