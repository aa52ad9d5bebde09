// CLEAN CLOSE.  † a death before the mark leaves DIRTY: same boot, or a rebuild.
#include "store/close.h"

#include "store/holder.h"
#include "store/reap.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/step.h"
#include "store/sync.h"

namespace durra::detail {
namespace {

// Under RECOVER, nobody else alive.
void leave_clean(Handle& h) {
  auto& control = h.space.control();
  reap_dead(h);
  const auto now = os::identity(h.file);
  if (!now || !flush_all(h)) return;
  step("close.sync");
  shared::hint_store(h.seats.list[0].load()->shared->beat_ns, os::now_ns());  // what follows changes the file once more
  mark_identity(h, *now);
  shared::guarded_store(control.clean, format::kClean);
  if (!os::sync(h.file)) shared::guarded_store(control.clean, format::kDirty);
  step("close.clean");
}

void leave_seats(Handle& h) noexcept {
  const auto count = shared::mark_load(h.seats.count);
  for (std::uint64_t i = 0; i < count; ++i)
    if (LocalSeat& s = *h.seats.list[i].load(); !s.byte.is_lost()) leave_seat(s);  // that of a successor stays
}

// Step 1: who is the last leaves the file CLEAN.
void leave_file(Handle& h) {
  const auto recover = os::HeldByte::take(h.file, h.path, format::kLockRecover, 0, os::Access::read_write);
  if (!recover || !*recover) return;
  if (const auto others = lived_in(h); others && *others == 0) leave_clean(h);
}

}  // namespace

Result<std::uint8_t> lived_in(Handle& h) noexcept {
  for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n) {
    if (format::seat_state(shared::seat_load(h.space.seat(n).state)) != format::SeatState::live) continue;
    if (is_mine(h, n)) continue;
    const auto held = os::is_held(h.probe, format::kLockSeats + n);
    if (!held || *held != 0) return held;
  }
  return std::uint8_t{0};
}

void mark_identity(Handle& h, format::Identity now) noexcept {
  now.check = format::identity_check(now, h.space.seed());
  shared::identity_store(h.space.control(), now);
}

void close_in_order(Handle& h) noexcept {
  forget_homes(h.id);
  if (!h.joined || h.lost_files() || h.has_lost_a_seat()) return leave_seats(h);
  try {
    leave_file(h);
  } catch (const std::bad_alloc&) {  // DIRTY, as after a death
  }
  leave_seats(h);
}

}  // namespace durra::detail
