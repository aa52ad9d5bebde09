// RETIRED → FREE, by whoever comes by.
#include "store/reclaim.h"

#include <algorithm>

#include "store/block.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/step.h"
#include "store/sync.h"

namespace durra::detail {
namespace {

using format::RegionState;
using format::RegionType;
using format::RegionWord;

RegionWord load(Handle& h, std::uint64_t r) noexcept {
  return format::unpack(shared::state_load(h.space.descriptor(r).state));
}

std::uint64_t regions_in_use(Handle& h) noexcept {
  return std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
}

// A read-only opener pins by a lock on the byte of its epoch: seen here, gone with its process.
bool read_only_pin_up_to(Handle& h, std::uint64_t epoch) noexcept {
  const auto held = os::is_held(h.probe, format::kLockEpoch, epoch + 1);
  return !held || *held != 0;
}

// The sync that must be done before the region may be used again.  The state is loaded first, the ticket taken then,
// so that the flush it stands for carries the mark RETIRED and all that superseded what lies here (F11, H5).
std::uint64_t gate_of(Handle& h, std::uint64_t r, const RegionWord& w) noexcept {
  auto& gate = h.space.descriptor(r).gate;
  const std::uint64_t seen = shared::tagged_load(gate);
  if (const std::uint64_t ticket = format::untag(seen, w.generation)) return ticket;
  const std::uint64_t mine = take_ticket(h);
  step("free.gate");  // † no gate yet: the next visitor takes a ticket
  if (shared::tagged_change(gate, seen, format::tagged(w.generation, mine))) return mine;
  return format::untag(shared::tagged_load(gate), w.generation);
}

// Null: there is none for this thread, or no memory for one.
LocalSeat* seat_if_any(Handle& h) noexcept {
  try {
    auto seat = home_seat(h);
    return seat ? *seat : nullptr;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

// One word makes a single region FREE.  A run goes through CLAIMED under the next generation, so that its bodies are
// given back by one process at a time and a rebuild knows this life to be over.
bool give_back(Handle& h, std::uint64_t r, const RegionWord& w) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  if (!w.run) {
    const RegionWord free{RegionState::free, RegionType::data, false, 0, w.generation};
    if (!shared::state_change(d.state, format::pack(w), format::pack(free))) return false;
    step("free.1");
    auto& hint = h.space.control().free_hint;
    if (shared::hint_load(hint) > r) shared::hint_store(hint, r);
    return true;
  }
  const LocalSeat* const seat = seat_if_any(h);
  if (seat == nullptr) return false;
  const std::uint64_t run = shared::tagged_load(d.run);
  const std::uint64_t k = format::untag(run, w.generation);
  RegionWord next = w;
  next.state = RegionState::claimed;
  next.owner = seat->number;
  next.generation = w.generation + 1;
  if (k != 0 && !shared::tagged_change(d.run, run, format::tagged(next.generation, k))) return false;
  step("free.run");  // † RETIRED still, its length known for the life to come: the next freer goes on
  if (!shared::state_change(d.state, format::pack(w), format::pack(next))) return false;
  step("free.run2");  // † reaper releases the run
  release_claimed(h, r, next);
  return true;
}

}  // namespace

std::uint64_t oldest_pin_of(format::Seat& seat) noexcept {
  std::uint64_t oldest = ~0ull;
  for (auto& cell : seat.pins)
    if (const std::uint64_t word = shared::pin_load(cell); format::pin_count(word) != 0)
      oldest = std::min(oldest, format::pin_epoch(word));
  return oldest;
}

std::uint64_t oldest_pin(Handle& h) noexcept {
  shared::reclaim_fence();
  std::uint64_t oldest = shared::epoch_load(h.space.control());
  for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n) {
    format::Seat& seat = h.space.seat(n);
    if (format::seat_state(shared::seat_load(seat.state)) != format::SeatState::free)
      oldest = std::min(oldest, oldest_pin_of(seat));
  }
  return oldest;
}

void move_epoch_past(Handle& h, std::uint64_t seen) noexcept {
  auto& control = h.space.control();
  if (shared::epoch_load(control) <= seen) shared::epoch_move(control, seen);
}

bool pins_are_younger(Handle& h, format::Descriptor& d) noexcept {
  const std::uint64_t sealed_in = shared::epoch_of(d.seal_epoch);
  move_epoch_past(h, sealed_in);
  return oldest_pin(h) > sealed_in;
}

// The epoch is loaded after the state was seen to be RETIRED: whoever pinned in one up to it may be reading there.  The
// note is loaded before the state is looked at again: so it is not that of a later life, which must stay.
std::uint64_t retired_in(Handle& h, std::uint64_t r, const RegionWord& w) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  const std::uint64_t seen = shared::tagged_load(d.retire_epoch);
  if (const std::uint64_t epoch = format::untag(seen, w.generation)) return epoch;
  if (shared::state_load(d.state) != format::pack(w)) return 0;
  shared::reclaim_fence();
  const std::uint64_t now = shared::epoch_load(h.space.control());
  if (h.read_only || shared::tagged_change(d.retire_epoch, seen, format::tagged(w.generation, now))) return now;
  return format::untag(shared::tagged_load(d.retire_epoch), w.generation);
}

