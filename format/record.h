// A record: one version of one key.  48 bytes of header (in a batch 64, a block's 176), the key if it is text, the
// payload; padded with zeros to 8.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "format/checksum.h"
#include "format/layout.h"

namespace durra::format {

enum class RecordKind : std::uint8_t {
  none = 0,       // not a record
  put = 1,        // a version
  tombstone = 2,  // the key was erased; no payload
  batch_put = 3,  // as put and tombstone, but the batch's envelope decides whether it is a version: format/batch.h
  batch_tombstone = 4,
  envelope = 5,  // begins a batch
  block = 6,     // memory that never moves, changed in place by its users: format/block.h
};
// Sets of kinds as bits: these are asked on the path of every get.
constexpr bool is_one_of(RecordKind k, unsigned kinds) noexcept { return (kinds >> static_cast<unsigned>(k) & 1) != 0; }
constexpr bool in_batch(RecordKind k) noexcept { return is_one_of(k, 1u << 3 | 1u << 4); }
constexpr bool is_put(RecordKind k) noexcept { return is_one_of(k, 1u << 1 | 1u << 3); }
constexpr bool is_tombstone(RecordKind k) noexcept { return is_one_of(k, 1u << 2 | 1u << 4); }
// Says something about a key, if it is a version.
constexpr bool is_keyed(RecordKind k) noexcept { return is_put(k) || is_tombstone(k) || k == RecordKind::block; }

// The immutable shape of a record in one word.
struct Shape {
  std::uint64_t payload_size = 0;  // bytes as stored, 44 bits
  std::uint32_t key_size = 0;      // 0: the key is an integer, and the tag says which; 11 bits
  RecordKind kind = RecordKind::put;
  std::uint8_t align_log2 = 3;  // of the payload's first byte in the file: 3 … 12
  bool compressed = false;      // the payload is a 32-bit raw size and an LZ4 block
  bool relocated = false;       // a copy made by compaction, backup or recover
};
inline constexpr std::uint64_t kPayloadSizeMax = (1ull << 44) - 1;

// Header words [0, 24) never change once the record is published; prev, stamp and word do, by CAS or store of the
// whole word.  head_check covers bytes [4, 24), body_check the bytes from 48 to the end of the payload (of a block: to
// its beginning).
struct RecordHeader {
  std::uint32_t head_check;  //   0
  std::uint32_t body_check;  //   4
  std::uint64_t shape;       //   8
  std::uint64_t tag;         //  16  H of the key
  std::uint64_t prev;        //  24  file offset of the version this one superseded; 0 = none
  std::uint64_t stamp;       //  32  {t:48 | n:16}; 0 = not (yet) a version
  std::uint64_t word;        //  40  bit 63 clear: the floor for the stamp; set: the stamp's check
};
static_assert(sizeof(RecordHeader) == 48);
static_assert(offsetof(RecordHeader, shape) == 8 && offsetof(RecordHeader, prev) == 24 &&
              offsetof(RecordHeader, word) == 40);
inline constexpr std::uint64_t kRecordHeaderSize = sizeof(RecordHeader);  // where the body check begins
inline constexpr std::uint64_t kBatchLinkSize = 16;                       // what a batch record has behind it
inline constexpr std::uint64_t kBlockHeadSize = 128;                      // and a block
inline constexpr std::uint64_t kStamped = 1ull << 63;
inline constexpr std::uint64_t kStampTimeMax = 1ull << 46;

constexpr std::uint64_t stamp_time(std::uint64_t stamp) noexcept { return stamp >> 16; }

constexpr std::uint64_t pack(const Shape& s) noexcept {
  return s.payload_size | static_cast<std::uint64_t>(s.key_size) << 44 | static_cast<std::uint64_t>(s.kind) << 55 |
         static_cast<std::uint64_t>(s.align_log2 - 3) << 58 | static_cast<std::uint64_t>(s.compressed) << 62 |
         static_cast<std::uint64_t>(s.relocated) << 63;
}
constexpr Shape unpack_shape(std::uint64_t w) noexcept {
  return {w & kPayloadSizeMax,
          static_cast<std::uint32_t>(w >> 44 & 0x7ff),
          static_cast<RecordKind>(w >> 55 & 7),
          static_cast<std::uint8_t>((w >> 58 & 15) + 3),
          (w >> 62 & 1) != 0,
          (w >> 63) != 0};
}

// Bytes from the record's start to its key's first, by kind.
inline constexpr std::uint8_t kHeaderSizes[8] = {48, 48, 48, 64, 64, 48, 176, 48};
constexpr std::uint64_t header_size(const Shape& s) noexcept { return kHeaderSizes[static_cast<unsigned>(s.kind) & 7]; }
// Bytes from the record's start to its payload's first, for a record at file offset `at`.
constexpr std::uint64_t payload_start(const Shape& s, std::uint64_t at) noexcept {
  return align_up(at + header_size(s) + s.key_size, 1ull << s.align_log2) - at;
}
// Bytes that a record at file offset `at` takes, padding included.
constexpr std::uint64_t record_size(const Shape& s, std::uint64_t at) noexcept {
  return align_up(payload_start(s, at) + s.payload_size, 8);
}

// Covers body_check, shape and tag.  Two rounds of mix64: every get computes it, so it is inline and has no loop.
// body_check is spread first, so that no flip in it and one in the tag cancel each other.
constexpr std::uint32_t head_check(std::uint32_t body_check, std::uint64_t shape, std::uint64_t tag,
                                   std::uint64_t region_seed, std::uint64_t at) noexcept {
  const std::uint64_t first = mix64((region_seed + at) ^ shape);
  return static_cast<std::uint32_t>(mix64(first + tag + body_check * 0x9e3779b97f4a7c15ULL));
}
constexpr std::uint32_t head_check(const RecordHeader& h, std::uint64_t region_seed, std::uint64_t at) noexcept {
  return head_check(h.body_check, h.shape, h.tag, region_seed, at);
}
// Bytes from the record's start to where its body check ends: a block's users change what follows.
constexpr std::uint64_t checked_size(const Shape& s, std::uint64_t at) noexcept {
  return payload_start(s, at) + (s.kind == RecordKind::block ? 0 : s.payload_size);
}
// `body`: the bytes from 48 to checked_size (what belongs to the kind, then key, alignment gap, payload).
std::uint32_t body_check(const void* body, std::size_t size, std::uint64_t region_seed, std::uint64_t at) noexcept;
// What `word` holds once `stamp` is certain.
constexpr std::uint64_t stamp_check(std::uint64_t stamp, std::uint64_t region_seed, std::uint64_t at) noexcept {
  return mix64(stamp ^ mix64(region_seed + at)) | kStamped;
}

// Null iff a record of this shape may stand at file offset `at` with `room` bytes to the end of its region.
constexpr Why check(const Shape& s, std::uint64_t at, std::uint64_t room) noexcept {
  if (s.kind < RecordKind::put || s.kind > RecordKind::block) return "record: unknown kind";
  if (1u << s.align_log2 > kAlignMax) return "record: unknown alignment";
  if (s.key_size > kKeySizeMax) return "record: key too long";
  if (is_tombstone(s.kind) && s.payload_size != 0) return "record: a tombstone has no payload";
  if (record_size(s, at) > room) return "record: longer than its region";
  return nullptr;
}

// Null iff `h`, a private copy of the header at file offset `at`, is one of this life and lies within `room` bytes.
Why check(const RecordHeader& h, std::uint64_t region_seed, std::uint64_t at, std::uint64_t room) noexcept;

}  // namespace durra::format
