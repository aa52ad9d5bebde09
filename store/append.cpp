// PUT: room, pin, lay down, tail, find, prev, CAS, stamp, settled.  PROTOCOL.md has the table of what a death leaves.
#include "store/append.h"

#include <cstring>

#include "store/batch.h"
#include "store/region_table.h"
#include "store/stamp.h"
#include "store/step.h"
#include "store/sync.h"
#include "store/tidy.h"
#include "store/wait.h"

namespace durra::detail {
namespace {

// The bodies of lay_at and seal: a put has no calls for them.
[[gnu::always_inline]] inline RecordRef lay_here(const Handle& h, const OpenRegion& region, std::uint64_t inside,
                                                 const KeyView& key, const format::Shape& shape) noexcept {
  const std::uint64_t at = h.space.region_offset(region.number) + inside;
  std::byte* bytes = h.space.base() + at;
  format::RecordHeader header{};
  header.shape = format::pack(shape);
  header.tag = key.tag;
  std::memcpy(bytes, &header, sizeof header);
  const std::uint64_t key_at = format::header_size(shape);
  if (!key.text.empty()) std::memcpy(bytes + key_at, key.text.data(), key.text.size());
  const std::uint64_t start = format::payload_start(shape, at);
  const std::uint64_t keyed = key_at + key.text.size();
  std::memset(bytes + keyed, 0, start - keyed);
  return {reinterpret_cast<format::RecordHeader*>(bytes), at, region.seed, shape};
}
[[gnu::always_inline]] inline void check_up(const RecordRef& r) noexcept {
  const auto begin = format::kRecordHeaderSize;
  const auto end = format::checked_size(r.shape, r.at);
  std::byte* bytes = reinterpret_cast<std::byte*>(r.header);
  // Padding: old bytes must not show through.  A block's memory is the caller's.
  if (r.shape.kind != format::RecordKind::block) std::memset(bytes + end, 0, r.size() - end);
  r.header->body_check = format::body_check(bytes + begin, end - begin, r.region_seed, r.at);
  r.header->head_check = format::head_check(*r.header, r.region_seed, r.at);
}

constexpr bool is_conditional(const Change& c) noexcept { return c.expected || c.must_exist || c.stamp; }

// What stands in the way of this change, given what the key has now; null: go on.
inline std::optional<Error> refused_by(const Handle& h, const Change& c, const Lookup& at) noexcept {
  if (!is_conditional(c)) [[likely]]
    return {};
  const auto now = at.record ? version(h, at.record) : 0;
  if (!now) [[unlikely]]
    return no_version(at.record);
  if (c.expected && *c.expected != *now) return Error{Code::conflict, 0, *now, "another version is there"};
  if (c.must_exist && *now == 0) return Error{Code::not_found};
  if (c.stamp && at.record && fill(h, at.record) >= *c.stamp)
    return Error{Code::conflict, 0, *now, "a newer version is there"};
  return {};
}

// Step 4: where the key's newest version is or goes; `record` is that version, null if there is none.
Result<Lookup> find_newest(Handle& h, LocalSeat& seat, const KeyView& key) {
  auto at = find_place(h, seat, key);
  if (!at || !at->record || !format::in_batch(at->record.shape.kind)) [[likely]]
    return at;
  auto now = newest(h, seat, at->record);
  if (!now) return now.error();
  at->record = *now;
  return at;
}

std::uint64_t floor_of(const Handle& h, const LocalSeat& seat, const Lookup& at) noexcept {
  const std::uint64_t replaced = at.record ? fill(h, at.record) : 0;
  return std::max(replaced, seat.last_stamp);
}

// Steps 4 and 5: until the CAS on the index word is ours or the change is refused.
Result<void> install(Handle& h, LocalSeat& seat, const Change& c, const RecordRef& mine) {
  for (;;) {
    auto at = find_newest(h, seat, c.key);
    if (!at) return at.error();
    if (auto no = refused_by(h, c, *at)) return *no;
    shared::draft_store(mine.header->prev, at->record ? at->record.at : 0);
    shared::draft_store(mine.header->word, floor_of(h, seat, *at));
    if (at->record) mark_superseded(h, at->record);
    step("put.4");  // † void record
    if (!shared::index_swing(*at->slot, at->word, format::slot_word(format::slot_hash(c.key.tag), mine.at))) continue;
    if (at->record) note_dead(h, seat, at->record);
    return {};
  }
}

// Step 6.  A copy keeps the stamp of its source, written only now that its CAS was won; a copy that lost stays void.
std::uint64_t give_stamp(Handle& h, const Change& c, const RecordRef& mine) noexcept {
  if (!c.stamp) return fill(h, mine);
  advance_clock(h, format::stamp_time(*c.stamp));
  shared::stamp_decide(mine.header->stamp, *c.stamp);
  return fill(h, mine);
}

// The one way out after step 3, taken on success, conflict, full and damage: nobody finds this region half done.
class Settle {
 public:
  Settle(Handle& h, LocalSeat& seat, std::uint64_t end) noexcept
      : descriptor_(h.space.descriptor(seat.region->number)), end_(end) {}
  ~Settle() { shared::tail_store(descriptor_.settled, end_); }
  Settle(const Settle&) = delete;

