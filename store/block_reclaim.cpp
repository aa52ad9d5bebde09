// Regions of blocks that have all lost their names.
#include "store/batch.h"
#include "store/block.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/step.h"

namespace durra::detail {
namespace {

using format::RegionState;
using format::RegionWord;

// Whether the index names any record of [begin, end).  What cannot be read counts as named.
bool has_names(Handle& h, std::uint64_t begin, std::uint64_t end) noexcept {
  for (std::uint64_t at = begin; at < end;) {
    RecordRef r;
    if (h.space.locate(at, r) != nullptr || r.size() > end - at) return true;
    const Lookup head = find(h, {r.tag(), r.key()});
    if (head.found == Found::damaged) return true;
    if (head.found == Found::record && resolve(h, head.record).record.at == at) return true;
    at += r.size();
  }
  return false;
}

bool all_dead_by_hint(Handle& h, std::uint64_t r, const RegionWord& w) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  const std::uint64_t dead = format::untag(shared::hint_load(d.dead), w.generation);
  return dead >= shared::tail_load(d.tail) - format::kRegionData;
}

// COMPACTING(me) keeps creators out; every pin is younger than the sealing, so nothing is on its way into the index.
bool try_retire(Handle& h, LocalSeat& seat, std::uint64_t r, const RegionWord& w) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  if (!pins_are_younger(h, d)) return false;
  RegionWord mine = w;
  mine.state = RegionState::compacting;
  mine.owner = seat.number;
  if (!shared::state_change(d.state, format::pack(w), format::pack(mine))) return false;
  step("block.1");  // † reaper → SEALED
  const std::uint64_t base = h.space.region_offset(r);
  bool named = true;
  {
    const OperationPin pinned(h, seat);
    if (pinned) named = has_names(h, base + format::kRegionData, base + shared::tail_load(d.tail));
  }
  if (!named) return retire(h, r, mine);
  shared::state_change(d.state, format::pack(mine), format::pack(w));
  return false;
}

}  // namespace

bool is_held(const Handle& h, std::uint64_t region) noexcept {
  const auto held = os::is_held(h.probe, format::kLockHold + region);
  return !held || *held != 0;
}

std::uint64_t retire_blocks(Handle& h, LocalSeat& seat, bool all) noexcept {
  for (DeadCount& count : seat.dead) tell_dead(h, count);
  const std::uint64_t end = h.space.regions();
  std::uint64_t retired = 0;
  for (std::uint64_t r = 0; r < end; ++r) {
    const auto w = format::unpack(shared::state_load(h.space.descriptor(r).state));
    const bool quiet = w.state == RegionState::sealed || w.state == RegionState::partial;
    if (w.type != format::RegionType::block || !quiet) continue;
    if (all || all_dead_by_hint(h, r, w)) retired += try_retire(h, seat, r, w);
  }
  return retired;
}

}  // namespace durra::detail
