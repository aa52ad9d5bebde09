// Writing: put, erase, their conditional forms, drafts and copies are one path with differences.
#pragma once
#include <functional>

#include "format/block.h"
#include "store/index.h"
#include "store/seat.h"

namespace durra::detail {

// What is to be written, checked and ready.
struct Change {
  KeyView key;
  format::Shape shape;                                                      // kind, sizes, alignment
  std::span<const std::byte> payload;                                       // as stored
  const std::function<Result<void>(std::span<std::byte>)>* fill = nullptr;  // instead of payload: writes it in place
  const format::BlockHead* block = nullptr;                                 // of kind block: its head; no payload
  std::optional<std::uint64_t> expected;  // put_if, erase_if: the version that must be there (0 = none)
  bool must_exist = false;                // erase: not_found if there is nothing to erase
  std::optional<std::uint64_t> stamp;     // backup, recover: keep this one; loses against a greater one in place
  Durability durability = Durability::process;
};

// Null, or why this key or payload is refused.
std::optional<Error> refuse(const Handle&, const Key&, std::uint64_t payload_size, std::uint32_t align) noexcept;
std::optional<Error> refuse(const Key&) noexcept;
std::optional<Error> refuse_how(const Handle&, const Put&) noexcept;
// LZ4 if it makes the payload smaller; else empty.
std::vector<std::byte> packed(std::span<const std::byte> raw);

// A record laid down at the tail of a seat's region: bytes there, nothing published.
struct Laid {
  RecordRef record;
  std::uint64_t end;  // region-relative: where the next record would begin
};
inline std::span<std::byte> writable_payload(const RecordRef& r) noexcept {
  return {reinterpret_cast<std::byte*>(r.header) + format::payload_start(r.shape, r.at), r.shape.payload_size};
}
// Header, key and gap of a record at a place of a region; the payload is the caller's.
RecordRef lay_at(const Handle&, const OpenRegion&, std::uint64_t inside, const KeyView&, const format::Shape&) noexcept;
// The same at the tail of the seat's region.  Precondition: make_room for size_bound(shape).
inline Laid lay(Handle& h, LocalSeat& seat, const Change& c) noexcept {
  const RecordRef r = lay_at(h, *seat.region, seat.region->tail, c.key, c.shape);
  return {r, seat.region->tail + r.size()};
}
// Zeroes the padding and computes the checks of a record whose bytes are all in place.
void seal(const RecordRef&) noexcept;

// Where the key's head is or goes, with a leaf that can take it.  Growth takes its space from the reserve and waits for
// nobody, so it may happen under our own pin (H10).  Precondition: pinned.
inline Result<Lookup> find_place(Handle& h, LocalSeat& seat, const KeyView& key) {
  for (;;) {
    const Lookup at = find_for_change(h, key);
    if (at.found == Found::record || at.found == Found::empty) [[likely]]
      return at;
    if (at.found == Found::damaged) return at.error();
    if (auto grown = grow_leaf(h, seat, at); !grown) return grown.error();
  }
}
// Before a version is superseded or moved its region is marked, so that a scan of it asks the index (S10).
inline void mark_superseded(Handle& h, const RecordRef& old) noexcept {
  format::Descriptor& d = h.space.descriptor(h.space.home_of(old.at));
  const std::uint64_t generation = format::generation_of(shared::state_load(d.state));
  if (shared::dead_mark_load(d.may_hold_dead) == generation) return;
  shared::dead_mark_change(d.may_hold_dead, format::nothing_dead(generation), generation);
}
// Tells the others: a hint for the choice of victims, so two who meet here may lose a count.
inline void tell_dead(Handle& h, DeadCount& count) noexcept {
  if (count.bytes == 0) return;
  auto& dead = h.space.descriptor(count.region).dead;
  shared::hint_store(dead, shared::hint_load(dead) + count.bytes);
  count.bytes = 0;
}
// `r` is garbage from now on.
inline void note_dead(Handle& h, LocalSeat& seat, const RecordRef& r) noexcept {
  constexpr std::uint64_t kTold = 64 << 10;  // so much may be untold of one region
  const std::uint64_t region = h.space.home_of(r.at);
  DeadCount& count = seat.dead[region % seat.dead.size()];
  if (count.region != region) {
    tell_dead(h, count);
    count.region = region;
  }
  count.bytes += r.size();
  if (count.bytes >= kTold) tell_dead(h, count);
}
// Bytes that a record of this shape takes at most, wherever it lands.
inline std::uint64_t size_bound(const format::Shape& s) noexcept {
  const std::uint64_t gap = s.align_log2 > 3 ? 1ull << s.align_log2 : 8;
  return format::align_up(format::header_size(s) + s.key_size + gap + s.payload_size, 8);
}

// Steps 3 to 9 of PUT for a laid record whose payload is complete.
Result<Stamp> publish(Handle&, LocalSeat&, const Change&, const Laid&);

// The whole of PUT.
Result<Stamp> append(Handle&, const Change&);

}  // namespace durra::detail
