// The scan: regions in file order, records in region order; a record is shown iff it is what the instant shows for its
// key (PROTOCOL.md ITERATE).
#include <algorithm>

#include "store/region_table.h"
#include "store/seat.h"
#include "store/snapshot.h"
#include "store/stamp.h"

namespace durra::detail {

namespace {

void note(RecordsState& s, std::uint64_t offset, format::Why why) noexcept {
  if (!s.status) s.status = Error{Code::damaged, 0, offset, why};
}

// What lies in a region that cannot be noted: nothing older is shown for it.
void doubt(RecordsState& s, std::uint64_t r, format::Why why) noexcept {
  s.extents[r].in_doubt = true;
  note(s, s.handle->space.descriptor_offset(r), why);
}

// Notes where region r has records, and returns how many regions it covers.
std::uint64_t note_extent(RecordsState& s, std::uint64_t r, std::uint64_t epoch) {
  const Space& space = s.handle->space;
  format::Descriptor& d = space.descriptor(r);
  const std::uint64_t state = shared::state_load(d.state);
  if (!format::intact(state) || is_gone(d)) {
    doubt(s, r, "region state: checksum mismatch");
    return 1;
  }
  const auto w = format::unpack(state);
  using format::RegionState;
  const bool wanted = w.type == format::RegionType::data || (s.own_keys && w.type == format::RegionType::block);
  if (!wanted || w.state == RegionState::free || w.state == RegionState::claimed || w.state == RegionState::body ||
      over_for(*s.handle, r, w, epoch))
    return 1;
  const std::uint64_t regions = space.run_length(r, w);
  const std::uint64_t settled = shared::tail_load(d.settled);
  const std::uint64_t tail = shared::tail_load(d.tail);
  if (tail < format::kRegionData || tail > regions * space.region_size()) {
    doubt(s, r, "tail is outside the region");
    return 1;
  }
  const std::uint64_t base = space.region_offset(r);
  s.extents[r] = {base + format::kRegionData, base + tail, base + settled, base + format::kRegionData};
  // Twice: somebody may be adopting it, or leaving it, while the two words are read.
  if (!ends_agree(w, d) && shared::state_load(d.state) == state && !ends_agree(w, d) &&
      shared::state_load(d.state) == state)
    doubt(s, r, "tail and settled disagree");
  return regions;
}

// Behind the noting of all: who has a copy in here marked its region before.
void note_moves(RecordsState& s) noexcept {
  for (std::uint64_t r = 0; r < s.regions; ++r) {
    format::Descriptor& d = s.handle->space.descriptor(r);
    const std::uint64_t generation = format::generation_of(shared::state_load(d.state));
    s.extents[r].has_moved = shared::dead_mark_load(d.may_hold_dead) == format::moved_from(generation);
  }
}

// Goes to the next region that can hold records: first those that something was moved out of.
bool next_region(RecordsState& s) noexcept {
  const Space& space = s.handle->space;
  for (; s.region < 2 * s.regions; ++s.region) {
    const auto& extent = s.extents[s.region % s.regions];
    if (extent.end == 0 || extent.has_moved != (s.region < s.regions)) continue;
    format::Descriptor& d = space.descriptor(s.region++ % s.regions);
    const std::uint64_t generation = format::generation_of(shared::state_load(d.state));
    s.all_newest = shared::dead_mark_load(d.may_hold_dead) == format::nothing_dead(generation);
    s.has_moved = extent.has_moved;
    s.at = extent.begin;
    s.end = extent.end;
    s.settled = extent.settled;
    return true;
  }
  return false;
}

// Whether the walk meets this record, as a version: copies only where they are in place.
bool in_extents(const RecordsState& s, const RecordRef& r) noexcept {
  const std::uint64_t region = s.handle->space.home_of(r.at);
  if (region >= s.extents.size()) return false;
  const auto& extent = s.extents[region];
  return r.at < (r.shape.relocated ? std::min(extent.settled, extent.end) : extent.end);
}

bool wanted(RecordsState& s, const RecordRef& r) noexcept {
  const bool is_block = r.shape.kind == format::RecordKind::block;
  if (!format::is_put(r.shape.kind) && !(is_block && s.own_keys)) return false;
  const auto key = r.key();
  const bool hidden = !s.own_keys && key.starts_with('\0');
  if (!hidden && key.starts_with(s.prefix)) return true;
  if (has_rotten_key(*s.handle, r)) note(s, r.at, "record checksum mismatch");
  return false;
}

// The next candidates of the current region.  Where they must be looked up: index lines of all first, then the records
// that those name.
void fill_queue(RecordsState& s) noexcept {
  s.queue_next = s.queue_end = 0;
  while (s.at != s.end && s.queue_end != s.queue.size()) {
    RecordRef& r = s.queue[s.queue_end];
    if (const auto why = s.handle->space.locate(s.at, r); why != nullptr || r.size() > s.end - s.at) {
      note(s, s.at, why != nullptr ? why : "record reaches beyond the tail");
      s.at = s.end;  // where the next record begins is not known
      break;
    }
    s.at += r.size();
    s.queue_end += wanted(s, r);
  }
  if (s.all_newest) return;
  for (std::size_t i = 0; i < s.queue_end; ++i) prefetch_leaf(*s.handle, {s.queue[i].tag(), s.queue[i].key()});
  for (std::size_t i = 0; i < s.queue_end; ++i) prefetch_record(*s.handle, {s.queue[i].tag(), s.queue[i].key()});
}

// Whether `r` is the place where the walk shows this version.  A version that was moved has two: the one that the index
// names is shown, unless the walk does not come by there.
bool is_place_of(RecordsState& s, const RecordRef& r, std::uint64_t stamp, const RecordRef& version) noexcept {
  if (!version) return false;
  if (version.at == r.at) return true;
  if (stamp == 0) return false;
  std::uint64_t theirs = stamp_if_version(*s.handle, version);
  // A copy got its stamp before the index named it; its check perhaps nobody has written yet, and not every handle may.
  if (theirs == 0 && version.shape.relocated) theirs = shared::stamp_load(version.header->stamp);
  if (theirs != 0 && theirs < stamp) note(s, r.at, "the index names an older version; open with rebuild");
  return theirs == stamp && !in_extents(s, version);
}

// The same for a walk without an instant.
bool is_met(const RecordsState& s, const RecordRef& r) { return in_extents(s, r) && !s.unpublished.contains(r.at); }

// Whether what should be met here may have been passed over for damage, of which the status tells.
bool is_in_doubt(const RecordsState& s, const RecordRef& r) noexcept {
  const std::uint64_t region = s.handle->space.home_of(r.at);
  return region < s.extents.size() && s.extents[region].in_doubt;
}

// Lists the versions that the walk meets in a region, as far as they have their stamps by now or never get any.
void list(RecordsState& s, std::uint64_t region) {
  auto& extent = s.extents[region];
  const std::uint64_t settled = shared::tail_load(s.handle->space.descriptor(region).settled);
  const std::uint64_t end = std::min(extent.end, s.handle->space.region_offset(region) + settled);
  RecordRef r;
  for (std::uint64_t& at = extent.listed; at < end && s.handle->space.locate(at, r) == nullptr; at += r.size())
    if (const std::uint64_t stamp = stamp_if_version(*s.handle, r); stamp != 0 && is_met(s, r))
      s.listed.insert({r.tag(), stamp});
}

// Whether the walk meets the version of this copy, which lies out of its sight.  Our pin keeps what it was copied from.
bool meets_source_of(RecordsState& s, const RecordRef& copy, std::uint64_t stamp) {
  const std::pair version(copy.tag(), stamp);
  if (s.listed.contains(version)) return true;
  for (std::uint64_t r = 0; r < s.regions; ++r) {
    if (s.extents[r].listed == s.extents[r].end) continue;
    // Whoever moves a version says first that its region may hold what is dead.  The state tells less: a compactor that
    // died, or found no room, leaves the region as it was.
    format::Descriptor& d = s.handle->space.descriptor(r);
    const std::uint64_t generation = format::generation_of(shared::state_load(d.state));
    if (shared::dead_mark_load(d.may_hold_dead) != format::nothing_dead(generation)) list(s, r);
  }
  return s.listed.contains(version);
}

// For who may not move the clock, and has no instant: what came since the regions were noted is passed over by its
// place, or others' puts would take keys away behind which the walk does not come by.  `asked`: the stamp of a version
// that the walk has met.
Shown newest_noted(RecordsState& s, const RecordRef& head, std::uint64_t asked) {
  Shown now = resolve(*s.handle, head);
  std::uint64_t above = ~std::uint64_t{0};
  while (now.why == nullptr && now.record && !is_met(s, now.record) && !is_in_doubt(s, now.record)) {
    const std::uint64_t stamp = shared::stamp_load(now.record.header->stamp);
    if (now.record.shape.relocated && (stamp == asked || meets_source_of(s, now.record, stamp))) break;
    const std::uint64_t prev = shared::prev_load(now.record.header->prev);
    if (prev == 0) return {};
    RecordRef older;
    if (const auto why = s.handle->space.locate(prev, older)) return {{}, why, prev};
    const std::uint64_t older_stamp = stamp_if_certain(older);
    if (older.tag() != head.tag() || older_stamp == 0 || older_stamp >= above)
      return {{}, "chain of versions is broken", prev};
    above = older_stamp;
    now.record = older;
  }
  return now;
}

// Whether the instant shows this record for its key, and here.
bool is_shown(RecordsState& s, const RecordRef& r) {
  if (r.shape.relocated && r.at >= s.settled) return false;
  const std::uint64_t stamp = stamp_if_version(*s.handle, r);
  if (stamp != 0 && format::stamp_time(stamp) > s.time) {
    if (const auto why = too_late(*s.handle, r, stamp)) note(s, r.at, why);
    return false;
  }
  if (stamp != 0 && s.all_newest) return true;
  RecordRef& walked = s.walked[r.tag() % s.walked.size()];
  if (walked && walked.tag() == r.tag() && walked.key() == r.key()) return is_place_of(s, r, stamp, walked);
  const Lookup head = find(*s.handle, {r.tag(), r.key()});
  if (head.found == Found::damaged) return note(s, head.offset, head.why), false;
  if (head.found != Found::record) {  // a key leaves the index only when nothing of it is left
    if (stamp != 0) note(s, r.at, "the index has lost a key; open with rebuild");
    return false;
  }
  const Shown then = s.time == kNow ? newest_noted(s, head.record, stamp) : as_of(*s.handle, head.record, s.time);
  if (then.why != nullptr) return note(s, then.offset, then.why), false;
  if (!then.record && stamp != 0) note(s, r.at, "the index has lost a version; open with rebuild");
  if (s.time != kNow && then.record && then.record.at != head.record.at) walked = then.record;
  return then.record && is_place_of(s, r, stamp, then.record);
}

// A version that was moved may be met at two places, and the index may name a third, out of the walk's sight: when two
// compact at a time, or one gives up.
bool is_first_place(RecordsState& s, const RecordRef& r) {
  if (!s.has_moved && s.shown_first.empty()) return true;
  const std::pair version(r.tag(), shared::stamp_load(r.header->stamp));
  if (s.has_moved) return s.shown_first.try_emplace(version, r.at).first->second == r.at;
  return !s.shown_first.contains(version);
}

bool shows(RecordsState& s, const RecordRef& r) {
  return !s.unpublished.contains(r.at) && is_shown(s, r) && is_first_place(s, r);
}

// For a walk without an instant, before it begins: what was noted, and is published later, counts as later for all of
// it.
void note_unpublished(RecordsState& s) {
  for (const auto& extent : s.extents) {
    RecordRef r;
    for (std::uint64_t at = extent.settled; at < extent.end && s.handle->space.locate(at, r) == nullptr;
         at += r.size()) {
      if (r.shape.relocated || !format::is_keyed(r.shape.kind) || stamp_if_version(*s.handle, r) != 0) continue;
      const Lookup head = find(*s.handle, {r.tag(), r.key()});
      if (head.found != Found::record || resolve(*s.handle, head.record).record.at != r.at) s.unpublished.insert(at);
    }
  }
}

}  // namespace

std::unique_ptr<RecordsState> scan(Handle& h, Instant instant, std::string_view prefix, bool own_keys) {
  PinsToTake pins(h, instant.pin);
  auto s = std::make_unique<RecordsState>(h);
  s->pin = pins.take();
  s->time = instant.time;
  s->prefix = prefix;
  s->own_keys = own_keys;
  s->regions = h.space.regions();
  s->extents.resize(s->regions);
  for (std::uint64_t r = 0; r < s->regions;) r += note_extent(*s, r, instant.epoch);
  note_moves(*s);
  if (s->time == kNow) note_unpublished(*s);
  return s;
}

std::unique_ptr<RecordsState> failed_scan(Handle& h, Error e) {
  auto s = std::make_unique<RecordsState>(h);
  s->status = e;
  return s;
}

const RecordRef* scan_next(RecordsState& s) {
  if (auto no = s.handle->refuse_read()) {
    s.status = no;
    return nullptr;
  }
  for (;;) {
    while (s.queue_next != s.queue_end) {
      const RecordRef& r = s.queue[s.queue_next];
      const bool shown = shows(s, r);  // when memory runs out it is asked again
      ++s.queue_next;
      if (shown) return &r;
    }
    while (s.at == s.end)
      if (!next_region(s)) return nullptr;
    fill_queue(s);
  }
}

std::optional<Error> scan_status(const RecordsState& s) { return s.status; }

}  // namespace durra::detail

