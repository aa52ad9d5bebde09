// The payload codec: there and back, and nothing a file claims is believed.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "format/codec.h"

namespace durra::format {
namespace {

using Buffer = std::vector<std::byte>;

Buffer compressed(const Buffer& raw) {
  Buffer out(compress_bound(raw.size()));
  out.resize(compress(raw, out));
  return out;
}
Buffer claiming(std::uint32_t raw, std::size_t block) {
  Buffer b(kCodecPrefix + block);
  std::memcpy(b.data(), &raw, sizeof raw);
  return b;
}

RC_GTEST_PROP(Codec, what_is_packed_unpacks, ()) {
  const auto text = *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'd')));
  Buffer raw(text.size());
  std::memcpy(raw.data(), text.data(), text.size());
  const Buffer packed = compressed(raw);
  RC_ASSERT(raw_size(packed) == raw.size());
  Buffer back(raw.size());
  RC_ASSERT(decompress(packed, back));
  RC_ASSERT(back == raw);
}

TEST(Codec, the_most_compressible_payload_is_within_the_expansion_that_is_believed) {
  for (const std::size_t size : std::initializer_list<std::size_t>{1, 4096, 1 << 20, 16 << 20}) {
    const Buffer raw(size);
    const Buffer packed = compressed(raw);
    ASSERT_EQ(raw_size(packed), size) << "the bound must not refuse our own";
    Buffer back(size, std::byte{1});
    ASSERT_TRUE(decompress(packed, back));
    EXPECT_EQ(back, raw);
  }
}

TEST(Codec, reads_what_numcodecs_wrote) {  // numcodecs.LZ4().encode(b"a" * 20)
  const unsigned char bytes[] = {20, 0, 0, 0, 0x1a, 'a', 1, 0, 0x50, 'a', 'a', 'a', 'a', 'a'};
  const auto packed = std::as_bytes(std::span(bytes));
  ASSERT_EQ(raw_size(packed), 20u);
  Buffer back(20);
  ASSERT_TRUE(decompress(packed, back));
  EXPECT_EQ(back, Buffer(20, std::byte{'a'}));
}

TEST(Codec, nothing_is_not_compressed) {
  Buffer out(100);
  EXPECT_EQ(compress_bound(0), 0u);
  EXPECT_EQ(compress({}, out), 0u);
  EXPECT_EQ(compress_bound(kCodecRawMax + 1), 0u);
  EXPECT_GT(compress_bound(kCodecRawMax), kCodecRawMax);
}

TEST(Codec, too_little_room_is_no) {
  const Buffer raw(1000, std::byte{'x'});
  const auto need = compressed(raw).size();
  for (std::size_t room = 0; room < need; ++room) {
    Buffer out(room);
    EXPECT_EQ(compress(raw, out), 0u) << room;
  }
}

TEST(Codec, impossible_claims_are_refused_before_anything_is_allocated) {
  EXPECT_EQ(raw_size({}), 0u);
  EXPECT_EQ(raw_size(claiming(1, 0)), 0u);
  EXPECT_EQ(raw_size(claiming(0, 10)), 0u);
  EXPECT_EQ(raw_size(claiming(2550, 10)), 2550u);
  EXPECT_EQ(raw_size(claiming(2551, 10)), 0u);
  EXPECT_EQ(raw_size(claiming(0x7e00'0000, 1000)), 0u);
  EXPECT_EQ(raw_size(claiming(0xffff'ffff, 1000)), 0u);
}

TEST(Codec, a_wrong_raw_size_is_refused) {
  const Buffer raw(1000, std::byte{'x'});
  Buffer packed = compressed(raw);
  Buffer out(1001);
  EXPECT_FALSE(decompress(packed, std::span(out).first(999)));
  packed[0] ^= std::byte{1};
  ASSERT_EQ(raw_size(packed), 1001u);
  EXPECT_FALSE(decompress(packed, out));
}

RC_GTEST_PROP(Codec, hostile_blocks_never_write_past_their_room, ()) {
  auto bytes = *rc::gen::container<std::vector<std::uint8_t>>(rc::gen::arbitrary<std::uint8_t>());
  Buffer in = claiming(*rc::gen::inRange<std::uint32_t>(1, 64), bytes.size());
  if (!bytes.empty()) std::memcpy(in.data() + kCodecPrefix, bytes.data(), bytes.size());
  Buffer out(raw_size(in) + 64, std::byte{0xee});
  (void)decompress(in, std::span(out).first(raw_size(in)));
  for (std::size_t i = raw_size(in); i < out.size(); ++i) RC_ASSERT(out[i] == std::byte{0xee});
}

}  // namespace
}  // namespace durra::format
