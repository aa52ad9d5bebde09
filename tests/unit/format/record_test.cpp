// Records: their shape, their place, and what a hostile header may not do.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "format/batch.h"
#include "format/record.h"
#include "format/region.h"
#include "format/walk.h"

namespace durra::format {
namespace {

constexpr std::uint64_t kSeed = 42, kAt = (9 << 20) + 64, kRoom = (1 << 20) - 64;

Shape any_shape() {
  return {*rc::gen::inRange<std::uint64_t>(0, kPayloadSizeMax + 1),
          *rc::gen::inRange<std::uint32_t>(0, kKeySizeMax + 1),
          static_cast<RecordKind>(*rc::gen::inRange(1, 7)),
          *rc::gen::inRange<std::uint8_t>(3, 13),
          *rc::gen::arbitrary<bool>(),
          *rc::gen::arbitrary<bool>()};
}
bool same(const Shape& a, const Shape& b) {
  return a.payload_size == b.payload_size && a.key_size == b.key_size && a.kind == b.kind &&
         a.align_log2 == b.align_log2 && a.compressed == b.compressed && a.relocated == b.relocated;
}
RecordHeader header_of(std::uint64_t shape_word) {
  RecordHeader h{};
  h.shape = shape_word;
  h.tag = 7;
  h.head_check = head_check(h, kSeed, kAt);
  return h;
}
Why why(const Shape& s, std::uint64_t room = kRoom) { return check(header_of(pack(s)), kSeed, kAt, room); }

RC_GTEST_PROP(Record, a_shape_is_what_was_packed, ()) {
  const Shape s = any_shape();
  RC_ASSERT(same(unpack_shape(pack(s)), s));
}

RC_GTEST_PROP(Record, payload_and_end_lie_where_they_should, ()) {
  const Shape s = any_shape();
  const std::uint64_t at = *rc::gen::inRange<std::uint64_t>(0, kFileSizeMax) & ~7ULL;
  const auto start = payload_start(s, at);
  RC_ASSERT((at + start) % (1ULL << s.align_log2) == 0u);
  RC_ASSERT(start >= header_size(s) + s.key_size);
  RC_ASSERT(start < header_size(s) + s.key_size + (1ULL << s.align_log2));
  const auto size = record_size(s, at);
  RC_ASSERT(size % 8 == 0u);
  RC_ASSERT(size >= start + s.payload_size && size < start + s.payload_size + 8);
}

TEST(Record, sizes_by_hand) {
  EXPECT_EQ(record_size({.payload_size = 0}, 64), 48u);
  EXPECT_EQ(record_size({.payload_size = 1}, 64), 56u);
  EXPECT_EQ(record_size({.payload_size = 8, .key_size = 1}, 64), 64u);
  EXPECT_EQ(payload_start({.payload_size = 8, .align_log2 = 12}, 64), 4096u - 64);
  EXPECT_EQ(record_size({.payload_size = 8, .key_size = 1, .kind = RecordKind::batch_put}, 64), 80u);
  EXPECT_EQ(record_size({.kind = RecordKind::batch_tombstone}, 64), 64u);
  EXPECT_EQ(record_size(kEnvelopeShape, 64), kEnvelopeSize);
  EXPECT_EQ(record_size({.payload_size = kPayloadSizeMax, .key_size = 1024, .align_log2 = 12}, kFileSizeMax - 8) % 8,
            0u);
}

TEST(Record, a_good_header_is_good_at_its_place_only) {
  const auto h = header_of(pack(Shape{.payload_size = 100}));
  EXPECT_EQ(check(h, kSeed, kAt, kRoom), nullptr);
  EXPECT_NE(check(h, kSeed + 1, kAt, kRoom), nullptr) << "another life";
  EXPECT_NE(check(h, kSeed, kAt + 8, kRoom), nullptr) << "another place";
}

TEST(Record, the_header_check_leaves_mutable_words_alone) {
  auto h = header_of(pack(Shape{.payload_size = 100}));
  h.prev = h.stamp = h.word = ~0ULL;
  EXPECT_EQ(check(h, kSeed, kAt, kRoom), nullptr);
}

TEST(Record, every_flipped_bit_of_the_immutable_words_is_noticed) {
  for (std::size_t bit = 0; bit < offsetof(RecordHeader, prev) * 8; ++bit) {
    auto h = header_of(pack(Shape{.payload_size = 100}));
    reinterpret_cast<unsigned char*>(&h)[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
    EXPECT_NE(check(h, kSeed, kAt, kRoom), nullptr) << bit;
  }
}

TEST(Record, hostile_headers_under_a_good_check_are_refused) {
  EXPECT_NE(why({.kind = RecordKind::none}), nullptr);
  EXPECT_NE(why({.kind = static_cast<RecordKind>(7)}), nullptr);
  EXPECT_EQ(why({.align_log2 = 12}), nullptr);
  EXPECT_NE(why({.align_log2 = 13}), nullptr);
  EXPECT_NE(why({.align_log2 = 18}), nullptr);
  EXPECT_EQ(why({.key_size = 1024}), nullptr);
  EXPECT_NE(why({.key_size = 1025}), nullptr);
  EXPECT_NE(why({.key_size = 2047}), nullptr);
  EXPECT_EQ(why({.kind = RecordKind::tombstone}), nullptr);
  EXPECT_NE(why({.payload_size = 1, .kind = RecordKind::tombstone}), nullptr);
  EXPECT_NE(why({.payload_size = 1, .kind = RecordKind::batch_tombstone}), nullptr);
}

TEST(Record, a_record_fills_its_room_and_no_more) {
  EXPECT_EQ(why({.payload_size = kRoom - 48}), nullptr);
  EXPECT_NE(why({.payload_size = kRoom - 47}), nullptr);
  EXPECT_NE(why({.payload_size = kPayloadSizeMax}), nullptr);
  EXPECT_NE(why({.payload_size = 0}, 47), nullptr);
  EXPECT_NE(why({.payload_size = 0}, 0), nullptr);
  EXPECT_NE(why({.kind = RecordKind::batch_tombstone}, 63), nullptr);
  EXPECT_EQ(why({.kind = RecordKind::batch_tombstone}, 64), nullptr);
}

TEST(Record, two_flipped_bits_do_not_cancel_each_other) {
  constexpr std::size_t first = offsetof(RecordHeader, body_check) * 8, last = offsetof(RecordHeader, prev) * 8;
  const auto flip = [](RecordHeader& h, std::size_t bit) {
    reinterpret_cast<unsigned char*>(&h)[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
  };
  for (std::size_t a = first; a < last; ++a)
    for (std::size_t b = first; b < a; ++b) {
      auto h = header_of(pack(Shape{.payload_size = 100}));
      flip(h, a);
      flip(h, b);
      ASSERT_NE(h.head_check, head_check(h, kSeed, kAt)) << a << " and " << b;
    }
}

RC_GTEST_PROP(Record, whatever_a_shape_says_it_never_leaves_its_room, (std::uint64_t shape_word)) {
  const auto room = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 30);
  if (check(header_of(shape_word), kSeed, kAt, room) == nullptr)
    RC_ASSERT(record_size(unpack_shape(shape_word), kAt) <= room);
}

RC_GTEST_PROP(Record, a_stamp_is_valid_with_its_own_check_only, (std::uint64_t random)) {
  const auto stamp = *rc::gen::inRange<std::uint64_t>(1, kStampTimeMax << 16);
  const auto word = stamp_check(stamp, kSeed, kAt);
  RC_ASSERT((word & kStamped) != 0u);
  RC_ASSERT(stamp_valid(stamp, word, kSeed, kAt));
  RC_ASSERT(!stamp_valid(stamp, word, kSeed, kAt + 8));
  RC_ASSERT(!stamp_valid(stamp, word, kSeed + 1, kAt));
  RC_ASSERT(!stamp_valid(stamp, word & ~kStamped, kSeed, kAt));
  RC_PRE(random != word);
  RC_ASSERT(!stamp_valid(stamp, random, kSeed, kAt));
}

TEST(Record, no_stamp_and_a_stamp_from_the_far_future_are_void) {
  EXPECT_FALSE(stamp_valid(0, stamp_check(0, kSeed, kAt), kSeed, kAt));
  EXPECT_FALSE(stamp_valid(kStampTimeMax << 16, stamp_check(kStampTimeMax << 16, kSeed, kAt), kSeed, kAt));
}

}  // namespace
}  // namespace durra::format
