// The regions: who owns which, claiming, growing, leaving.  PROTOCOL.md CLAIM / RUN.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// How many FREE regions a claim must leave to others (F26): what must go on in a store that is full may take more.
enum class Reserve : std::uint8_t {
  last = 0,  // compaction and rebuild: they give more back
  use = 1,   // index growth, erase
  keep = 2,  // everybody else
};

// Makes `seat.region` a region with at least `room` bytes free at its tail; what it had before is left to others.
// `room` larger than a region: a run of its own.  Errors: full (with the numbers), too_large, io.
// Precondition: the caller holds no pin (its own pin would hold the space that it waits for).
Result<void> make_room(Handle&, LocalSeat& seat, std::uint64_t room, Reserve = Reserve::keep);

// A region for blocks with at least `room` bytes of zeros at its tail, OPEN and the seat's: the caller leaves it by
// close_region.  Errors and precondition as make_room's.
Result<OpenRegion> claim_block_room(Handle&, LocalSeat& seat, std::uint64_t room);

// Leaves seat.region: PARTIAL when an eighth is free, else SEALED.
void leave_region(Handle&, LocalSeat& seat) noexcept;

// A fresh region for index nodes: OPEN, without an owner.
Result<std::uint64_t> claim_index_region(Handle&, LocalSeat& seat);

// A region that somebody dead claimed but never opened: FREE again, the whole run.  By whoever alone may (owner,
// reaper).  Repeatable: a death in the middle leaves the head CLAIMED.
void release_claimed(Handle&, std::uint64_t region, const format::RegionWord&) noexcept;

// Gives the disk blocks of a FREE region back.  False: it is not FREE any more, or the file system cannot.
bool punch_region(Handle&, LocalSeat& seat, std::uint64_t region) noexcept;

// OPEN, COMPACTING → PARTIAL or SEALED.  By the owner, its reaper.
void close_region(Handle&, std::uint64_t region, const format::RegionWord&) noexcept;

// Makes the descriptors of regions [0, r] safe to store to on a full disk.
Result<void> back_descriptors(Handle&, std::uint64_t r);

// The seat's region is a run: made for one record.
inline bool has_run(const Handle& h, const LocalSeat& s) noexcept {
  return s.region && s.region->capacity > h.space.region_size();
}

// Every record is on the disk: by the one who just wrote the file back, and is alone in it.
void mark_synced(Handle&) noexcept;

// Bytes that a record may find in one region.
inline std::uint64_t region_room(const Handle& h) noexcept { return h.space.region_size() - format::kRegionData; }

// The state word has rotted to zeros, which say "never used": not of a region that has a tail, and no life ever goes
// back to it.
inline bool is_gone(format::Descriptor& d) noexcept {
  return shared::state_load(d.state) == 0 && shared::tail_load(d.tail) != 0 && shared::state_load(d.state) == 0;
}

// Whoever leaves a data region has settled all of it.  False: its tail or `settled` has rotted (or it is being adopted
// right now).  With a tail that is too low, what lies behind it would be written over, or lost with the region.
inline bool ends_agree(const format::RegionWord& w, format::Descriptor& d) noexcept {
  const bool left = w.state == format::RegionState::sealed || w.state == format::RegionState::partial;
  return !left || w.type != format::RegionType::data || shared::tail_load(d.settled) == shared::tail_load(d.tail);
}

}  // namespace durra::detail
