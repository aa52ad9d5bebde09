// When writers compact: before they grow a file that is mostly garbage, and before they answer `full`.
#pragma once
#include <optional>

#include "store/compact.h"

namespace durra::detail {

// For a writer that is about to claim a region: frees what can be freed; begins a compaction where much is to be won,
// and finishes it where garbage has piled up: copies may then have given the seat a region with room.
// Precondition (all of them): the caller holds no pin, for it would hold back what is to be freed (H10).
void tidy(Handle&, LocalSeat&);

// After a sync: what waited for it is free now, and what is more than writers will soon take goes back to the disk.
void tidy_after_sync(Handle&) noexcept;

// A little of the seat's compaction, between two of its operations, so that no single one of them is long.
void tidy_a_little(Handle&, LocalSeat&) noexcept;

// The seat's compaction to its end: `retired` or `given_up`.  Null when it was stopped, for want of space or of a sync.
std::optional<CompactionStep> finish_compaction(Handle&, LocalSeat&);

// For a writer that found no region: compacts, syncs and frees until one is FREE.  Copies may have given the seat a
// region with room.  False: no garbage that would make room, or readers hold it.
bool make_free(Handle&, LocalSeat&);

}  // namespace durra::detail