bool retire(Handle& h, std::uint64_t r, const RegionWord& from) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  RegionWord to = from;
  to.state = RegionState::retired;
  to.owner = 0;
  step("retire.1");  // † as it was: SEALED again by the reaper, or found again
  if (!shared::state_change(d.state, format::pack(from), format::pack(to))) return false;
  step("retire.2");  // † RETIRED: any visitor goes on
  move_epoch_past(h, retired_in(h, r, to));
  return true;
}

Freed free_retired(Handle& h) noexcept {
  Freed out;
  if (h.read_only || h.lost_files()) return out;
  const std::uint64_t end = regions_in_use(h);
  std::uint64_t oldest = 0;
  for (std::uint64_t r = 0; r < end; ++r) {
    const RegionWord w = load(h, r);
    if (w.state != RegionState::retired) continue;
    const std::uint64_t epoch = retired_in(h, r, w);
    if (epoch == 0) continue;
    move_epoch_past(h, epoch);
    const std::uint64_t ticket = w.type != RegionType::index ? gate_of(h, r, w) : 0;  // an index is derived
    if (oldest == 0) oldest = oldest_pin(h);
    if (oldest <= epoch) oldest = oldest_pin(h);
    if (oldest <= epoch || read_only_pin_up_to(h, epoch) || (w.type == RegionType::block && is_held(h, r))) {
      ++out.wait_for_pins;
    } else if (w.type != RegionType::index && !is_synced(h, ticket)) {
      ++out.wait_for_sync;
      out.ticket = std::max(out.ticket, ticket);
    } else {
      out.freed += give_back(h, r, w);
    }
  }
  return out;
}

HeldBack held_back_by(Handle& h, std::uint64_t epoch) noexcept {
  HeldBack held;
  const std::uint64_t end = regions_in_use(h);
  for (std::uint64_t r = 0; r < end; ++r) {
    const RegionWord w = load(h, r);
    format::Descriptor& d = h.space.descriptor(r);
    const bool retired = w.state == RegionState::retired;
    if (!retired && w.state != RegionState::sealed && w.state != RegionState::partial) continue;
    const std::uint64_t dead =
        retired ? shared::tail_load(d.tail) : format::untag(shared::hint_load(d.dead), w.generation);
    if (dead == 0 || (retired ? retired_in(h, r, w) : shared::epoch_of(d.seal_epoch)) < epoch) continue;
    ++held.regions;
    held.bytes += dead;
  }
  return held;
}

std::uint64_t punch_free(Handle& h, LocalSeat& seat, std::uint64_t keep) noexcept {
  const std::uint64_t end = regions_in_use(h);
  std::uint64_t punched = 0;
  for (std::uint64_t r = 0; r < end; ++r) {
    const RegionWord w = load(h, r);
    if (w.state != RegionState::free || w.generation == 0) continue;
    if (keep != 0) {
      --keep;
      continue;
    }
    punched += punch_region(h, seat, r);
  }
  return punched;
}

}  // namespace durra::detail
