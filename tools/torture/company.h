// What else goes on in a store, for torture --all: money that moves in batches, snapshots that add it up, events that a
// tail counts exactly once, compaction, readers that hold on to what they read.
#pragma once
#include <durra/care.h>
#include <durra/store.h>

#include <optional>

#include "tools/random.h"
#include "tools/torture/ledger.h"
#include "tools/torture/stall.h"

namespace durra::tools {

// Before the workers start: every account has its money.
Result<void> open_accounts(Store&, const Ledger&);

// All the money there is at one instant; a violation is noted unless it is what there was in the beginning.
Result<void> judge_money(const Snapshot&, Ledger&);

// What a consumer counted of one producer's events, exactly once each.
struct Counted {
  std::uint64_t count = 0, sum = 0;  // sum: of mix(sequence)
  friend bool operator==(const Counted&, const Counted&) = default;
};
// Counts up to `most` events that wait, and saves how far it came in the same batch.  Returns how many there were.
Result<unsigned> count_events(Store&, Tail&, Ledger&, unsigned most);
// After everything was counted: every event that is in the store was counted once, and every acknowledged one is there.
Result<void> judge_events(Store&, Ledger&);

// One worker's part in it.
class Company {
 public:
  Company(Store& store, Ledger& ledger, unsigned index, Random& random)
      : store_(store), ledger_(ledger), mine_(ledger.each[index]), index_(index), random_(random) {}

  Result<void> act();

 private:
  Result<void> append_event();
  Result<void> transfer();
  Result<void> count();
  Result<void> compact_now();
  Result<void> add_up();

  template <class F>
  std::invoke_result_t<F&> timed(F&& operation) {
    clock_.begin();
    auto result = operation();
    clock_.end(mine_.longest_ns, mine_.stalls);
    return result;
  }

  Store& store_;
  Ledger& ledger_;
  WorkerLedger& mine_;
  unsigned index_;
  Random& random_;
  StallClock clock_;
  std::optional<Tail> tail_;
  std::optional<Snapshot> held_;
  std::uint64_t held_until_ = 0, compact_at_ = 0;
};

}  // namespace durra::tools
