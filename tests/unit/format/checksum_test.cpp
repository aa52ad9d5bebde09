// Hashes, seeds and tags: the numbers an independent reader must find too.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "format/checksum.h"

namespace durra::format {
namespace {

TEST(Checksum, known_answers) {
  EXPECT_EQ(mix64(0), 0u);
  EXPECT_EQ(mix64(1), 0xb456bcfc34c2cb2cULL);          // MurmurHash3's fmix64
  EXPECT_EQ(hash64("", 0, 0), 0x2d06800538d394c2ULL);  // XXH3-64 of nothing
  EXPECT_EQ(crc8(0), 0);
  EXPECT_EQ(crc8(1ULL << 48), 0x07);  // one bit in the last byte: the polynomial itself
}

RC_GTEST_PROP(Checksum, mix64_can_be_undone, (std::uint64_t x)) {
  RC_ASSERT(unmix64(mix64(x)) == x);
  RC_ASSERT(mix64(unmix64(x)) == x);
}

RC_GTEST_PROP(Checksum, an_integer_key_can_be_read_from_its_tag, (std::uint64_t id, std::uint64_t seed)) {
  RC_ASSERT(id_of(tag_of(id, seed), seed) == id);
}

RC_GTEST_PROP(Checksum, crc8_sees_every_one_and_two_bit_error, (std::uint64_t word)) {
  word &= (1ULL << 56) - 1;
  const auto good = crc8(word);
  for (int a = 0; a < 56; ++a) {
    RC_ASSERT(crc8(word ^ 1ULL << a) != good);
    for (int b = 0; b < a; ++b) RC_ASSERT(crc8(word ^ 1ULL << a ^ 1ULL << b) != good);
  }
}

RC_GTEST_PROP(Checksum, a_hash_in_pieces_is_the_hash_of_the_whole, (std::string text, std::uint64_t seed)) {
  text += std::string(*rc::gen::inRange<std::size_t>(0, 600), 'x');  // past 240 bytes XXH3 works another way
  Hash64 pieces(seed);
  for (std::size_t i = 0, n; i < text.size(); i += n) {
    n = *rc::gen::inRange<std::size_t>(1, text.size() - i + 1);
    pieces.update(text.data() + i, n);
  }
  RC_ASSERT(pieces.digest() == hash64(text.data(), text.size(), seed));
}

TEST(Checksum, crc8_ignores_the_byte_that_holds_it) { EXPECT_EQ(crc8(0xab00'0000'1234'5678ULL), crc8(0x1234'5678ULL)); }

RC_GTEST_PROP(Checksum, another_life_or_region_has_another_seed,
              (std::uint64_t store, std::uint32_t region, std::uint32_t generation)) {
  const auto seed = region_seed(store, region, generation);
  RC_ASSERT(seed != region_seed(store, region, generation + 1ULL));
  RC_ASSERT(seed != region_seed(store, region + 1ULL, generation));
  RC_ASSERT(seed != region_seed(store + 1, region, generation));
}

}  // namespace
}  // namespace durra::format
