// A superblock is judged totally: whatever it says, an answer; and what we make is always good.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <functional>

#include "format/checksum.h"
#include "format/head.h"
#include "format/region.h"
#include "format/seat.h"

namespace durra::format {
namespace {

using V = SuperblockVerdict;
constexpr Geometry kDefault{1 << 20, 64ULL << 30, 1024};
constexpr std::array<std::uint8_t, 16> kUuid{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

Superblock changed(const std::function<void(Superblock&)>& change) {
  Superblock s = make_superblock(kDefault, kUuid, 5);
  change(s);
  s.check = hash64(&s, offsetof(Superblock, check), 0);
  return s;
}
Superblock unchecked(const std::function<void(Superblock&)>& change) {
  Superblock s = make_superblock(kDefault, kUuid, 5);
  change(s);
  return s;
}

TEST(Head, the_magic_is_text) {
  EXPECT_EQ(std::memcmp(&kMagic, "dura\r\n\x1a\n", 8), 0);
  EXPECT_EQ(std::memcmp(&kClean, "clean\0\0", 8), 0);
}

TEST(Head, the_root_ends_before_the_seats) { EXPECT_LE(kRootOffset + kRootWordsMax * 8, kSeatsOffset); }

TEST(Head, the_default_store_looks_as_expected) {
  const Superblock s = make_superblock(kDefault, kUuid, 5);
  EXPECT_EQ(s.region_count, 65536u);
  EXPECT_EQ(s.root_words, 4096u);
  EXPECT_EQ(s.seats_offset, 128u << 10);
  EXPECT_EQ(s.descriptors_offset, 384u << 10);
  EXPECT_EQ(s.regions_offset, 9u << 20);
  EXPECT_EQ(s.created_ns, 5u);
  EXPECT_EQ(s.uuid, kUuid);
  const auto c = check(s);
  EXPECT_EQ(c.verdict, V::valid) << c.why;
  EXPECT_TRUE(c.writable);
}

RC_GTEST_PROP(Head, every_geometry_that_passes_makes_a_valid_superblock, ()) {
  const Geometry g{1ULL << *rc::gen::inRange(14, 33), *rc::gen::arbitrary<std::uint64_t>() >> *rc::gen::inRange(0, 50),
                   *rc::gen::inRange<std::uint32_t>(0, 1100)};
  if (check(g) != nullptr) {
    RC_TAG("refused");
    return;
  }
  const Superblock s = make_superblock(g, kUuid, 0);
  const auto c = check(s);
  RC_ASSERT(c.verdict == V::valid);
  RC_ASSERT(file_size_max(s) <= kFileSizeMax);
  RC_ASSERT(s.region_count * s.region_size <= g.max_size);
  RC_ASSERT(s.regions_offset % std::min<std::uint64_t>(g.region_size, 2 << 20) == 0);
  RC_ASSERT(s.descriptors_offset >= s.seats_offset + s.seat_count * sizeof(Seat));
  RC_ASSERT(s.regions_offset >= s.descriptors_offset + s.region_count * sizeof(Descriptor));
}

TEST(Head, the_largest_store_just_fits) {
  const Geometry g{16 << 20, kFileSizeMax, 1024};
  ASSERT_EQ(check(g), nullptr);
  const Superblock s = make_superblock(g, kUuid, 0);
  EXPECT_LE(file_size_max(s), kFileSizeMax);
  EXPECT_GT(file_size_max(s) + 2 * g.region_size, kFileSizeMax);
  EXPECT_EQ(check(s).verdict, V::valid);
}

TEST(Head, a_geometry_is_refused_with_a_reason) {
  for (const Geometry& g :
       {Geometry{100'000, 1 << 30, 10}, Geometry{32 << 10, 1 << 30, 10}, Geometry{2ULL << 30, 1ULL << 40, 10},
        Geometry{1 << 20, 3 << 20, 10}, Geometry{1 << 20, 1 << 30, 0}, Geometry{1 << 20, 1 << 30, 1025},
        Geometry{1 << 20, kFileSizeMax + 1, 10}, Geometry{0, 0, 0}})
    EXPECT_NE(check(g), nullptr) << g.region_size << ' ' << g.max_size << ' ' << g.seat_count;
  EXPECT_EQ(check(Geometry{1 << 20, 4 << 20, 1}), nullptr);
}

TEST(Head, other_files_and_other_builds_are_told_from_damage) {
  EXPECT_EQ(check(Superblock{}).verdict, V::not_durra);
  EXPECT_EQ(check(unchecked([](auto& s) { s.magic = __builtin_bswap64(kMagic); })).verdict, V::other_byte_order);
  EXPECT_EQ(check(unchecked([](auto& s) { s.byte_order = __builtin_bswap32(kByteOrder); })).verdict,
            V::other_byte_order);
  EXPECT_EQ(check(unchecked([](auto& s) { s.version = 1; })).verdict, V::other_version);
  EXPECT_EQ(check(changed([](auto& s) { s.features_incompatible = 1ULL << 63; })).verdict, V::unknown_feature);
  EXPECT_EQ(check(changed([](auto& s) { s.layout_fingerprint ^= 1; })).verdict, V::other_version);
}

TEST(Head, unknown_read_only_flags_forbid_writing_and_compatible_ones_nothing) {
  const auto c = check(changed([](auto& s) { s.features_read_only = 4; }));
  EXPECT_EQ(c.verdict, V::valid);
  EXPECT_FALSE(c.writable);
  const auto d = check(changed([](auto& s) { s.features_compatible = 4, s.zero[3] = 9; }));
  EXPECT_EQ(d.verdict, V::valid);
  EXPECT_TRUE(d.writable);
}

TEST(Head, each_hostile_field_is_damage_at_its_offset) {
  const auto damaged_at = [](std::size_t offset, const std::function<void(Superblock&)>& change) {
    const auto c = check(changed(change));
    EXPECT_EQ(c.verdict, V::damaged) << offset;
    EXPECT_EQ(c.offset, offset);
    EXPECT_NE(c.why, nullptr);
  };
  for (std::uint64_t v :
       std::initializer_list<std::uint64_t>{0, 3 << 20, kRegionSizeMin / 2, kRegionSizeMax * 2, ~0ULL})
    damaged_at(offsetof(Superblock, region_size), [&](auto& s) { s.region_size = v; });
  for (std::uint64_t v : std::initializer_list<std::uint64_t>{0, 3, kRegionCountMax + 1, ~0ULL})
    damaged_at(offsetof(Superblock, region_count), [&](auto& s) { s.region_count = v; });
  for (std::uint32_t v : {0u, 1025u, ~0u})
    damaged_at(offsetof(Superblock, seat_count), [&](auto& s) { s.seat_count = v; });
  for (std::uint32_t v : {0u, 32u, 100u, 8192u})
    damaged_at(offsetof(Superblock, root_words), [&](auto& s) { s.root_words = v; });
  for (std::uint64_t v : {0ULL, 192ULL << 10, ~0ULL}) {
    damaged_at(offsetof(Superblock, seats_offset), [&](auto& s) { s.seats_offset = v; });
    damaged_at(offsetof(Superblock, descriptors_offset), [&](auto& s) { s.descriptors_offset = v; });
    damaged_at(offsetof(Superblock, regions_offset), [&](auto& s) { s.regions_offset = v; });
  }
  damaged_at(offsetof(Superblock, region_count), [](auto& s) {  // each in its range, together too much
    s = make_superblock({1 << 20, 16ULL << 40, 1024}, kUuid, 0);
    s.region_size = 1 << 30;
    s.regions_offset = align_up(s.descriptors_offset + s.region_count * sizeof(Descriptor), 2 << 20);
  });
  damaged_at(offsetof(Superblock, byte_order), [](auto& s) { s.byte_order = 7; });
}

RC_GTEST_PROP(Head, a_flipped_bit_is_always_noticed, ()) {
  Superblock s = make_superblock(kDefault, kUuid, 5);
  const auto bit = *rc::gen::inRange<std::size_t>(0, sizeof s * 8);
  reinterpret_cast<unsigned char*>(&s)[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
  RC_ASSERT(check(s).verdict != V::valid);
}

RC_GTEST_PROP(Head, random_fields_under_a_good_check_never_pass_a_bound, ()) {
  Superblock s = make_superblock(kDefault, kUuid, 5);
  auto* bytes = reinterpret_cast<unsigned char*>(&s);
  for (auto i = *rc::gen::inRange(1, 6); i > 0; --i)
    bytes[*rc::gen::inRange<std::size_t>(offsetof(Superblock, region_size), offsetof(Superblock, zero))] =
        *rc::gen::arbitrary<unsigned char>();
  s.check = hash64(&s, offsetof(Superblock, check), 0);
  const auto c = check(s);
  RC_ASSERT((c.verdict == V::valid) == (c.why == nullptr));
  if (c.verdict == V::valid) RC_ASSERT(file_size_max(s) <= kFileSizeMax);
}

TEST(Head, a_control_block_has_room_to_move_on) {
  Control c{};
  EXPECT_NE(check(c), nullptr);
  c.clock = c.epoch = 1;
  EXPECT_EQ(check(c), nullptr);
  for (auto field : {&Control::clock, &Control::epoch, &Control::gen_floor}) {
    Control late = c;
    late.*field = 1ull << 48;
    EXPECT_NE(check(late), nullptr);
  }
  Control done = c;
  done.sync_done = 1;  // of a request that nobody made: every ticket would be done at once
  EXPECT_NE(check(done), nullptr);
  done.sync_request = 1;
  EXPECT_EQ(check(done), nullptr);
  done.sync_request = 1ull << 48;
  EXPECT_NE(check(done), nullptr);
}

TEST(Head, the_identity_check_covers_every_byte_before_it) {
  const Identity good{};
  const auto check_word = identity_check(good, 1);
  EXPECT_NE(check_word, identity_check(good, 2));
  for (std::size_t i = 0; i < offsetof(Identity, check); ++i) {
    Identity other{};
    reinterpret_cast<unsigned char*>(&other)[i] = 1;
    EXPECT_NE(identity_check(other, 1), check_word) << i;
  }
}

}  // namespace
}  // namespace durra::format
