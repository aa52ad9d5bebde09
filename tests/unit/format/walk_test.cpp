// The walk: every record once, in order, up to the first that is none; never past its bytes.
#include "format/walk.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <memory>

#include "tests/unit/format/made.h"

namespace durra::format {
namespace {

constexpr std::uint64_t kStore = 99, kNumber = 3, kGeneration = 5, kBase = 12 << 20, kSize = 64 << 10;

MadeRegion made() { return {kStore, kNumber, kGeneration, kBase, kSize}; }
Walk walk_of(const MadeRegion& r, std::uint64_t end) { return {r.bytes, r.base, r.seed, end}; }

TEST(Walk, sees_what_was_put_in_order) {
  auto r = made();
  r.append({.key = "a", .payload = "first"});
  r.append({.id = 7, .payload = "second", .stamp = 0, .align_log2 = 12});
  r.append({.key = "a", .kind = RecordKind::tombstone});

  auto w = walk_of(r, r.tail);
  ASSERT_TRUE(w.next());
  EXPECT_EQ(w.record().at, kBase + kRegionData);
  EXPECT_EQ(text_of(w.record().key), "a");
  EXPECT_EQ(text_of(w.record().payload), "first");
  EXPECT_EQ(w.record().header.tag, tag_of(std::string_view("a"), kStore));
  EXPECT_TRUE(w.intact());

  ASSERT_TRUE(w.next());
  EXPECT_TRUE(w.record().key.empty());
  EXPECT_EQ(id_of(w.record().header.tag, kStore), 7u);
  EXPECT_EQ(text_of(w.record().payload), "second");
  EXPECT_EQ((kBase + static_cast<std::uint64_t>(w.record().payload.data() - r.bytes.data())) % 4096, 0u);

  ASSERT_TRUE(w.next());
  EXPECT_EQ(w.record().shape.kind, RecordKind::tombstone);
  EXPECT_FALSE(w.next());
  EXPECT_FALSE(w.next());
  EXPECT_EQ(w.why(), nullptr);
  EXPECT_EQ(w.end(), r.tail);
}

TEST(Walk, finds_the_end_without_a_tail) {
  auto r = made();
  r.append({.key = "k", .payload = "v"});
  auto w = walk_of(r, kSize);
  EXPECT_TRUE(w.next());
  EXPECT_FALSE(w.next());
  EXPECT_EQ(w.end(), r.tail);
  EXPECT_NE(w.why(), nullptr);
}

TEST(Walk, a_region_full_to_the_last_byte_ends_well) {
  auto r = made();
  r.append({.id = 1, .payload = std::string(kSize - kRegionData - kRecordHeaderSize, 'x')});
  ASSERT_EQ(r.tail, kSize);
  auto w = walk_of(r, kSize);
  EXPECT_TRUE(w.next());
  EXPECT_FALSE(w.next());
  EXPECT_EQ(w.why(), nullptr);

  auto almost = made();  // 40 bytes are left: no header fits
  almost.append({.id = 1, .payload = std::string(kSize - kRegionData - kRecordHeaderSize - 40, 'x')});
  auto v = walk_of(almost, kSize);
  EXPECT_TRUE(v.next());
  EXPECT_FALSE(v.next());
  EXPECT_EQ(v.why(), nullptr);
  EXPECT_EQ(v.end(), kSize - 40);
}

TEST(Walk, a_tail_inside_a_record_is_said) {
  auto r = made();
  r.append({.key = "k", .payload = "value"});
  for (std::uint64_t end = kRegionData + 1; end < r.tail; ++end) {
    auto w = walk_of(r, end);
    EXPECT_FALSE(w.next()) << end;
    EXPECT_NE(w.why(), nullptr) << end;
    EXPECT_EQ(w.end(), kRegionData);
  }
}

TEST(Walk, an_earlier_life_and_another_place_do_not_parse) {
  MadeRegion r{kStore, kNumber, kGeneration, kBase, kSize};
  r.append({.key = "k", .payload = "v"});
  EXPECT_FALSE(Walk(r.bytes, kBase, region_seed(kStore, kNumber, kGeneration + 1), kSize).next());
  EXPECT_FALSE(Walk(r.bytes, kBase + kSize, r.seed, kSize).next());
}

TEST(Walk, stops_at_a_bad_header_and_tells_a_bad_body) {
  auto r = made();
  r.append({.key = "a", .payload = "first"});
  const auto second = r.append({.key = "b", .payload = "second"});
  r.append({.key = "c", .payload = "third"});

  auto body = r;
  body.bytes[second + kRecordHeaderSize + 8] ^= std::byte{1};
  auto w = walk_of(body, body.tail);
  ASSERT_TRUE(w.next() && w.intact() && w.next());
  EXPECT_FALSE(w.intact());
  EXPECT_TRUE(w.next() && w.intact());

  auto head = r;
  head.bytes[second + 8] ^= std::byte{1};
  auto v = walk_of(head, head.tail);
  EXPECT_TRUE(v.next());
  EXPECT_FALSE(v.next());
  EXPECT_STREQ(v.why(), "record header checksum mismatch");
  EXPECT_EQ(v.end(), second);
}

TEST(Walk, leaves_mutable_words_to_its_caller) {
  auto r = made();
  const auto begin = r.append({.key = "a", .payload = "first"});
  auto w = walk_of(r, r.tail);
  ASSERT_TRUE(w.next());
  EXPECT_EQ(w.record().header.stamp, 0u);
  EXPECT_EQ(w.record().start, r.bytes.data() + begin);
}

// Neither breaks a region whose records were durable.
TEST(Walk, what_was_never_published_is_void_and_so_is_a_copy_that_lost_its_place) {
  constexpr std::uint64_t kStamp = 9 << 16, kFloor = 7 << 16;
  EXPECT_TRUE(is_void({}, 0, kFloor));
  EXPECT_TRUE(is_void({.relocated = true}, kStamp, 0));
  EXPECT_FALSE(is_void({.relocated = true}, kStamp, kFloor));
  EXPECT_FALSE(is_void({}, kStamp, 0));
  EXPECT_FALSE(is_void({.relocated = true}, kStamp, kStamped));
}

TEST(Walk, tiny_and_empty_regions_have_no_records) {
  for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 47, 63, 64, 65, 111}) {
    const auto bytes = std::make_unique<std::byte[]>(size);  // exactly this long, for the address sanitizer
    Walk w(std::span(bytes.get(), size), kBase, 1, ~0ULL);
    EXPECT_FALSE(w.next()) << size;
  }
}

