// SYNC: what makes records survive a power cut.  Tickets are for all who need a flush of everything (reclaim's gate
// too); a put with durability needs its own region alone.  PROTOCOL.md SYNC has the steps.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// A ticket for everything that was stored before this call, by anyone.  Costs one addition to a shared word.
std::uint64_t take_ticket(Handle&) noexcept;

// Whether what the ticket covers is on the disk.  False for ever once a sync has failed.  On a file system whose files
// do not outlive the machine always true: nothing there waits for a disk.
bool is_synced(Handle&, std::uint64_t ticket) noexcept;

// Until is_synced(ticket): by somebody else's flush, if one is under way and does not take too long, else by an own
// one. Errors: sync_lost, full (no seat left to flush from).
Result<void> sync_until(Handle&, std::uint64_t ticket);
// The same for who has a seat: it flushes from that one.
Result<void> sync_until(Handle&, LocalSeat&, std::uint64_t ticket);

// After an operation on this seat: returns when what `durability` promises holds.  The seat's region is still the one
// written to, and settled.  `sync_lost`: it is visible, and may not survive a power cut.
Result<void> make_durable(Handle&, LocalSeat&, Durability);

// Until these bytes of the file are on the disk.  A flush that fails is told to whoever asks for durability; who
// flushes for what a power cut may leave goes on: where one has failed nobody is promised anything about power cuts.
void flush_bytes(Handle&, LocalSeat&, std::uint64_t offset, std::uint64_t size) noexcept;

// Null, or `sync_lost`: a flush has failed in this or any process.
std::optional<Error> sync_lost(const Handle&) noexcept;

// The whole file, by the one who is alone in it, and all records marked synced.  False: a sync has failed, now or
// before.
bool flush_all(Handle&);

// A flush that failed may have been reported to somebody who could not tell the others (F37, H8): what the page cache
// holds above the marks is written anew by the next flush.
void doubt_cache(Handle&) noexcept;
// By whoever has just opened the file: who is in the middle of a flush, alive or not, may have been told before (H8).
void doubt_beside_flushers(Handle&) noexcept;
bool cache_in_doubt(const Handle&) noexcept;

}  // namespace durra::detail
