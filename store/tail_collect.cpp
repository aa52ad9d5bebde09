// A collection: everything that an instant shows and that lies behind a position, the smallest first, in bounded
// memory. Under its pin nothing that the instant shows is freed.  PROTOCOL.md TAIL says why nothing is missed.
#include <algorithm>
#include <array>

#include "store/region_table.h"
#include "store/seat.h"
#include "store/stamp.h"
#include "store/tail.h"

namespace durra::detail {
namespace {

using format::RegionState;

class Collection {
 public:
  Collection(TailState& t, const Instant& instant) noexcept
      : t_(t), h_(*t.handle), time_(instant.time), epoch_(instant.epoch), entries_(std::move(t.entries)) {}

  void run();

 private:
  // The part of a region that is to be read.
  struct Region {
    std::uint64_t number, state, base, settled, tail;
    bool all_newest;
    bool may_change;  // its tail may still move
  };
  std::optional<Region> look_at(std::uint64_t r);
  void read(const Region&);
  void walk(const Region&, std::uint64_t from, SeenRegion&);
  std::uint64_t consider(const RecordRef&, bool all_newest);
  bool is_wanted(const RecordRef&);
  std::uint64_t shown_stamp(const RecordRef&);
  void add(const TailEntry&);
  bool has_room_for(const TailEntry& e) const noexcept {
    return entries_.size() < kCollectMax || before(e, entries_.front());
  }
  bool before(const TailEntry& a, const TailEntry& b) const noexcept {
    return a.stamp != b.stamp ? a.stamp < b.stamp : name_of(h_, a.record) < name_of(h_, b.record);
  }
  auto order() const noexcept {
    return [this](const TailEntry& a, const TailEntry& b) { return before(a, b); };
  }
  void note(std::uint64_t offset, format::Why why) {
    if (!t_.damage && t_.told.insert(offset).second) t_.damage = Error{Code::damaged, 0, offset, why};
  }

