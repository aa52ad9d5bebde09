// Sweep: tombstones that hide nothing any more leave the index (PROTOCOL.md SWEEP).
#pragma once
#include <chrono>

#include "store/handle.h"

namespace durra::detail {

// Drops tombstones in regions that were sealed at least `keep` ago and whose keys have no other version in the file,
// as many as 65,536 at a time.  Waits up to `patience` for readers that pinned before.  Returns how many went.
// Precondition: the caller holds no pin.
std::uint64_t sweep(Handle&, LocalSeat&, std::chrono::nanoseconds keep, std::chrono::nanoseconds patience);

}  // namespace durra::detail
