// The words of the index.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "format/leaf.h"

namespace durra::format {
namespace {

RC_GTEST_PROP(Leaf, a_slot_keeps_hash_and_offset_frozen_or_not, ()) {
  const auto hash = *rc::gen::inRange<std::uint32_t>(0, 1 << 20);
  const auto offset = *rc::gen::inRange<std::uint64_t>(0, kFileSizeMax) & ~7ULL;
  const auto word = slot_word(hash, offset);
  RC_ASSERT((word & kFreeze) == 0u);
  for (auto w : {word, word | kFreeze}) RC_ASSERT(slot_hash_of(w) == hash && slot_offset(w) == offset);
}

RC_GTEST_PROP(Leaf, a_parent_word_is_what_was_packed, ()) {
  const NodeWord n{*rc::gen::inRange<std::uint64_t>(0, kFileSizeMax) & ~63ULL,
                   *rc::gen::inRange<std::uint32_t>(1, kLeafSlotsMax / 8 + 1) * 8, *rc::gen::arbitrary<bool>()};
  const auto word = pack(n);
  RC_ASSERT((word & kFreeze) == 0u);
  for (auto w : {word, word | kFreeze}) {
    const auto back = unpack_node(w);
    RC_ASSERT(back.offset == n.offset && back.slots == n.slots && back.inner == n.inner);
  }
}

RC_GTEST_PROP(Leaf, the_first_slot_is_in_the_leaf, (std::uint64_t tag)) {
  const auto slots = *rc::gen::inRange<std::uint32_t>(2, kLeafSlotsMax / 8 + 1) * 8;
  RC_ASSERT(first_slot(slot_hash(tag), slots) < slots);
}

RC_GTEST_PROP(Leaf, root_inner_and_slot_bits_together_are_the_tag, (std::uint64_t tag)) {
  constexpr std::uint32_t root_bits = 10;  // so that 64 - root - 20 is not a multiple of 6
  RC_ASSERT(root_slot(tag, root_bits) == tag >> 54);
  std::uint64_t seen = root_slot(tag, root_bits);
  for (std::uint32_t depth = 1; depth <= kDepthMax; ++depth)
    seen = seen << kInnerBits | inner_slot(tag, root_bits, depth);
  RC_ASSERT(seen == tag >> (64 - root_bits - kInnerBits * kDepthMax));
  RC_ASSERT(slot_hash(tag) == (tag & 0xfffff));
}

TEST(Leaf, the_deepest_level_does_not_reach_into_the_slots_bits) {
  EXPECT_GE(64 - 12 - kInnerBits * kDepthMax, kSlotHashBits);
  EXPECT_EQ(slot_offset(kDead), 8u) << "inside the superblock: no record can lie there";
}

TEST(Leaf, the_largest_leaf_is_a_32nd_of_a_region) {
  EXPECT_EQ(leaf_slots_max(kRegionSizeMin), 256u);
  EXPECT_EQ(leaf_slots_max(1 << 20), kLeafSlotsMax);
  EXPECT_EQ(leaf_slots_max(kRegionSizeMax), kLeafSlotsMax);
}

}  // namespace
}  // namespace durra::format
