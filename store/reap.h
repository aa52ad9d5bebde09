// Finishing and giving back what the dead left.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// Reaps every seat whose owner is dead.  Idempotent, concurrent, can be finished by anyone.  Returns how many.
std::uint32_t reap_dead(Handle&) noexcept;

// The same, at most ten times a second per handle: for callers on a path that is taken often.
void reap_sometimes(Handle&) noexcept;

// Fills every record of the region in [from, to) that is the newest of its key.
void fill_newest(Handle&, std::uint64_t region, std::uint64_t from, std::uint64_t to) noexcept;

// The same for [settled, tail); then settled = tail.
void settle_region(Handle&, std::uint64_t region) noexcept;

}  // namespace durra::detail
