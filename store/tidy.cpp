// The policy of compaction.
#include "store/tidy.h"

#include <algorithm>
#include <new>

#include "store/block.h"
#include "store/compact.h"
#include "store/index.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/sync.h"

namespace durra::detail {
namespace {

using format::RegionState;

// By the hints of the descriptors.
struct Usage {
  std::uint64_t used = 0, dead = 0;         // bytes of data regions, whoever has them
  std::uint64_t open = 0;                   // data regions that somebody writes to
  std::uint64_t index = 0, dead_index = 0;  // bytes of sealed index regions
  std::uint64_t retired = 0;                // regions
  bool dead_blocks = false;                 // a region of blocks without a name
};
Usage usage(Handle& h) noexcept {
  Usage u;
  const std::uint64_t end = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  for (std::uint64_t r = 0; r < end; ++r) {
    format::Descriptor& d = h.space.descriptor(r);
    const auto w = format::unpack(shared::state_load(d.state));
    u.retired += w.state == RegionState::retired;
    if (w.type == format::RegionType::index && w.state == RegionState::sealed) {
      u.index += shared::tail_load(d.tail);
      u.dead_index += format::untag(shared::hint_load(d.dead), w.generation);
    }
    if (w.type == format::RegionType::block && (w.state == RegionState::sealed || w.state == RegionState::partial))
      u.dead_blocks |=
          format::untag(shared::hint_load(d.dead), w.generation) + format::kRegionData >= shared::tail_load(d.tail);
    const bool holds =
        w.type == format::RegionType::data && w.state >= RegionState::open && w.state <= RegionState::compacting;
    if (!holds) continue;
    u.open += w.state == RegionState::open;
    const std::uint64_t tail = shared::tail_load(d.tail);
    u.used += tail + lost_room(w, h.space.region_size(), tail);
    u.dead += format::untag(shared::hint_load(d.dead), w.generation);
  }
  return u;
}

// Retired regions wait for a sync.  Where nobody asks for one, the writer that is about to grow the file does, once
// for many regions: at least 8, and half of what is live.
bool worth_a_sync(const Handle& h, const Usage& u, const Freed& f) noexcept {
  const std::uint64_t live = u.used - std::min(u.dead, u.used);
  return f.wait_for_sync * h.space.region_size() >= std::max(8 * h.space.region_size(), live / 2);
}

// A compaction goes on a little with each put, and is over when its owner ends.  Where no process lives long enough to
// see one through, garbage piles up beyond what the others have begun.
bool piles_up(const Handle& h, const Usage& u) noexcept {
  const std::uint64_t live = u.used - std::min(u.dead, u.used);
  return u.dead > 2 * live + (8 + 4 * u.open) * h.space.region_size();
}

bool free_some(Handle& h, LocalSeat& seat) {
  Freed f = free_retired(h);
  if (f.freed == 0 && f.wait_for_sync != 0 && sync_until(h, seat, f.ticket)) f = free_retired(h);
  return f.freed != 0;
}

}  // namespace

void tidy(Handle& h, LocalSeat& seat) {
  if (seat.compacting) return;
  const Usage u = usage(h);
  if (u.dead_blocks) retire_blocks(h, seat, false);
  if (u.retired != 0) {
    const Freed f = free_retired(h);
    if (worth_a_sync(h, u, f) && sync_until(h, seat, f.ticket)) free_retired(h);
  }
  if (u.index >= 2 * h.space.region_size() && u.dead_index * 2 > u.index) reclaim_index(h, seat, {});
  if (u.used < 2 * h.space.region_size() || seat.compaction) return;
  if (u.dead * 2 > u.used)
    begin_compaction(h, seat, Worth::mostly);
  else if (u.dead >= h.space.region_size() / 2)
    begin_compaction(h, seat, Worth::nearly_all);
  if (!seat.compaction || !piles_up(h, u)) return;
  const Compacting now(seat);
  finish_compaction(h, seat);
}

std::optional<CompactionStep> finish_compaction(Handle& h, LocalSeat& seat) {
  for (;;) {
    const CompactionStep step = compact_some(h, seat, 4096);
    if (step == CompactionStep::retired || step == CompactionStep::given_up) return step;
    Result<void> ready;
    if (step == CompactionStep::no_pin) ready = too_many_pins();
    if (step == CompactionStep::not_durable) ready = sync_until(h, seat, take_ticket(h));
    if (step == CompactionStep::no_room) {
      leave_region(h, seat);
      ready = make_room(h, seat, region_room(h), Reserve::last);
    }
    if (ready) continue;
    stop_compaction(h, seat);
    return {};
  }
}

void tidy_after_sync(Handle& h) noexcept {
  if (free_retired(h).freed == 0) return;
  const std::uint64_t in_use = shared::raised_load(h.space.control().region_hint);
  try {
    if (auto seat = ExclusiveSeat::take(h)) punch_free(h, **seat, 2 + in_use / 16);
  } catch (const std::bad_alloc&) {  // the sync that called is done, and does not fail for this
  }
}

void tidy_a_little(Handle& h, LocalSeat& seat) noexcept {
  constexpr std::uint32_t kEvery = 16, kRecords = 48;
  if (++seat.puts_since_tidying < kEvery) return;
  seat.puts_since_tidying = 0;
  try {
    const CompactionStep step = compact_some(h, seat, kRecords);
    if (step == CompactionStep::retired) begin_compaction(h, seat, Worth::nearly_all);
    if (step == CompactionStep::not_durable && !sync_until(h, seat, take_ticket(h))) stop_compaction(h, seat);
  } catch (const std::bad_alloc&) {  // the put that called is done, and does not fail for this
    stop_compaction(h, seat);
  }
}

namespace {

// Each round retires a region, or rules one out: no more than there are.
bool compact_until_free(Handle& h, LocalSeat& seat) {
  std::uint64_t rounds = h.space.region_count();
  for (; rounds != 0 && begin_compaction(h, seat, Worth::some) && finish_compaction(h, seat); --rounds)
    if (free_some(h, seat)) return true;
  return false;
}

}  // namespace

bool make_free(Handle& h, LocalSeat& seat) {
  if (seat.compacting) return false;
  if (free_some(h, seat)) return true;
  const Compacting now(seat);
  reclaim_index(h, seat, {.share = 240, .nodes = ~0u});
  retire_blocks(h, seat, true);
  return free_some(h, seat) || compact_until_free(h, seat) ||
         (recount_sometimes(h, seat) && compact_until_free(h, seat));
}

}  // namespace durra::detail
