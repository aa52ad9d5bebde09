// Writing: put, erase, their conditional forms, drafts and copies are one path with differences.
#pragma once
#include <functional>

#include "store/index.h"
#include "store/seat.h"

namespace durra::detail {

// What is to be written, checked and ready.
struct Change {
  KeyView key;
  format::Shape shape;                                                      // kind, sizes, alignment
  std::span<const std::byte> payload;                                       // as stored
  const std::function<Result<void>(std::span<std::byte>)>* fill = nullptr;  // instead of payload: writes it in place
  std::optional<std::uint64_t> expected;  // put_if, erase_if: the version that must be there (0 = none)
  bool must_exist = false;                // erase: not_found if there is nothing to erase
  std::optional<std::uint64_t> stamp;     // backup, recover: keep this one; loses against a greater one in place
  Durability durability = Durability::process;
};

// Null, or why this key or payload is refused.
std::optional<Error> refuse(const Handle&, const Key&, std::uint64_t payload_size, std::uint32_t align) noexcept;
std::optional<Error> refuse(const Key&) noexcept;

// A record laid down at the tail of a seat's region: bytes there, nothing published.
struct Laid {
  RecordRef record;
  std::uint64_t end;  // region-relative: where the next record would begin
};
inline std::span<std::byte> writable_payload(const RecordRef& r) noexcept {
  return {reinterpret_cast<std::byte*>(r.header) + format::payload_start(r.shape, r.at), r.shape.payload_size};
}
// Precondition: make_room for size_bound(shape).  Header and key are written; the payload is the caller's.
Laid lay(Handle&, LocalSeat&, const Change&) noexcept;
// Bytes that a record of this shape takes at most, wherever it lands.
std::uint64_t size_bound(const format::Shape&) noexcept;

// Steps 3 to 9 of PUT for a laid record whose payload is complete.
Result<Stamp> publish(Handle&, LocalSeat&, const Change&, const Laid&);

// The whole of PUT.
Result<Stamp> append(Handle&, const Change&);

}  // namespace durra::detail
