// append: records under fresh keys, "log/" + when the thread began + how many it had appended: 12 and 8 hex digits.
//
// Unique, because the clock's tick was won by this thread alone and a rebuild moves the clock beyond all that was won;
// in order, because the digits have a fixed width.  Should a power cut have let a tick be won twice after all, the key
// is taken: the put is conditional, and the next tick is tried.
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

// Of the thread and not of a seat: calls of one thread go to several seats, and their keys shall rise.
struct LogPlace {
  std::uint64_t handle_id;  // of the store that this thread appended to last; at another one it begins anew
  std::uint64_t time;       // a tick that only this thread has won
  std::uint32_t count;      // how many keys were made with it
};
thread_local constinit LogPlace log_place{0, 0, 0};

std::string fresh_key(Handle& h, std::string_view log, bool another_tick) {
  LogPlace& p = log_place;
  if (p.handle_id != h.id || another_tick || p.count == 0xffff'ffff) p = {h.id, win_tick(h), 0};
  std::array<char, 32> digits;
  std::snprintf(digits.data(), digits.size(), "/%012llx.%08x", static_cast<unsigned long long>(p.time), p.count++);
  return std::string(log) + digits.data();
}

}  // namespace
}  // namespace durra::detail

namespace durra {

Result<Stamp> Store::append(std::string_view log, Bytes bytes, const Put& how) {
  if (auto no = handle_->refuse_write()) return *no;
  if (auto no = detail::refuse(Key(log))) return *no;
  for (bool again = false;; again = true) {
    auto done = put_if(detail::fresh_key(*handle_, log, again), bytes, absent, how);
    if (done || done.error().code != Code::conflict) return done;
  }
}

}  // namespace durra