 private:
  format::Descriptor& descriptor_;
  const std::uint64_t end_;
};

void count(LocalSeat& seat, const Change& c, bool conflict) noexcept {
  format::Seat& s = *seat.shared;
  if (conflict) return shared::figure_add(s.conflicts, 1);
  if (c.shape.kind == format::RecordKind::tombstone) return shared::figure_add(s.erases, 1);
  shared::figure_add(s.puts, 1);
  shared::figure_add(s.bytes, c.shape.payload_size);
}

// put_if and erase look first and write only if they go on.
Result<void> look_first(Handle& h, LocalSeat& seat, const Change& c) {
  OperationPin pinned(h, seat);
  if (!pinned) return too_many_pins();
  Lookup at = find(h, c.key);
  if (at.found == Found::damaged) return at.error();
  if (at.record && format::in_batch(at.record.shape.kind)) [[unlikely]] {
    auto now = newest(h, seat, at.record);
    if (!now) return now.error();
    at.record = *now;
  }
  if (auto no = refused_by(h, c, at)) {
    if (no->code == Code::conflict) count(seat, c, true);
    return *no;
  }
  return {};
}

// Steps 2 to 8.
Result<Stamp> publish_pinned(Handle& h, LocalSeat& seat, const Change& c, const Laid& laid) {
  OperationPin pinned(h, seat);  // step 2
  if (!pinned) return too_many_pins();
  prefetch_record(h, c.key);  // the version to be superseded comes while the checks are computed
  check_up(laid.record);
  step("put.3");  // † bytes beyond tail: the next owner writes over them
  shared::tail_store(h.space.descriptor(seat.region->number).tail, laid.end);
  seat.region->tail = laid.end;
  step("put.3b");  // † void record; the reaper settles past it
  Settle settle(h, seat, laid.end);
  if (auto installed = install(h, seat, c, laid.record); !installed) {
    note_dead(h, seat, laid.record);
    count(seat, c, installed.error().code == Code::conflict);
    return installed.error();
  }
  step("put.5");  // † published; whoever meets it stamps it
  const std::uint64_t stamp = give_stamp(h, c, laid.record);
  seat.last_stamp = std::max(seat.last_stamp, stamp);
  step("put.6");  // † whoever waits for it looks again at the end of its slice
  wake(h, c.key.tag);
  count(seat, c, false);
  return static_cast<Stamp>(stamp);
}

}  // namespace

void seal(const RecordRef& r) noexcept { check_up(r); }

std::optional<Error> refuse(const Key& key) noexcept {
  if (!key.is_text()) return {};
  const auto text = key.text();
  if (text.empty()) return Error{Code::invalid, 0, 0, "a key needs at least 1 byte"};
  if (text.size() > format::kKeySizeMax) return Error{Code::too_large, 0, format::kKeySizeMax, "the key is too long"};
  if (text[0] == '\0') return Error{Code::invalid, 0, 0, "keys that begin with byte 0 are the library's own"};
  return {};
}

std::optional<Error> refuse(const Handle& h, const Key& key, std::uint64_t payload_size, std::uint32_t align) noexcept {
  if (auto no = refuse(key)) return no;
  const std::uint64_t limit = std::min(format::kPayloadSizeMax, h.space.region_count() * h.space.region_size() / 4);
  if (payload_size > limit) return Error{Code::too_large, 0, limit, "the payload is too large"};
  if (!format::power_of_two(align) || align < 8 || align > format::kAlignMax)
    return Error{Code::invalid, 0, align, "align is a power of two from 8 to 4,096"};
  return {};
}

RecordRef lay_at(const Handle& h, const OpenRegion& region, std::uint64_t inside, const KeyView& key,
                 const format::Shape& shape) noexcept {
  return lay_here(h, region, inside, key, shape);
}

Result<Stamp> publish(Handle& h, LocalSeat& seat, const Change& c, const Laid& laid) {
  auto done = publish_pinned(h, seat, c, laid);
  if (c.durability == Durability::process || !done) return done;
  if (auto kept = make_durable(h, seat, c.durability); !kept) return kept.error();  // step 9, without a pin
  return done;
}

Result<Stamp> append(Handle& h, const Change& c) {
  if (auto no = h.refuse_write()) return *no;
  auto seat = ExclusiveSeat::take(h);
  if (!seat) return seat.error();
  if (is_conditional(c))
    if (auto go = look_first(h, **seat, c); !go) return go.error();
  if (c.durability != Durability::process) (**seat).fine = true;
  const Reserve reserve = c.shape.kind == format::RecordKind::tombstone ? Reserve::use : Reserve::keep;
  if (auto room = make_room(h, **seat, size_bound(c.shape), reserve); !room) return room.error();  // step 1
  prefetch_leaf(h, c.key);
  const OpenRegion& region = *(*seat)->region;
  const RecordRef record = lay_here(h, region, region.tail, c.key, c.shape);
  const Laid laid{record, region.tail + record.size()};
  const auto place = writable_payload(laid.record);
  if (c.fill == nullptr) {
    if (!c.payload.empty()) std::memcpy(place.data(), c.payload.data(), c.payload.size());
  } else if (auto filled = (*c.fill)(place); !filled) {
    return filled.error();
  }
  auto done = publish(h, **seat, c, laid);
  if (has_run(h, **seat)) leave_region(h, **seat);
  if ((*seat)->compaction) tidy_a_little(h, **seat);
  return done;
}

}  // namespace durra::detail
