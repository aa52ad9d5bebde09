// A block: memory in the file that stays where it is and that its users change in place.  It is a record whose payload
// no check covers; what never changes of it says who may attach.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "format/record.h"

namespace durra::format {

// Behind the 48 bytes of a block's header, under its body check.  Two openers of one name must agree on all of it.
struct BlockHead {
  std::array<char, 16> type;            //   0  what it is used as: "array"; padded with zeros
  std::array<char, 8> dtype;            //  16  of its elements, as NumPy writes it: "<f8"; zeros: bytes
  std::uint64_t rank;                   //  24  how many numbers follow, at most kRankMax
  std::array<std::uint64_t, 12> shape;  //  32  elements in each dimension, the last one contiguous; the rest 0
};
static_assert(sizeof(BlockHead) == kBlockHeadSize);
static_assert(offsetof(BlockHead, rank) == 24 && offsetof(BlockHead, shape) == 32);
inline constexpr std::uint64_t kRankMax = 12;

// The keys of blocks.
inline constexpr std::string_view kBlockKey{"\0block/", 7};

}  // namespace durra::format
