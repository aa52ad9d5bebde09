// How long one who waits for a record sleeps on after it was put, beside what the machine needs to wake a thread.
#pragma once
#include <string>

namespace durra::bench {

// From the beginning of the put (of the store of a word) to the return of the one who was asleep: medians, taken by
// turns.
struct Wakeup {
  double wait_ns;   // Store::put here, Store::wait there, through two handles of one store
  double futex_ns;  // a store and FUTEX_WAKE here, FUTEX_WAIT there, on a page that processes could share
};
Wakeup measure_wakeup(const std::string& directory);  // for a store, which is removed

}  // namespace durra::bench
