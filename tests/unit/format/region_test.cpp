// The state word of a region, its tagged words, its header.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <set>
#include <string>

#include "format/checksum.h"
#include "format/region.h"

namespace durra::format {
namespace {

RC_GTEST_PROP(Region, a_state_word_is_what_was_packed, ()) {
  const RegionWord w{static_cast<RegionState>(*rc::gen::inRange(0, 8)),
                     static_cast<RegionType>(*rc::gen::inRange(0, 3)), *rc::gen::arbitrary<bool>(),
                     *rc::gen::inRange<std::uint32_t>(0, 1024),
                     *rc::gen::inRange<std::uint64_t>(0, kGenerationMax + 1)};
  const auto word = pack(w);
  RC_ASSERT(intact(word));
  RC_ASSERT(unpack(word) == w);
  for (int a = 0; a < 64; ++a) {
    RC_ASSERT(!intact(word ^ 1ULL << a));
    for (int b = 0; b < a; ++b) RC_ASSERT(!intact(word ^ 1ULL << a ^ 1ULL << b));
  }
}

TEST(Region, zero_is_free_and_never_used) {
  EXPECT_EQ(pack(RegionWord{}), 0u);
  EXPECT_TRUE(intact(0));
}

TEST(Region, an_unknown_type_is_not_intact) {
  EXPECT_FALSE(intact(pack({RegionState::open, static_cast<RegionType>(3)})));
}

RC_GTEST_PROP(Region, a_tagged_word_counts_for_its_own_generation_only, (std::uint32_t generation)) {
  const auto value = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 48);
  const auto word = tagged(generation, value);
  RC_ASSERT(untag(word, generation) == value);
  RC_ASSERT(untag(word, generation + 1ULL) == 0u);
  RC_ASSERT(untag(0, generation | 1) == 0u);
}

TEST(Region, the_magic_is_text) { EXPECT_EQ(std::memcmp(&kRegionMagic, "duregion", 8), 0); }

TEST(Region, a_header_is_valid_where_it_was_made_for) {
  const auto h = make_region_header(11, 5, 3, RegionType::index, 2, 77);
  EXPECT_EQ(check(h, 11, 5, 7), nullptr);
  EXPECT_EQ(h.birth_ns, 77u);
  EXPECT_NE(check(h, 12, 5, 7), nullptr) << "of another store";
  EXPECT_NE(check(h, 11, 4, 7), nullptr) << "of another region";
  EXPECT_NE(check(h, 11, 5, 6), nullptr) << "a run that leaves the file";
}

TEST(Region, hostile_headers_under_a_good_check_are_refused) {
  const auto why = [](std::uint64_t generation, std::uint64_t type, std::uint64_t run) {
    return check(make_region_header(1, 5, generation, static_cast<RegionType>(type), run, 0), 1, 5, 100);
  };
  EXPECT_EQ(why(1, 0, 1), nullptr);
  EXPECT_EQ(why(kGenerationMax, 2, 95), nullptr);
  EXPECT_NE(why(0, 0, 1), nullptr);
  EXPECT_NE(why(kGenerationMax + 1, 0, 1), nullptr);
  EXPECT_NE(why(1, 3, 1), nullptr);
  EXPECT_NE(why(1, ~0ULL, 1), nullptr);
  EXPECT_NE(why(1, 0, 0), nullptr);
  EXPECT_NE(why(1, 0, 96), nullptr);
  EXPECT_NE(why(1, 0, ~0ULL), nullptr);
  EXPECT_NE(check(make_region_header(1, 100, 1, RegionType::data, 1, 0), 1, 100, 100), nullptr)
      << "past the last region";
}

RC_GTEST_PROP(Region, a_flipped_bit_in_a_header_is_noticed, ()) {
  auto h = make_region_header(1, 5, 3, RegionType::data, 1, 0);
  const auto bit = *rc::gen::inRange<std::size_t>(0, sizeof h * 8);
  reinterpret_cast<unsigned char*>(&h)[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
  RC_ASSERT(check(h, 1, 5, 100) != nullptr);
}

TEST(Region, states_and_types_have_names) {
  std::set<std::string> names;
  for (int i = 0; i < 8; ++i) names.insert(name(static_cast<RegionState>(i)));
  for (int i = 0; i < 3; ++i) names.insert(name(static_cast<RegionType>(i)));
  EXPECT_EQ(names.size(), 11u);
  EXPECT_EQ(names.count("unknown"), 0u);
}

}  // namespace
}  // namespace durra::format
