// Reclaim: what nothing refers to any more is given back once nobody can still be reading it and what superseded it is
// on the disk (PROTOCOL.md RECLAIM).  Epochs: Fraser, "Practical lock-freedom", 2004; here a pin may be shared, old
// and in another process.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// The least epoch that anybody, in any process, may still be reading in; the epoch of now when nobody is.  Call it
// after the unlinking; it fences.
std::uint64_t oldest_pin(Handle&) noexcept;

// The least epoch of one seat's pins; ~0 when it has none.
std::uint64_t oldest_pin_of(format::Seat&) noexcept;

// Moves the epoch past `seen`, so that later pins are younger.
void move_epoch_past(Handle&, std::uint64_t seen) noexcept;

// Whether all pins are younger than the sealing of the region: nothing of it is on its way into the index any more.  If
// not, those of from now on are.
bool pins_are_younger(Handle&, format::Descriptor&) noexcept;

// COMPACTING(me), or an index region without a linked node → RETIRED.  Nothing may refer to it from now on.
// False: its state is no longer `from`.
bool retire(Handle&, std::uint64_t region, const format::RegionWord& from) noexcept;

// The epoch in which region `region`, which said `w`, was first seen to be RETIRED in this life; noted by the first who
// asks and may write.  0: it is no longer so.
std::uint64_t retired_in(Handle&, std::uint64_t region, const format::RegionWord& w) noexcept;

// Frees every RETIRED region that nobody reads any more and whose successors are durable; takes the sync ticket of
// those that have none yet.  Anybody may, at any time.
struct Freed {
  std::uint64_t freed = 0;          // regions that became FREE
  std::uint64_t wait_for_sync = 0;  // regions that only a sync keeps
  std::uint64_t wait_for_pins = 0;  // regions that only a reader keeps
  std::uint64_t ticket = 0;         // the sync that the youngest of them waits for
};
Freed free_retired(Handle&) noexcept;

// Garbage that cannot be given back as long as somebody reads in `epoch`: what was sealed or retired since.
struct HeldBack {
  std::uint64_t regions = 0, bytes = 0;
};
HeldBack held_back_by(Handle&, std::uint64_t epoch) noexcept;

// Gives disk blocks of FREE regions back, all but `keep` of them.  Returns how many regions were punched.
std::uint64_t punch_free(Handle&, LocalSeat&, std::uint64_t keep) noexcept;

}  // namespace durra::detail
