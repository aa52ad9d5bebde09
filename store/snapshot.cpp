// Reading as of an instant.
#include "store/snapshot.h"

#include "store/append.h"
#include "store/reclaim.h"
#include "store/seat.h"
#include "store/stamp.h"

namespace durra::detail {

std::uint64_t walking_epoch(Handle& h) noexcept {
  const std::uint64_t epoch = shared::epoch_load(h.space.control());
  shared::reclaim_fence();
  return epoch;
}

Result<Instant> take_instant(Handle& h) {
  if (auto no = h.refuse_read()) return *no;
  if (h.read_only) {  // may not move the clock: sees every key's newest version, not one instant
    auto pinned = pin_reader(h);
    if (!pinned) return pinned.error();
    return Instant{*pinned, kNow, walking_epoch(h)};
  }
  auto seat = home_seat(h);
  if (!seat) return seat.error();
  std::uint64_t* cell = pin(h, **seat);
  if (cell == nullptr) return too_many_pins();
  auto& control = h.space.control();
  const std::uint64_t epoch = walking_epoch(h);
  const std::uint64_t time = shared::clock_load(control);
  shared::clock_tick(control, time);  // one try: lost means that somebody else moved it on
  return Instant{cell, time, epoch};
}

bool over_for(Handle& h, std::uint64_t region, const format::RegionWord& w, std::uint64_t epoch) noexcept {
  return w.state == format::RegionState::retired && retired_in(h, region, w) < epoch;
}

format::Why too_late(const Handle& h, const RecordRef& r, std::uint64_t stamp) noexcept {
  if (stamp_if_certain(r) != stamp) return "record stamp: checksum mismatch";
  if (format::stamp_time(stamp) > shared::clock_load(h.space.control())) return "record stamp: later than the clock";
  return nullptr;
}

Shown as_of(const Handle& h, const RecordRef& head, std::uint64_t time) noexcept {
  const Shown now = resolve_at(h, head, time);
  if (now.why != nullptr || !now.record) return now;
  RecordRef r = now.record;
  std::uint64_t stamp = fill(h, r);
  if (format::stamp_time(stamp) > time)
    if (const auto why = too_late(h, r, stamp)) return {{}, why, r.at};
  while (format::stamp_time(stamp) > time) {
    const std::uint64_t prev = shared::prev_load(r.header->prev);
    if (prev == 0) return {};
    RecordRef older;
    if (const auto why = h.space.locate(prev, older)) return {{}, why, prev};
    const std::uint64_t older_stamp = stamp_if_certain(older);
    // Strictly falling, so that a hostile file cannot make a circle (F42).
    if (older.tag() != r.tag() || older_stamp == 0 || older_stamp >= stamp)
      return {{}, "chain of versions is broken", prev};
    r = older;
    stamp = older_stamp;
  }
  return {r};
}

}  // namespace durra::detail

namespace durra {

Snapshot detail::Handle::make_snapshot(const Instant& instant) noexcept {
  Snapshot s;
  refer();
  s.handle_ = this;
  s.pin_ = instant.pin;
  s.time_ = instant.time;
  s.epoch_ = instant.epoch;
  return s;
}

Snapshot::Snapshot(Snapshot&& o) noexcept
    : handle_(std::exchange(o.handle_, nullptr)), pin_(o.pin_), time_(o.time_), epoch_(o.epoch_) {}

Snapshot& Snapshot::operator=(Snapshot&& o) noexcept {
  std::swap(handle_, o.handle_);
  std::swap(pin_, o.pin_);
  std::swap(time_, o.time_);
  std::swap(epoch_, o.epoch_);
  return *this;
}

Snapshot::~Snapshot() {
  if (handle_ == nullptr) return;
  detail::Handle::release_pin(handle_, pin_);
  detail::Handle::unrefer(handle_);
}

Result<Record> Snapshot::get(Key key) const {
  if (auto no = handle_->refuse_read()) return *no;
  if (auto no = detail::refuse(key)) return *no;
  const auto at = detail::find(*handle_, detail::view(*handle_, key));
  if (at.found == detail::Found::damaged) return at.error();
  if (at.found != detail::Found::record) return Error{Code::not_found};
  const auto then = detail::as_of(*handle_, at.record, time_);
  if (then.why != nullptr) return Error{Code::damaged, 0, then.offset, then.why};
  if (!then.record || then.record.tombstone()) return Error{Code::not_found};
  if (then.record.shape.kind == format::RecordKind::block)
    return Error{Code::mismatch, 0, then.record.at, "the name belongs to a block"};
  if (!detail::try_pin_again(pin_)) return detail::too_many_pins();
  return handle_->make_record(then.record, pin_);
}

Records Snapshot::records(std::string_view key_prefix) const {
  if (auto no = handle_->refuse_read()) return handle_->make_records(detail::failed_scan(*handle_, *no));
  if (!detail::try_pin_again(pin_))
    return handle_->make_records(detail::failed_scan(*handle_, detail::too_many_pins()));
  return handle_->make_records(detail::scan(*handle_, {pin_, time_, epoch_}, key_prefix));
}

Result<Snapshot> Store::snapshot() const {
  if (handle_->read_only) return Error{Code::read_only, 0, 0, "a read-only handle cannot take a snapshot"};
  auto instant = detail::take_instant(*handle_);
  if (!instant) return instant.error();
  return handle_->make_snapshot(*instant);
}

Records Store::records(std::string_view key_prefix) const {
  auto instant = detail::take_instant(*handle_);
  return handle_->make_records(instant ? detail::scan(*handle_, *instant, key_prefix)
                                       : detail::failed_scan(*handle_, instant.error()));
}

}  // namespace durra
