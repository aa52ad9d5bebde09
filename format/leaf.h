// The index: a trie whose leaves are small open-addressed tables.  All its words are 8 bytes and changed by CAS only.
//
//   H (64 bits):  | root: log2(root_words) | … inner levels, 6 bits each … | 20 bits: slot |
//
// The root is an array in the control block.  A root word, or a word of an inner node, is a *parent word*: it names one
// node.  Each node has exactly one parent word, so one CAS swings it.  An index is derived data: it is trusted only
// under PROTOCOL.md OPEN 3 and can always be rebuilt from the records.
#pragma once
#include <cstdint>

#include "format/layout.h"

namespace durra::format {

inline constexpr std::uint64_t kOffsetMask = (1ull << 43) - 1;  // in units of 8 bytes
inline constexpr std::uint64_t kFreeze = 1ull << 43;            // the node was copied: only its parent may change
inline constexpr std::uint32_t kSlotHashBits = 20;
inline constexpr std::uint32_t kInnerWords = 64;
inline constexpr std::uint32_t kInnerBits = 6;
inline constexpr std::uint32_t kDepthMax = 5;       // inner levels: (64 - 12 - 20) / 6
inline constexpr std::uint32_t kLeafSlotsMin = 16;  // a leaf has a multiple of 8 slots
inline constexpr std::uint32_t kLeafSlotsMax = 4096;

// A slot of a leaf: {hash 20 | FREEZE 1 | offset/8 43}.  0 = empty.  DEAD = emptied by a sweep: skipped, never reused.
inline constexpr std::uint64_t kDead = 1;  // offset 8, where no record can lie
constexpr std::uint32_t slot_hash(std::uint64_t tag) noexcept { return static_cast<std::uint32_t>(tag & 0xfffff); }
constexpr std::uint64_t slot_word(std::uint32_t hash, std::uint64_t offset) noexcept {
  return static_cast<std::uint64_t>(hash) << 44 | offset >> 3;
}
constexpr std::uint32_t slot_hash_of(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word >> 44); }
constexpr std::uint64_t slot_offset(std::uint64_t word) noexcept { return (word & kOffsetMask) << 3; }
// The first slot that is looked at in a leaf of `slots` slots.
constexpr std::uint32_t first_slot(std::uint32_t hash, std::uint32_t slots) noexcept {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(hash) * slots) >> kSlotHashBits);
}

// A parent word: {slots/8 10 | inner 1 | 9 zero bits | FREEZE 1 | offset/8 43}.  0 = nothing below yet.
struct NodeWord {
  std::uint64_t offset = 0;  // of the node in the file, a multiple of 64
  std::uint32_t slots = 0;   // of a leaf; kInnerWords for an inner node
  bool inner = false;
};
constexpr std::uint64_t pack(const NodeWord& n) noexcept {
  return static_cast<std::uint64_t>(n.slots / 8) << 54 | static_cast<std::uint64_t>(n.inner) << 53 | n.offset >> 3;
}
constexpr NodeWord unpack_node(std::uint64_t w) noexcept {
  return {slot_offset(w), static_cast<std::uint32_t>(w >> 54) * 8, (w >> 53 & 1) != 0};
}

// Which word of the root, and which word of an inner node `depth` levels below it (1 …), a tag leads to.
constexpr std::uint32_t root_slot(std::uint64_t tag, std::uint32_t root_bits) noexcept {
  return static_cast<std::uint32_t>(tag >> (64 - root_bits));
}
constexpr std::uint32_t inner_slot(std::uint64_t tag, std::uint32_t root_bits, std::uint32_t depth) noexcept {
  return static_cast<std::uint32_t>(tag >> (64 - root_bits - kInnerBits * depth)) & (kInnerWords - 1);
}

// The largest leaf in a store of this region size: at most a 32nd of a region.
constexpr std::uint32_t leaf_slots_max(std::uint64_t region_size) noexcept {
  const std::uint64_t slots = region_size / 32 / 8;
  return slots > kLeafSlotsMax ? kLeafSlotsMax : static_cast<std::uint32_t>(slots);
}

}  // namespace durra::format
