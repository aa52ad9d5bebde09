// Dropping tombstones.  † at any point: tombstones simply stay.
#include "store/sweep.h"

#include <algorithm>
#include <unordered_map>

#include "store/append.h"
#include "store/batch.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/snapshot.h"
#include "store/stamp.h"
#include "store/step.h"
#include "store/sync.h"

namespace durra::detail {
namespace {

using format::RegionState;
using format::RegionWord;

constexpr std::size_t kAtOnce = 65'536;

struct Tombstone {
  RecordRef record;
  std::uint64_t stamp;
  bool hides = false;  // an older version of its key is in the file
};
using Tombstones = std::unordered_multimap<std::uint64_t, Tombstone>;  // by tag

RegionWord word_of(Handle& h, std::uint64_t r) noexcept {
  return format::unpack(shared::state_load(h.space.descriptor(r).state));
}
std::uint64_t regions_in_use(Handle& h) noexcept {
  return std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
}

// Calls `each` with every record of a region below its tail.  False: the region cannot be read to its end.
template <class Each>
bool each_record(Handle& h, std::uint64_t r, const RegionWord& w, Each each) {
  if (!ends_agree(w, h.space.descriptor(r))) return false;
  const std::uint64_t base = h.space.region_offset(r);
  const std::uint64_t end = base + shared::tail_load(h.space.descriptor(r).tail);
  for (std::uint64_t at = base + format::kRegionData; at < end;) {
    RecordRef record;
    if (h.space.locate(at, record) != nullptr || record.size() > end - at) return false;
    each(record);
    at += record.size();
  }
  return true;
}

// Its stamp is certain from then on.
bool is_head(const Handle& h, const RecordRef& r) noexcept {
  const Lookup at = find(h, {r.tag(), r.key()});
  if (at.found != Found::record || at.record.at != r.at) return false;
  const bool in_batch = format::in_batch(r.shape.kind);
  return in_batch ? resolve(h, r).record.at == r.at : fill(h, r) != 0;
}

// Step 1: tombstones that are the newest of their keys, in regions sealed long enough ago.  Those that must stay do not
// keep others from being looked at for ever: where it ends for want of room, the next sweep of this handle begins.
Tombstones collect(Handle& h, LocalSeat& seat, std::chrono::nanoseconds keep) {
  Tombstones found;
  OperationPin pinned(h, seat);
  if (!pinned) return found;
  const std::uint64_t now = os::coarse_now_ns();
  const std::uint64_t from = h.sweep_from.exchange(0);
  for (std::uint64_t r = 0; r < regions_in_use(h); ++r) {
    const RegionWord w = word_of(h, r);
    const bool quiet = w.state == RegionState::sealed || w.state == RegionState::partial;
    const std::uint64_t sealed = shared::hint_load(h.space.descriptor(r).sealed_ns);
    if (!quiet || w.type != format::RegionType::data || now - std::min(now, sealed) < std::uint64_t(keep.count()))
      continue;
    each_record(h, r, w, [&](const RecordRef& record) {
      if (!record.tombstone() || record.at < from || found.size() == kAtOnce || !is_head(h, record)) return;
      if (const std::uint64_t stamp = stamp_if_version(h, record); stamp != 0)
        found.emplace(record.tag(), Tombstone{record, stamp});
      if (found.size() == kAtOnce) h.sweep_from = record.at + 1;
    });
  }
  return found;
}

// Step 2: everybody pinned later than `seen`.
bool wait_for_pins(Handle& h, std::uint64_t seen, std::chrono::nanoseconds patience) {
  move_epoch_past(h, seen);
  const std::uint64_t until = os::steady_ns() + static_cast<std::uint64_t>(patience.count());
  while (oldest_pin(h) <= seen) {
    if (os::steady_ns() >= until) return false;
    os::nap(std::chrono::microseconds(200));
  }
  return true;
}

// Step 3, first: what was RETIRED before our pin may be freed under it, so it is free before anything is read.  Whoever
// kept it from that has been waited for, but for those who came since.
bool free_what_was_retired(Handle& h, LocalSeat& seat, std::uint64_t epoch, std::chrono::nanoseconds patience) {
  const std::uint64_t until = os::steady_ns() + static_cast<std::uint64_t>(patience.count());
  for (;;) {
    if (const Freed f = free_retired(h); f.wait_for_sync != 0) {
      if (!sync_until(h, seat, f.ticket)) return false;
      free_retired(h);
    }
    bool left = false;
    for (std::uint64_t r = 0; r < regions_in_use(h); ++r) left = left || over_for(h, r, word_of(h, r), epoch);
    if (!left) return true;
    if (os::steady_ns() >= until) return false;
    os::nap(std::chrono::microseconds(200));
  }
}

// Step 3, second: under the new pin each is looked at again.  An offset noted under an earlier pin proves nothing:
// a live record may have landed there.
void strike_changed(const Handle& h, Tombstones& found) {
  std::erase_if(found, [&](const auto& entry) {
    const Tombstone& t = entry.second;
    RecordRef now;
    if (h.space.locate(t.record.at, now) != nullptr || !now.tombstone() || now.tag() != entry.first) return true;
    return now.region_seed != t.record.region_seed || stamp_if_version(h, now) != t.stamp || !is_head(h, now);
  });
}

// Step 3, third: every record of every region that a rebuild would read.  A compactor that stalled under an older
// pin cannot write an older version behind us any more (F15).  False: something could not be read, so nothing is known.
bool mark_hiding(Handle& h, Tombstones& found) {
  for (std::uint64_t r = 0; r < regions_in_use(h); ++r) {
    const RegionWord w = word_of(h, r);
    const bool holds =
        w.type != format::RegionType::index && w.state >= RegionState::open && w.state != RegionState::body;
    if (!holds) continue;
    const bool read = each_record(h, r, w, [&](const RecordRef& record) {
      const auto [begin, end] = found.equal_range(record.tag());
      for (auto i = begin; i != end; ++i) {
        Tombstone& t = i->second;
        const std::uint64_t stamp = shared::stamp_load(record.header->stamp);
        if (record.at != t.record.at && record.key() == t.record.key() && stamp != t.stamp) t.hides = true;
      }
    });
    if (!read) return false;
  }
  return true;
}

// Step 5.  What was inserted since is later: the clock is past the stamp that goes (F14).
bool drop(Handle& h, LocalSeat& seat, const Tombstone& t) noexcept {
  const Lookup at = find_for_change(h, {t.record.tag(), t.record.key()});
  if (at.found != Found::record || at.record.at != t.record.at) return false;
  mark_superseded(h, t.record);
  if (!shared::index_swing(*at.slot, at.word, format::kDead)) return false;
  note_dead(h, seat, t.record);
  step("sweep.5");
  return true;
}

}  // namespace

std::uint64_t sweep(Handle& h, LocalSeat& seat, std::chrono::nanoseconds keep, std::chrono::nanoseconds patience) {
  Tombstones found = collect(h, seat, keep);
  if (found.empty()) return 0;
  const std::uint64_t seen = shared::epoch_load(h.space.control());
  if (!wait_for_pins(h, seen, patience)) return 0;
  step("sweep.2");
  OperationPin pinned(h, seat);
  if (!pinned || !free_what_was_retired(h, seat, walking_epoch(h), patience)) return 0;
  strike_changed(h, found);
  step("sweep.3");
  if (!mark_hiding(h, found)) return 0;
  std::uint64_t latest = 0, dropped = 0;
  for (const auto& [tag, t] : found) latest = std::max(latest, format::stamp_time(t.stamp));
  advance_clock(h, latest);  // step 4
  for (const auto& [tag, t] : found)
    if (!t.hides) dropped += drop(h, seat, t);
  return dropped;
}

}  // namespace durra::detail