  TailState& t_;
  Handle& h_;
  const std::uint64_t time_;
  const std::uint64_t epoch_;
  std::vector<TailEntry> entries_;  // the tail's own once they are all there and in order
  bool complete_ = true;            // nothing had to be left out for want of room
  // What the instant shows of the keys met last: a hot key has many versions, and each would ask again.
  struct Known {
    RecordRef record;
    std::uint64_t stamp;
  };
  std::array<Known, 256> known_{};
};

std::optional<Collection::Region> Collection::look_at(std::uint64_t r) {
  format::Descriptor& d = h_.space.descriptor(r);
  const std::uint64_t state = shared::state_load(d.state);
  if (!format::intact(state))
    return note(h_.space.descriptor_offset(r), "region state: checksum mismatch"), std::nullopt;
  if (is_gone(d)) return note(h_.space.descriptor_offset(r), "region state: never used, with a tail"), std::nullopt;
  const auto w = format::unpack(state);
  if (w.type != format::RegionType::data || !format::may_hold_records(state) || over_for(h_, r, w, epoch_)) return {};
  // Settled first: what lies below it has its stamps when they are read, or never gets any.
  const std::uint64_t settled = shared::tail_load(d.settled);
  const std::uint64_t tail = shared::tail_load(d.tail);
  const std::uint64_t size = h_.space.run_length(r, w) * h_.space.region_size();
  if (tail < format::kRegionData || tail > size)
    return note(h_.space.descriptor_offset(r), "tail is outside the region"), std::nullopt;
  const bool all_newest = shared::dead_mark_load(d.may_hold_dead) == format::nothing_dead(w.generation);
  const bool may_change = w.state == RegionState::open || w.state == RegionState::partial;
  return Region{r, state, h_.space.region_offset(r), std::min(settled, tail), tail, all_newest, may_change};
}

void Collection::read(const Region& r) {
  if (t_.regions.size() <= r.number) t_.regions.resize(r.number + 1);
  SeenRegion& seen = t_.regions[r.number];
  const std::uint64_t generation = format::generation_of(r.state);
  if (seen.generation != generation) seen = {.generation = generation};
  std::uint64_t& bound = h_.space.descriptor(r.number).stamp_max;
  const std::uint64_t word = shared::hint_load(bound);
  const bool bounded = word != 0 && word == format::stamp_bound(generation, word >> 16);
  if (seen.end == format::kRegionData && bounded && !r.may_change && r.settled == r.tail &&
      t_.reached.is_behind_all_of(word | 0xffff))
    seen = {generation, r.tail, 0, word | 0xffff};

  std::uint64_t from = seen.end;
  if (seen.end != format::kRegionData && !t_.reached.is_behind_all_of(seen.high)) {
    if (entries_.size() == kCollectMax && seen.low > entries_.front().stamp)
      complete_ = false;  // what it has comes later
    else
      from = format::kRegionData;
  }
  walk(r, from, seen);
  // Of a retired region the next life may begin before this store.
  const bool retired = format::unpack(r.state).state == RegionState::retired;
  if (!bounded && !r.may_change && !retired && seen.end == r.tail)
    shared::hint_store(bound, format::stamp_bound(generation, format::stamp_time(seen.high)));
}

void Collection::walk(const Region& r, std::uint64_t from, SeenRegion& seen) {
  for (std::uint64_t at = from; at < r.tail;) {
    RecordRef record;
    const auto why = h_.space.locate(r.base + at, record);
    if (why != nullptr || record.size() > r.tail - at) {
      note(r.base + at, why != nullptr ? why : "record reaches beyond the tail");
      return;
    }
    const std::uint64_t stamp = consider(record, r.all_newest);
    const std::uint64_t end = at + record.size();
    // What is later than the instant is read again the next time, so that `high` does not keep the region in sight.
    if (seen.end == at && end <= r.settled && format::stamp_time(stamp) <= time_) {
      seen.end = end;
      if (stamp != 0) {
        seen.low = std::min(seen.low, stamp);
        seen.high = std::max(seen.high, stamp);
      }
    }
    at = end;
  }
}

bool Collection::is_wanted(const RecordRef& r) {
  if (!format::is_keyed(r.shape.kind)) return false;
  const auto key = r.key();
  if (!key.starts_with('\0') && key.starts_with(t_.prefix)) return true;
  if (has_rotten_key(h_, r)) note(r.at, "record checksum mismatch");
  return false;
}

// Takes the record in if the instant shows it.  Its stamp, or 0: it has none, and if it is settled it never will.
std::uint64_t Collection::consider(const RecordRef& r, bool all_newest) {
  std::uint64_t stamp = stamp_if_version(h_, r);
  if (!is_wanted(r)) return stamp;
  if (stamp != 0) {
    if (t_.reached.is_behind(stamp, name_of(h_, r))) return stamp;
    if (format::stamp_time(stamp) > time_) {
      if (const auto why = too_late(h_, r, stamp)) note(r.at, why);
      return stamp;
    }
    if (!has_room_for({stamp, r})) return complete_ = false, stamp;
  }
  if (stamp == 0 || !all_newest) {
    const std::uint64_t then = shown_stamp(r);  // gives the head its stamp, before its key is asked what is shown
    stamp = stamp_if_version(h_, r);
    if (stamp == 0 || stamp != then || t_.reached.is_behind(stamp, name_of(h_, r))) return stamp;
  }
  add({stamp, r});
  return stamp;
}

// The stamp of what the instant shows for the record's key; 0: nothing.  By stamp and not by place, because compaction
// moves versions while we walk: one that is met twice is shown once, one that moved behind us is met where it was.
std::uint64_t Collection::shown_stamp(const RecordRef& r) {
  Known& known = known_[r.tag() % known_.size()];
  if (known.record && known.record.tag() == r.tag() && known.record.key() == r.key()) return known.stamp;
  const Lookup head = find(h_, {r.tag(), r.key()});
  if (head.found == Found::damaged) return note(head.offset, head.why), 0;
  if (head.found != Found::record) return 0;
  const auto then = as_of(h_, head.record, time_);
  if (then.why != nullptr) return note(then.offset, then.why), 0;
  if (!then.record) return 0;
  known = {then.record, stamp_if_certain(then.record)};
  return known.stamp;
}

void Collection::add(const TailEntry& e) {
  if (!has_room_for(e)) {
    complete_ = false;
    return;
  }
  if (entries_.size() == kCollectMax) {
    std::pop_heap(entries_.begin(), entries_.end(), order());
    entries_.pop_back();
    complete_ = false;
  }
  entries_.push_back(e);
  std::push_heap(entries_.begin(), entries_.end(), order());
}

void Collection::run() {
  const std::uint64_t count = h_.space.regions();
  for (std::uint64_t r = 0; r < count; ++r)
    if (const auto region = look_at(r)) read(*region);
  auto& all = entries_;
  std::sort_heap(all.begin(), all.end(), order());
  all.erase(std::unique(all.begin(), all.end(),
                        [this](const TailEntry& a, const TailEntry& b) { return !before(a, b) && !before(b, a); }),
            all.end());
  t_.end = complete_ ? behind_time(time_) : behind(all.back().stamp, name_of(h_, all.back().record));
  t_.entries = std::move(all);
}

}  // namespace

Result<void> collect(TailState& t) {
  t.entries.clear();
  t.names.clear();
  t.next = 0;
  auto instant = take_instant(*t.handle);
  if (!instant) return instant.error();
  PinsToTake pins(*t.handle, instant->pin);
  t.pinned_ns = os::steady_ns();
  Collection(t, *instant).run();
  t.pin = pins.take();
  return {};
}

}  // namespace durra::detail
