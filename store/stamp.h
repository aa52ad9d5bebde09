// Stamps: versions of records, given after publication by whoever meets a record without one (PROTOCOL.md, `fill`).
// The idea of timestamping after the CAS is from vCAS (Wei et al., PPoPP'21).
#pragma once
#include "store/handle.h"

namespace durra::detail {

// The certain stamp of a record that was published (found through the index); gives it one if it has none.  On a
// read-only handle an unstamped record is read again 64 times, then answers 0: not yet certain to survive.  A record of
// a batch has the stamp of its envelope, 0 if that is not FIXED.
std::uint64_t fill(const Handle&, const RecordRef&) noexcept;

// The stamp if the record is certain to be a version, else 0.  Changes nothing.
std::uint64_t stamp_if_certain(const RecordRef&) noexcept;

// No version, and with no stamp on its way unless it is about to be published.
bool is_void(const RecordRef&) noexcept;

// What put_if compares with: 0 for a tombstone, which is given its stamp too: "absent" was seen, and no snapshot taken
// from now on may show what it erased.  Null: no_version, a stamp that has rotted to 0 would pass for absent.
inline std::optional<std::uint64_t> version(const Handle& h, const RecordRef& r) noexcept {
  const std::uint64_t stamp = fill(h, r);
  if (stamp == 0) [[unlikely]]
    return {};
  return r.tombstone() ? 0 : stamp;
}
inline Error no_version(const RecordRef& r) noexcept {
  return {Code::damaged, 0, r.at, "record stamp: checksum mismatch"};
}

// Moves the clock past `time` (a stamp's t).
void advance_clock(const Handle&, std::uint64_t time) noexcept;

}  // namespace durra::detail