RC_GTEST_PROP(Walk, any_damage_ends_it_and_what_it_showed_lies_in_the_region, ()) {
  auto r = made();
  for (int i = *rc::gen::inRange(1, 20); i > 0; --i)
    r.append({.key = std::string(*rc::gen::inRange<std::size_t>(1, 30), 'k'),
              .payload = std::string(*rc::gen::inRange<std::size_t>(0, 300), 'p'),
              .align_log2 = *rc::gen::inRange<std::uint8_t>(3, 8)});
  const auto used = r.tail;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i)
    r.bytes[*rc::gen::inRange<std::uint64_t>(0, used)] = static_cast<std::byte>(*rc::gen::arbitrary<std::uint8_t>());
  const auto size = *rc::gen::inRange<std::size_t>(0, used + 100);
  const auto exact = std::make_unique<std::byte[]>(size);
  std::memcpy(exact.get(), r.bytes.data(), size);

  Walk w(std::span(exact.get(), size), r.base, r.seed, *rc::gen::inRange<std::uint64_t>(0, used + 100));
  std::uint64_t last = kRegionData;
  while (w.next()) {
    (void)w.intact();
    RC_ASSERT(w.end() > last && w.end() <= size);
    last = w.end();
  }
}

}  // namespace
}  // namespace durra::format
