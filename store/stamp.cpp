// Giving stamps.
#include "store/stamp.h"

#include <algorithm>

#include "format/walk.h"
#include "store/batch.h"
#include "store/step.h"

namespace durra::detail {

std::uint64_t stamp_if_certain(const RecordRef& r) noexcept {
  const std::uint64_t word = shared::check_load(r.header->word);
  if ((word & format::kStamped) == 0) return 0;
  const std::uint64_t stamp = shared::stamp_load(r.header->stamp);
  return format::stamp_valid(stamp, word, r.region_seed, r.at) ? stamp : 0;
}

bool is_void(const RecordRef& r) noexcept {
  const std::uint64_t word = shared::check_load(r.header->word);
  return format::is_void(r.shape, shared::stamp_load(r.header->stamp), word);
}

std::uint64_t fill(const Handle& h, const RecordRef& r) noexcept {
  auto& control = h.space.control();
  for (int again = 0;; ++again) {
    const std::uint64_t word = shared::check_load(r.header->word);
    if ((word & format::kStamped) != 0) return shared::stamp_load(r.header->stamp);
    if (format::in_batch(r.shape.kind)) return stamp_in_batch(h, r);
    if (h.read_only) {
      if (again == 64) return 0;
      continue;
    }
    // The clock is read after the index word was seen (F4), and the stamp is above the floor: what the record replaced,
    // and what its writer was given before.
    const std::uint64_t now = shared::clock_load(control);
    const bool sane = format::stamp_time(word) <= now;  // floors come from stamps: a later one is rot
    const std::uint64_t stamp = std::max(sane ? word + 1 : 0, now << 16);
    if (format::stamp_time(stamp) > now) {  // 65,535 stamps in one tick: move on
      shared::clock_tick(control, now);
      continue;
    }
    shared::stamp_decide(r.header->stamp, stamp);
    step("fill.1");  // † stamped without its check: the next who meets it ends here too
    const std::uint64_t certain = shared::stamp_load(r.header->stamp);  // the winner's, perhaps
    shared::check_store(r.header->word, format::stamp_check(certain, r.region_seed, r.at));
    return certain;
  }
}

void advance_clock(const Handle& h, std::uint64_t time) noexcept {
  for (;;) {
    const std::uint64_t now = shared::clock_load(h.space.control());
    if (now > time) return;
    // Only by rebuild, backup and recover, on a store of their own: a jump, not a tick.
    shared::raise(h.space.control().clock, time + 1);
  }
}

}  // namespace durra::detail
