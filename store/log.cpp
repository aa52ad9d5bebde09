// append: records under fresh keys, "log/" + when the writer began + how many it had appended: 12 and 8 hex digits.
//
// Unique, because the clock's tick was won by this seat alone and a rebuild moves the clock beyond all that was won; in
// order, because the digits have a fixed width.  Should a power cut have let a tick be won twice after all, the key is
// taken: the put is conditional, and the next tick is tried.
#include <array>
#include <cstdio>

#include "store/append.h"
#include "store/seat.h"

namespace durra::detail {
namespace {

std::uint64_t win_tick(Handle& h) noexcept {
  for (;;) {
    const std::uint64_t now = shared::clock_load(h.space.control());
    if (shared::clock_tick(h.space.control(), now)) return now;
  }
}

Result<std::string> fresh_key(Handle& h, std::string_view log, bool another_tick) {
  auto seat = ExclusiveSeat::take(h);
  if (!seat) return seat.error();
  LocalSeat& s = **seat;
  if (s.log_time == 0 || another_tick || s.log_count == 0xffff'ffff) {
    s.log_time = win_tick(h);
    s.log_count = 0;
  }
  std::array<char, 32> digits;
  std::snprintf(digits.data(), digits.size(), "/%012llx.%08x", static_cast<unsigned long long>(s.log_time),
                s.log_count++);
  return std::string(log) + digits.data();
}

}  // namespace
}  // namespace durra::detail

namespace durra {

Result<Stamp> Store::append(std::string_view log, Bytes bytes, const Put& how) {
  if (auto no = handle_->refuse_write()) return *no;
  if (auto no = detail::refuse(Key(log))) return *no;
  for (bool again = false;; again = true) {
    auto key = detail::fresh_key(*handle_, log, again);
    if (!key) return key.error();
    auto done = put_if(*key, bytes, absent, how);
    if (done || done.error().code != Code::conflict) return done;
  }
}

}  // namespace durra
