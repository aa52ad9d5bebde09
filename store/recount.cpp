// Counting garbage anew.
#include "store/compact.h"

#include "store/batch.h"
#include "store/index.h"
#include "store/seat.h"

namespace durra::detail {
namespace {

using format::RegionState;

// Where something was superseded since the region's birth, its records are looked up.
void recount_region(Handle& h, LocalSeat& seat, std::uint64_t r) noexcept {
  OperationPin pinned(h, seat);
  if (!pinned) return;
  format::Descriptor& d = h.space.descriptor(r);
  const auto w = format::unpack(shared::state_load(d.state));
  const bool quiet = w.state == RegionState::sealed || w.state == RegionState::partial;
  if (!quiet || w.type != format::RegionType::data ||
      shared::dead_mark_load(d.may_hold_dead) == format::nothing_dead(w.generation))
    return;
  const std::uint64_t base = h.space.region_offset(r);
  const std::uint64_t end = base + shared::tail_load(d.tail);
  std::uint64_t dead = lost_room(w, h.space.region_size(), end - base);
  for (std::uint64_t at = base + format::kRegionData; at < end;) {
    RecordRef record;
    if (h.space.locate(at, record) != nullptr || record.size() > end - at) return;
    const Lookup head = find(h, {record.tag(), record.key()});
    const bool is_live = head.found == Found::record && resolve(h, head.record).record.at == record.at;
    if (!is_live) dead += record.size();
    at += record.size();
  }
  shared::hint_store(d.dead, format::tagged(w.generation, dead));
}

}  // namespace

void recount(Handle& h, LocalSeat& seat) noexcept {
  const std::uint64_t regions = h.space.regions();
  for (std::uint64_t r = 0; r < regions; ++r) recount_region(h, seat, r);
}

bool recount_sometimes(Handle& h, LocalSeat& seat) noexcept {
  constexpr std::uint64_t kShare = 100;
  const std::uint64_t begun = os::steady_ns();
  if (begun < shared::mark_load(h.next_recount_ns)) return false;
  recount(h, seat);
  const std::uint64_t now = os::steady_ns();
  shared::mark_raise(h.next_recount_ns, now + kShare * (now - begun));
  return true;
}

}  // namespace durra::detail
