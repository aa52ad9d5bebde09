// REAP: whoever gets the byte of a seat knows that its owner is dead, and finishes what it left.  Idempotent: a death
// anywhere leaves the same work for the next, and only the holder of the byte does it.
#include "store/reap.h"

#include "store/batch.h"
#include "store/index.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/stamp.h"
#include "store/step.h"
#include "store/sync.h"

namespace durra::detail {
namespace {

using format::RegionState;

// An index region has no owner once it is OPEN.
bool owned_by(const format::RegionWord& w, std::uint32_t seat) noexcept {
  if (w.owner != seat) return false;
  return w.state == RegionState::claimed || w.state == RegionState::compacting ||
         (w.state == RegionState::open && w.type != format::RegionType::index);
}

template <class Each>
void each_region_of(Handle& h, std::uint32_t seat, Each each) noexcept {
  const std::uint64_t hint = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  for (std::uint64_t r = 0; r < hint; ++r) {
    const auto w = format::unpack(shared::state_load(h.space.descriptor(r).state));
    if (owned_by(w, seat)) each(r, w);
  }
}

// Steps 4 and 5: first all are settled, then all are left.  Were the victim of a compaction left before the copies out
// of it are settled, it could be retired while a scan does not count the copies yet.
void reap_regions(Handle& h, std::uint32_t seat) noexcept {
  each_region_of(h, seat, [&](std::uint64_t r, const format::RegionWord& w) {
    if (w.state == RegionState::claimed) return;
    settle_region(h, r);
    step("reap.4");
  });
  each_region_of(h, seat, [&](std::uint64_t r, const format::RegionWord& w) {
    if (w.state == RegionState::claimed) return release_claimed(h, r, w);
    close_region(h, r, w);
    step("reap.5");
  });
}

// The byte of a dead one's seat; empty: it lives, or it waits for who has the memory to reap it.
os::HeldByte take_byte(Handle& h, std::uint32_t n) noexcept {
  const std::uint64_t page = h.space.super().seats_offset + n * sizeof(format::Seat);
  try {
    auto byte = os::HeldByte::take(h.file, h.path, format::kLockSeats + n, page, os::Access::read_write);
    return byte ? *std::move(byte) : os::HeldByte{};
  } catch (const std::bad_alloc&) {
    return {};
  }
}

// True when the seat was somebody's who is dead, and is FREE now.
bool reap_seat(Handle& h, std::uint32_t n) noexcept {
  format::Seat& seat = h.space.seat(n);
  const auto held = os::is_held(h.probe, format::kLockSeats + n);
  if (!held || *held != 0) return false;
  const os::HeldByte byte = take_byte(h, n);
  if (!byte) return false;
  const std::uint64_t word = shared::seat_load(seat.state);  // step 1: still not FREE?
  if (format::seat_state(word) == format::SeatState::free) return false;
  step("reap.1");
  reap_batch(h, n);                         // step 2
  if (shared::note_load(seat.sync) != 0) {  // step 3: it may have been told of a failure, and nobody else will be
    doubt_cache(h);
    step("reap.3");
    shared::note_store(seat.sync, 0);
  }
  reap_regions(h, n);
  for (auto& cell : seat.pins) shared::pin_clear(cell);  // step 6
  step("reap.6");
  shared::seat_store(seat.state, format::seat_word(format::seat_generation(word), format::SeatState::free));  // step 7
  step("reap.7");
  return true;  // step 8: `byte` goes
}

}  // namespace

void fill_newest(Handle& h, std::uint64_t r, std::uint64_t from, std::uint64_t to) noexcept {
  const std::uint64_t base = h.space.region_offset(r);
  std::uint64_t at = from;
  while (at < to) {
    RecordRef record;
    if (h.space.locate(base + at, record) != nullptr) break;  // damage: verify will say where
    if (format::is_keyed(record.shape.kind)) {
      const Lookup head = find(h, {record.tag(), record.key()});
      if (head.found == Found::record && head.record.at == record.at) fill(h, record);
    }
    at += record.size();
  }
}

void settle_region(Handle& h, std::uint64_t r) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  const std::uint64_t tail = shared::tail_load(d.tail);
  fill_newest(h, r, shared::tail_load(d.settled), tail);
  shared::tail_store(d.settled, tail);
}

std::uint32_t reap_dead(Handle& h) noexcept {
  if (h.read_only || h.lost_files()) return 0;
  std::uint32_t n = 0;
  for (std::uint32_t s = 0; s < h.space.super().seat_count; ++s)
    if (format::seat_state(shared::seat_load(h.space.seat(s).state)) != format::SeatState::free) n += reap_seat(h, s);
  return n;
}

void reap_sometimes(Handle& h) noexcept {
  const std::uint64_t now = os::coarse_now_ns();
  const std::uint64_t last = shared::mark_load(h.last_reap_ns);
  if (now - last < 100'000'000) return;
  shared::mark_raise(h.last_reap_ns, now);
  reap_dead(h);
}

}  // namespace durra::detail
