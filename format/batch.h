// A batch: records that become versions together, by one word.  An envelope comes first, its records follow without
// gaps; the envelope's stamp word is the decision on all of them.
#pragma once
#include <cstddef>
#include <cstdint>

#include "format/checksum.h"
#include "format/record.h"

namespace durra::format {

// Behind the 48 bytes of a batch record's header, under its body check.
struct BatchLink {
  std::uint64_t envelope;  //   0  bytes back from this record to the envelope
  std::uint64_t expected;  //   8  the stamp that the key must have, 0: absent; kUnconditional: whatever it has
};
static_assert(sizeof(BatchLink) == kBatchLinkSize);
static_assert(offsetof(BatchLink, expected) == 8);
inline constexpr std::uint64_t kUnconditional = ~0ull;

// The payload of an envelope.
struct Envelope {
  std::uint64_t count;  //   0  records of the batch: 1 to kBatchCountMax
  std::uint64_t size;   //   8  bytes that they take
  std::uint64_t whole;  //  16  XXH3 over head_check and body_check of each, seed: region seed + the envelope's offset
};
static_assert(sizeof(Envelope) == 24);
static_assert(offsetof(Envelope, size) == 8 && offsetof(Envelope, whole) == 16);
inline constexpr std::uint64_t kBatchCountMax = 65'535;
inline constexpr Shape kEnvelopeShape{.payload_size = sizeof(Envelope), .kind = RecordKind::envelope};
inline constexpr std::uint64_t kEnvelopeSize = kRecordHeaderSize + sizeof(Envelope);  // wherever it stands

// How the decision word stands: {value 48 | verdict 16}.  Only a pending one changes.  Anything else is rot.
enum class Verdict : std::uint16_t {
  none = 0,        // no decision word
  pending = 1,     // value: no instant before this t may see the batch
  fixed = 2,       // all records are versions, of the stamp value << 16
  conflict = 3,    // and from here on: none is one, because …  a condition did not hold
  full = 4,        // there was no space for the index to grow
  reaped = 5,      // whoever began it died
  damaged = 6,     // something on its way contradicted this format
  mismatched = 7,  // a key belongs to a block
};
constexpr std::uint64_t decision(Verdict v, std::uint64_t value = 0) noexcept {
  return value << 16 | static_cast<std::uint64_t>(v);
}
constexpr Verdict verdict_of(std::uint64_t word) noexcept {
  const std::uint64_t v = word & 0xffff;
  if (word == static_cast<std::uint64_t>(Verdict::fixed)) return Verdict::none;  // no clock ever shows 0
  return v <= static_cast<std::uint64_t>(Verdict::mismatched) ? static_cast<Verdict>(v) : Verdict::none;
}
constexpr std::uint64_t value_of(std::uint64_t word) noexcept { return word >> 16; }

// What `whole` is computed over, of each record: the first bytes of its header, head_check and body_check.
inline constexpr std::size_t kWholePiece = offsetof(RecordHeader, shape);

// Follows the records of one batch in the order of the file, and tells whether all came.
class BatchWalk {
 public:
  BatchWalk() noexcept : hash_(0) {}  // no batch
  // `e`: what the intact envelope at file offset `at` says.
  BatchWalk(std::uint64_t at, const Envelope& e, std::uint64_t region_seed) noexcept;

  // The next record of the walk.  False if it is not the next of this batch: then this is no batch any more.
  bool add(std::uint64_t at, const RecordHeader&, const Shape&, const BatchLink&, bool intact) noexcept;
  // The records that came are all, each is intact, and they are those that were put.
  bool whole() const noexcept { return whole_; }
  bool open() const noexcept { return left_ != 0; }           // more are to come
  std::uint64_t envelope_at() const noexcept { return at_; }  // 0: no batch
  std::uint64_t next_at() const noexcept { return next_; }    // where the next record must be

 private:
  std::uint64_t at_ = 0, next_ = 0, end_ = 0, left_ = 0, expected_ = 0;
  Hash64 hash_;
  bool intact_ = true, whole_ = false;
};

}  // namespace durra::format
