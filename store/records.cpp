// The scan: regions in file order, records in region order; a record is shown iff it is what the instant shows for its
// key (PROTOCOL.md ITERATE).
#include "store/seat.h"
#include "store/snapshot.h"
#include "store/stamp.h"

namespace durra::detail {

namespace {

void note(RecordsState& s, std::uint64_t offset, format::Why why) noexcept {
  if (!s.status) s.status = Error{Code::damaged, 0, offset, why};
}

// A state word of zeros says "never used": not of a region that has a tail, and no life ever goes back to it.
bool is_gone(format::Descriptor& d, std::uint64_t state) noexcept {
  return state == 0 && shared::tail_load(d.tail) != 0 && shared::state_load(d.state) == 0;
}

// Goes to the next region that can hold records.
bool next_region(RecordsState& s) noexcept {
  const Space& space = s.handle->space;
  while (s.region < s.regions) {
    const std::uint64_t r = s.region++;
    format::Descriptor& d = space.descriptor(r);
    const std::uint64_t state = shared::state_load(d.state);
    if (!format::intact(state) || is_gone(d, state)) {
      note(s, space.descriptor_offset(r), "region state: checksum mismatch");
      continue;
    }
    const auto w = format::unpack(state);
    using format::RegionState;
    if (w.type != format::RegionType::data || w.state == RegionState::free || w.state == RegionState::claimed ||
        w.state == RegionState::body)
      continue;
    const std::uint64_t size = space.run_length(r, w) * space.region_size();
    const std::uint64_t tail = shared::tail_load(d.tail);
    if (tail < format::kRegionData || tail > size) {
      note(s, space.descriptor_offset(r), "tail is outside the region");
      continue;
    }
    s.all_newest = shared::dead_mark_load(d.may_hold_dead) == format::nothing_dead(w.generation);
    s.at = space.region_offset(r) + format::kRegionData;
    s.end = space.region_offset(r) + tail;
    return true;
  }
  return false;
}

bool wanted(RecordsState& s, const RecordRef& r) noexcept {
  if (!format::is_put(r.shape.kind)) return false;
  const auto key = r.key();
  if (!s.own_keys && !key.empty() && key[0] == '\0') {
    if (format::tag_of(key, s.handle->space.seed()) != r.tag()) note(s, r.at, "record checksum mismatch");
    return false;
  }
  return s.prefix.empty() || key.starts_with(s.prefix);
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

// Whether the instant shows this very record for its key.
bool shows(RecordsState& s, const RecordRef& r) noexcept {
  const std::uint64_t stamp = stamp_if_version(*s.handle, r);
  if (stamp != 0 && format::stamp_time(stamp) > s.time) {
    if (const auto why = too_late(*s.handle, r, stamp)) note(s, r.at, why);
    return false;
  }
  if (stamp != 0 && s.all_newest) return true;
  RecordRef& walked = s.walked[r.tag() % s.walked.size()];
  if (walked && walked.tag() == r.tag() && walked.key() == r.key()) return walked.at == r.at;
  const Lookup head = find(*s.handle, {r.tag(), r.key()});
  if (head.found == Found::damaged) return note(s, head.offset, head.why), false;
  if (head.found != Found::record) {  // a version was in the index once, and its key never leaves it
    if (stamp != 0) note(s, r.at, "the index has lost a key; open with rebuild");
    return false;
  }
  if (s.time == kNow) return resolve(*s.handle, head.record).record.at == r.at;
  const Shown then = as_of(*s.handle, head.record, s.time);
  if (then.why != nullptr) return note(s, then.offset, then.why), false;
  if (then.record && then.record.at != head.record.at) walked = then.record;
  return then.record && then.record.at == r.at;
}

}  // namespace

std::unique_ptr<RecordsState> scan(Handle& h, Instant instant, std::string_view prefix, bool own_keys) {
  auto s = std::make_unique<RecordsState>(h);
  s->pin = instant.pin;
  s->time = instant.time;
  s->prefix = prefix;
  s->own_keys = own_keys;
  s->regions = h.space.regions();
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
    while (s.queue_next != s.queue_end)
      if (const RecordRef& r = s.queue[s.queue_next++]; shows(s, r)) return &r;
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
    if (auto record = s.handle->make_record(*r, s.pin)) {
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
