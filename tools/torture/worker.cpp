// One of the tortured.
#include "tools/torture/worker.h"

#include <durra/store.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#include <type_traits>
#include <vector>

#include "tools/clock.h"
#include "tools/torture/company.h"
#include "tools/torture/judge.h"
#include "tools/torture/stall.h"
#include "tools/torture/version.h"

namespace durra::tools {
namespace {

class Worker {
 public:
  Worker(Store store, Ledger& ledger, unsigned index)
      : store_(std::move(store)),
        ledger_(ledger),
        mine_(ledger.each[index]),
        index_(index),
        random_(mix(ledger.seed ^ index) + ++mine_.lives),
        company_(store_, ledger, index, random_) {}

  Result<void> run(std::uint64_t changes_max) {
    const std::uint64_t start = now_ns();
    for (std::uint64_t changes = 1; ledger_.stop.load() == 0 && changes <= changes_max; ++changes) {
      if (auto done = change(); !done) return done;
      if (auto done = look(); !done) return done;
      if (ledger_.all)
        if (auto done = company_.act(); !done) return done;
      pause_until(start + changes * 1'000'000'000 / ledger_.rate);
    }
    return {};
  }

 private:
  Result<void> change() {
    const std::uint64_t choice = random_.below(100);
    const auto done = choice < 70   ? change_own()
                      : choice < 82 ? change_counter()
                      : choice < 94 ? change_register()
                                    : change_lock();
    if (done) mine_.acknowledged.fetch_add(1, std::memory_order_relaxed);
    return done;
  }

  Result<void> change_own() {
    const auto k = static_cast<unsigned>(random_.below(kOwnKeys));
    Cell& cell = mine_.own[k];
    const Version before{index_, k, cell.acknowledged.load()};
    const Version next{index_, k, cell.next.load() + 1};
    cell.next = next.sequence;
    cell.intended = next.sequence;
    if (next.erases()) {
      const auto erased = timed([&] { return store_.erase(OwnKey(index_, k)); });
      if (!erased && erased.error().code != Code::not_found) return erased;
      if (static_cast<bool>(erased) == before.erases())
        ledger_.note_lost(erased ? "erased what was not there" : "nothing to erase", index_, k, before.sequence);
    } else if (auto put = put_own(next); !put) {
      return put.error();
    }
    cell.acknowledged = next.sequence;
    return {};
  }

  Result<Stamp> put_own(const Version& v) {
    const OwnKey key(v.owner, v.key);
    if (random_.one_in(64)) {  // a draft that is thrown away never was
      auto draft = timed([&] { return store_.draft(key, v.size()); });
      if (!draft) return draft.error();
      if (random_.one_in(2)) fill(draft->bytes(), Version{v.owner, v.key, ~0ull});
    }
    if (random_.one_in(4))
      return timed([&] { return store_.put_with(key, v.size(), [&](std::span<std::byte> to) { fill(to, v); }); });
    bytes_.resize(v.size());
    fill(bytes_, v);
    return timed([&] { return store_.put(key, bytes_); });
  }

  // Everybody counts in the same record: one lost update and the sums are off for ever.
  Result<void> change_counter() {
    const auto c = static_cast<unsigned>(random_.below(kCounters));
    Cell& cell = mine_.counters[c];
    const std::uint64_t next = cell.acknowledged.load() + 1;
    cell.intended = next;
    const auto done = timed([&] {
      return store_.update(counter_key(c), [&](const Record* old) {
        Counts counts;
        if (const auto seen = old ? old->as<Counts>() : Result<Counts>(counts); seen) counts = *seen;
        if (old && counts.check != counts.expected_check()) ledger_.note_torn("a counter is torn", index_, c);
        counts.of[index_] = next;
        counts.check = counts.expected_check();
        return std::string(reinterpret_cast<const char*>(&counts), sizeof counts);
      });
    });
    if (!done) return done.error();
    cell.acknowledged = next;
    return {};
  }

  Result<void> change_register() {
    const auto r = static_cast<unsigned>(random_.below(kRegisters));
    const Version next{index_, kRegisterKey + r, ++mine_.register_next};
    bytes_.resize(next.size());
    fill(bytes_, next);
    const auto stamp = timed([&] { return store_.put(register_key(r), bytes_); });
    if (!stamp) return stamp.error();
    if (static_cast<std::uint64_t>(*stamp) <= mine_.newest[r])
      ledger_.note_lost("a stamp did not rise", index_, r, mine_.newest[r]);
    mine_.newest[r] = static_cast<std::uint64_t>(*stamp);
    return {};
  }

  // Who creates the record has it alone: nobody else may replace or erase that version.
  Result<void> change_lock() {
    const auto l = static_cast<unsigned>(random_.below(kLocks));
    const std::string key = lock_key(l);
    const Version next{index_, kLockKey + l, ++mine_.register_next};
    bytes_.resize(next.size());
    fill(bytes_, next);
    const auto taken = timed([&] { return store_.put_if(key, bytes_, absent); });
    if (!taken) return taken.error().code == Code::conflict ? Result<void>() : taken.error();
    const auto seen = timed([&] { return store_.get(key); });
    if (!seen && seen.error().code != Code::not_found) return seen.error();
    if (!seen || seen->stamp() != *taken) ledger_.note_lost("a lock was taken twice", index_, l, next.sequence);
    const auto freed = timed([&] { return store_.erase_if(key, *taken); });
    if (freed || freed.error().code != Code::conflict) return freed;
    ledger_.note_lost("a held lock was changed", index_, l, next.sequence);
    return {};
  }

  Result<void> look() {
    if (auto done = timed([&] { return look_at_own(); }); !done) return done;
    if (random_.one_in(8)) {
      const auto c = timed([&] { return judge_counter(store_, ledger_, below(kCounters)); });
      if (!c) return c.error();
      if (auto r = timed([&] { return judge_register(store_, ledger_, below(kRegisters)); }); !r) return r;
    }
    if (random_.one_in(16)) {
      if (auto done = hold(); !done) return done;
    }
    if (random_.one_in(64)) look_at_many();
    return random_.one_in(8192) ? scan() : Result<void>();
  }

  Result<void> look_at_own() {
    const auto seen = judge_own(store_, ledger_, below(ledger_.workers), below(kOwnKeys), true);
    return seen ? Result<void>() : seen.error();
  }

  // Records are held across later changes of the same keys, and must be the same bytes when they are let go.
  Result<void> hold() {
    if (held_.size() >= 8) {
      for (const auto& [record, owner, key] : held_) judge_whole(record, ledger_, owner, key);
      held_.clear();
    }
    const unsigned owner = below(ledger_.workers), k = below(kOwnKeys);
    auto r = store_.get(OwnKey(owner, k));
    if (!r) return r.error().code == Code::not_found ? Result<void>() : r.error();
    if (judge_whole(*r, ledger_, owner, k)) held_.push_back({*std::move(r), owner, k});
    return {};
  }

  void look_at_many() {
    std::vector<OwnKey> names;
    for (unsigned k = 0; k < 16; ++k) names.emplace_back(below(ledger_.workers), below(kOwnKeys));
    const std::vector<Key> keys(names.begin(), names.end());
    for (const auto& r : timed([&] { return store_.get_many(keys); }))
      if (r) judge_scanned(*r, ledger_);
  }

  // Not timed: it reads the whole store.
  Result<void> scan() {
    auto all = store_.records();
    for (const Record& r : all) judge_scanned(r, ledger_);
    return all.status();
  }

  template <class F>
  std::invoke_result_t<F&> timed(F&& operation) {
    clock_.begin();
    auto result = operation();
    clock_.end(mine_.longest_ns, mine_.stalls);
    return result;
  }

  unsigned below(unsigned n) { return static_cast<unsigned>(random_.below(n)); }

  // Sleeps, unless the parent is about to kill: then it shall hit us at work.
  void pause_until(std::uint64_t due) {
    for (std::uint64_t now = now_ns(); now < due && ledger_.stop.load() == 0; now = now_ns()) {
      if (mine_.hurry.load() != 0) return;
      const timespec left{0, static_cast<long>(due - now < 10'000'000 ? due - now : 10'000'000)};
      ::syscall(SYS_futex, &mine_.hurry, FUTEX_WAIT, 0, &left, nullptr, 0);
    }
  }

  struct Held {
    Record record;
    unsigned owner, key;
  };
  Store store_;
  Ledger& ledger_;
  WorkerLedger& mine_;
  unsigned index_;
  Random random_;
  Company company_;
  StallClock clock_;
  std::vector<std::byte> bytes_;
  std::vector<Held> held_;
};

}  // namespace

Result<void> torture_worker(Ledger& ledger, unsigned worker, std::uint64_t changes_max) {
  Options options;
  options.mode = Mode::open;
  StallClock clock;
  std::atomic<std::uint64_t> not_a_stall{0};  // opens wait for one another
  clock.begin();
  auto store = open(ledger.store.data(), options);
  clock.end(ledger.each[worker].longest_open_ns, not_a_stall);
  if (!store) return store.error();
  return Worker(*std::move(store), ledger, worker).run(changes_max);
}

}  // namespace durra::tools
