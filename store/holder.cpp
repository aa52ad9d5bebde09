// Who has a name.
#include "store/holder.h"

#include "store/reap.h"
#include "store/seat.h"

namespace durra::detail {
namespace {

bool is_gone(Handle& h, const Holder& holder) noexcept {
  return shared::seat_load(h.space.seat(holder.seat).state) !=
         format::seat_word(holder.generation, format::SeatState::live);
}

}  // namespace

Result<Holder> me(Handle& h) {
  auto seat = home_seat(h);
  if (!seat) return seat.error();
  return Holder{(*seat)->number, (*seat)->generation};
}

bool is_mine(const Handle& h, std::uint32_t seat) noexcept {
  const auto count = shared::mark_load(h.seats.count);
  for (std::uint64_t i = 0; i < count; ++i)
    if (h.seats.list[i].load()->number == seat) return true;
  return false;
}

bool lives(Handle& h, const Holder& holder) noexcept {
  if (holder.seat >= h.space.super().seat_count || is_gone(h, holder)) return false;
  const auto held = os::is_held(h.probe, format::kLockSeats + holder.seat);
  return !held || *held != 0;
}

std::optional<std::uint32_t> living_stranger(Handle& h, const Holder& holder) noexcept {
  if (holder.seat >= h.space.super().seat_count) return {};
  if (is_gone(h, holder) || is_mine(h, holder.seat)) return {};
  for (int patience = 100; patience != 0; --patience) {
    const auto held = os::is_held(h.probe, format::kLockSeats + holder.seat);
    if (held && *held == 0) reap_dead(h);
    if (is_gone(h, holder)) return {};
    os::nap(std::chrono::milliseconds(1));  // whoever reaps it holds its byte too
  }
  return shared::hint_load(h.space.seat(holder.seat).pid);
}

bool enter_name(Handle& h, const std::string& name) {
  const std::lock_guard guard(h.names.mutex);
  return h.names.in_use.insert(name).second;
}
void leave_name(Handle& h, const std::string& name) noexcept {
  const std::lock_guard guard(h.names.mutex);
  h.names.in_use.erase(name);
}

}  // namespace durra::detail