namespace durra {

using detail::RecordsState;

Records detail::Handle::make_records(std::unique_ptr<RecordsState> state) noexcept {
  Records r;
  r.state_ = std::move(state);
  return r;
}

Records::Records(Records&&) noexcept = default;
Records& Records::operator=(Records&&) noexcept = default;
Records::~Records() = default;

Records::Iterator Records::begin() {
  Iterator i{this};
  ++i;
  return i;
}

Record& Records::Iterator::operator*() const { return *range->state_->shown; }

Records::Iterator& Records::Iterator::operator++() {
  RecordsState& s = *range->state_;
  s.shown.reset();
  while (const detail::RecordRef* r = detail::scan_next(s)) {
    if (!detail::try_pin_again(s.pin)) {
      s.status = detail::too_many_pins();
      break;
    }
    --s.queue_next;  // until it is made: when memory runs out it comes with the next ++
    auto record = s.handle->make_record(*r, s.pin);
    ++s.queue_next;
    if (record) {
      s.shown.emplace(*std::move(record));
      break;
    } else if (!s.status) {
      s.status = record.error();
    }
  }
  return *this;
}

bool Records::Iterator::operator==(std::default_sentinel_t) const { return !range->state_->shown; }

Result<void> Records::status() const {
  if (state_->status) return *state_->status;
  return {};
}

}  // namespace durra
