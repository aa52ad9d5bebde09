// The records of one region in the order of the file, up to the first that does not parse.  Pure: the bytes may be a
// private copy or a mapping; of a record's header only the words that never change are read here.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "format/batch.h"
#include "format/record.h"
#include "format/region.h"

namespace durra::format {

// True when these two words, loaded in this order, make the record at file offset `at` a version: stamped, and the
// check agrees.  Anything else on disk is void, whatever the rest of the record says.
constexpr bool stamp_valid(std::uint64_t stamp, std::uint64_t word, std::uint64_t region_seed,
                           std::uint64_t at) noexcept {
  return stamp != 0 && stamp_time(stamp) < kStampTimeMax && word == stamp_check(stamp, region_seed, at);
}

// True when these two words say for certain that the record is no version and never will be: a put that lost its place,
// or a copy that did (it has its stamp before its place, and its check, which is never 0, only after).
constexpr bool is_void(const Shape& shape, std::uint64_t stamp, std::uint64_t word) noexcept {
  return (word & kStamped) == 0 && (stamp == 0 || (shape.relocated && word == 0));
}

struct WalkRecord {
  std::uint64_t at = 0;              // file offset
  const std::byte* start = nullptr;  // its 48 bytes of header in the region, so that prev, stamp and word can be loaded
  RecordHeader header{};             // a copy; prev, stamp and word are left 0
  Shape shape{};
  std::span<const std::byte> key;      // empty: an integer, see header.tag
  std::span<const std::byte> payload;  // as stored
  BatchLink link() const noexcept {    // precondition: in_batch(shape.kind)
    BatchLink l;
    std::memcpy(&l, start + kRecordHeaderSize, sizeof l);
    return l;
  }
};

class Walk {
 public:
  // `region`: the bytes of one region (of a run: of all its regions); `base`: their file offset; `seed`: of the life
  // that is wanted; `end`: the walk stays below it (the tail, or region.size() when the tail is not known).
  // The region's header is not looked at.
  Walk(std::span<const std::byte> region, std::uint64_t base, std::uint64_t seed, std::uint64_t end) noexcept;

  // Goes to the next record; false at the end.
  bool next() noexcept;
  const WalkRecord& record() const noexcept { return record_; }
  // Whether the current record's key, gap and payload are what was put.  Reads all of it.
  bool intact() const noexcept;

  // How many bytes of the region parsed: where the current record ends, and after the last next() the valid end.
  std::uint64_t end() const noexcept { return position_; }
  // After next() said false: null when no byte was left for a record, else why the bytes at end() are none.
  Why why() const noexcept { return why_; }

 private:
  std::span<const std::byte> region_;
  std::uint64_t base_, seed_, end_;
  std::uint64_t position_ = kRegionData;
  WalkRecord record_;
  Why why_ = nullptr;
};

}  // namespace durra::format
