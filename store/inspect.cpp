// What durra info, regions and who show.
#include <algorithm>
#include <cstring>
#include <set>

#include "store/reclaim.h"
#include "store/seat.h"
#include "store/snapshot.h"
#include "store/stamp.h"

namespace durra {
namespace detail {
namespace {

using format::RegionState;
using format::RegionType;
using format::RegionWord;

constexpr std::uint64_t kCells = 32;

bool holds_records(const RegionWord& w) noexcept {
  return w.type != RegionType::index && w.state != RegionState::free && w.state != RegionState::claimed &&
         w.state != RegionState::body;
}

std::uint64_t hint(Handle& h) noexcept { return h.space.regions(); }

// Marks the cells of the picture that [begin, end) of `size` touches.
void paint(std::string& picture, std::uint64_t begin, std::uint64_t end, std::uint64_t size, char c) {
  const std::uint64_t first = begin * kCells / size;
  const std::uint64_t last = std::min((end * kCells + size - 1) / size, kCells);
  for (std::uint64_t i = first; i < last; ++i)
    if (picture[i] != '#') picture[i] = c;
}

// Counts and paints all that is in a region.
void count_records(Handle& h, RegionInfo& info, std::uint64_t tail, std::uint64_t size) {
  const std::uint64_t base = info.offset;
  for (std::uint64_t at = format::kRegionData; at < tail;) {
    RecordRef r;
    if (h.space.locate(base + at, r) != nullptr) break;
    ++info.records;
    paint(info.picture, at, at + r.size(), size, '.');
    at += r.size();
  }
}

// The same of what an instant shows.  `infos`: by number.
void count_live(Handle& h, RecordsState& instant, std::vector<RegionInfo>& infos) {
  while (const RecordRef* r = scan_next(instant)) {
    const std::uint64_t region = h.space.home_of(r->at);
    const auto info = std::lower_bound(infos.begin(), infos.end(), region,
                                       [](const RegionInfo& i, std::uint64_t number) { return i.number < number; });
    if (info == infos.end() || info->number != region) continue;  // not a record's any more
    ++info->live_records;
    info->live_bytes += r->size();
    const std::uint64_t begin = r->at - info->offset;
    paint(info->picture, begin, begin + r->size(), info->regions * h.space.region_size(), '#');
  }
}

Result<std::vector<RegionInfo>> regions(Handle& h) {
  if (auto no = h.refuse_read()) return *no;
  std::vector<RegionInfo> out;
  auto instant = take_instant(h);
  if (!instant) return instant.error();
  const auto state = scan(h, *instant, {}, true);
  const std::uint64_t count = state->regions;
  for (std::uint64_t r = 0; r < count; ++r) {
    format::Descriptor& d = h.space.descriptor(r);
    const RegionWord w = format::unpack(shared::state_load(d.state));
    if (w.state == RegionState::body) continue;
    RegionInfo info{};
    info.number = r;
    info.offset = h.space.region_offset(r);
    info.generation = w.generation;
    info.regions = h.space.run_length(r, w);
    info.state = format::name(w.state);
    info.type = format::name(w.type);
    info.picture = std::string(kCells, '_');
    const bool owned = w.state == RegionState::claimed || w.state == RegionState::compacting ||
                       (w.state == RegionState::open && w.type != RegionType::index);
    if (owned) {
      info.owner_seat = w.owner;
      if (w.owner < h.space.super().seat_count) info.owner_pid = shared::hint_load(h.space.seat(w.owner).pid);
    }
    const std::uint64_t size = info.regions * h.space.region_size();
    const std::uint64_t tail = std::min(shared::tail_load(d.tail), size);
    if (w.state != RegionState::free && w.state != RegionState::claimed) info.used_bytes = tail;
    if (holds_records(w)) count_records(h, info, tail, size);
    out.push_back(std::move(info));
  }
  count_live(h, *state, out);
  if (auto no = scan_status(*state); no && no->code != Code::damaged) return *no;
  return out;
}

void count_regions(Handle& h, Stats& s) {
  const std::uint64_t count = hint(h);
  std::uint64_t used = 0;
  s.regions_free = 0;
  for (std::uint64_t r = 0; r < count; ++r) {
    const RegionWord w = format::unpack(shared::state_load(h.space.descriptor(r).state));
    ++s.region_count;
    if (w.state == RegionState::free)
      ++s.regions_free;
    else if (w.type == RegionType::index)
      ++s.regions_index;
    else if (w.state == RegionState::open)
      ++s.regions_open;
    else if (w.state == RegionState::partial)
      ++s.regions_partial;
    else if (w.state == RegionState::sealed)
      ++s.regions_sealed;
    else
      ++s.regions_other;
    if (holds_records(w)) used += shared::tail_load(h.space.descriptor(r).tail) - format::kRegionData;
  }
  s.garbage_bytes = used;  // less what is live, below
}

std::uint64_t pins_of(Handle& h, std::uint32_t seat) noexcept {
  std::uint64_t n = 0;
  for (auto& cell : h.space.seat(seat).pins) n += format::pin_count(shared::pin_load(cell));
  return n;
}

std::uint64_t pin_age(Handle& h, std::uint32_t seat) noexcept {
  if (pins_of(h, seat) == 0) return 0;
  const std::uint64_t now = os::coarse_now_ns();
  const std::uint64_t since = shared::hint_load(h.space.seat(seat).pinned_since_ns);
  return now > since ? now - since : 0;
}

// A seat's byte, seen from here: our own too, for the probe is another open file description than the seats'.
bool is_alive(Handle& h, std::uint32_t seat) noexcept {
  const auto held =
      os::is_held(h.probe, format::kLockSeats + seat, 1, h.read_only ? os::Lock::shared : os::Lock::exclusive);
  return held && *held != 0;
}

void count_seats(Handle& h, Stats& s) {
  std::set<std::uint32_t> pids;
  for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n) {
    if (format::seat_state(shared::seat_load(h.space.seat(n).state)) == format::SeatState::free) continue;
    ++s.seats_taken;
    if (!is_alive(h, n)) {
      ++s.seats_dead;
      continue;
    }
    pids.insert(shared::hint_load(h.space.seat(n).pid));
    s.oldest_pin_ns = std::max(s.oldest_pin_ns, pin_age(h, n));
  }
  s.processes = pids.size();
}

Result<Stats> stats(Handle& h) {
  if (auto no = h.refuse_read()) return *no;
  const auto& super = h.space.super();
  const auto file = os::info(h.file);
  if (!file) return file.error();
  Stats s{};
  s.uuid = super.uuid;
  s.format = super.version;
  s.created_ns = super.created_ns;
  s.file_bytes = file->size;
  s.disk_bytes = file->disk_bytes;
  s.reserved_bytes = super.region_count * super.region_size;
  s.region_size = super.region_size;
  s.seat_count = super.seat_count;
  s.rebuilds = shared::hint_load(h.space.control().rebuilds);
  s.syncs = shared::hint_load(h.space.control().syncs);
  s.synced_ns = shared::hint_load(h.space.control().synced_ns);
  s.sync_errno = static_cast<std::uint16_t>(shared::error_load(h.space.control().sync_error) & 0xffff);
  s.opened = h.opened;
  s.open_ns = h.open_ns;
  count_seats(h, s);
  auto instant = take_instant(h);
  if (!instant) return instant.error();
  const auto state = scan(h, *instant, {}, true);
  count_regions(h, s);
  std::uint64_t live = 0;
  while (const RecordRef* r = scan_next(*state)) {
    ++s.live_records;
    s.live_bytes += r->shape.payload_size;
    live += r->size();
  }
  s.garbage_bytes -= std::min(live, s.garbage_bytes);
  s.unreadable = scan_status(*state);
  if (s.unreadable && s.unreadable->code != Code::damaged) return *s.unreadable;
  return s;
}

SeatInfo seat_info(Handle& h, std::uint32_t n) {
  format::Seat& seat = h.space.seat(n);
  SeatInfo s{};
  s.seat = n;
  s.pid = shared::hint_load(seat.pid);
  s.tid = shared::hint_load(seat.tid);
  const auto command = shared::hint_load(seat.command);
  s.command = std::string(command.data(), ::strnlen(command.data(), command.size()));
  s.alive = is_alive(h, n);
  s.since_ns = shared::hint_load(seat.since_ns);
  s.puts = shared::hint_load(seat.puts);
  s.gets = shared::hint_load(seat.gets);
  s.erases = shared::hint_load(seat.erases);
  s.conflicts = shared::hint_load(seat.conflicts);
  s.bytes = shared::hint_load(seat.bytes);
  s.pins = pins_of(h, n);
  s.pin_age_ns = pin_age(h, n);
  if (s.pins != 0) s.held_back_bytes = held_back_by(h, oldest_pin_of(h.space.seat(n))).bytes;
  const std::uint64_t count = hint(h);
  for (std::uint64_t r = 0; r < count; ++r) {
    const RegionWord w = format::unpack(shared::state_load(h.space.descriptor(r).state));
    if (w.owner == n && w.state == RegionState::open && w.type != RegionType::index) s.open_regions.push_back(r);
  }
  return s;
}

Result<std::vector<SeatInfo>> participants(Handle& h) {
  if (auto no = h.refuse_read()) return *no;
  std::vector<SeatInfo> out;
  for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n)
    if (format::seat_state(shared::seat_load(h.space.seat(n).state)) != format::SeatState::free)
      out.push_back(seat_info(h, n));
  return out;
}

}  // namespace
}  // namespace detail

Result<Stats> stats(const Store& s) { return detail::stats(*detail::handle_of(s)); }
Result<std::vector<RegionInfo>> regions(const Store& s) { return detail::regions(*detail::handle_of(s)); }
Result<std::vector<SeatInfo>> participants(const Store& s) { return detail::participants(*detail::handle_of(s)); }

}  // namespace durra
