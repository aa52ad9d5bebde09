// The tables of OPEN and REBUILD are total and unambiguous, and say what PROTOCOL.md promises.
#include "format/decide.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace durra::format {
namespace {

template <class Rows, class Evidence>
std::ptrdiff_t rows_that_match(const Rows& rows, const Evidence& e) {
  return std::count_if(rows.begin(), rows.end(), [&](const auto& row) { return matches(row, e); });
}

TEST(Decide, every_region_meets_exactly_one_row_and_every_row_some_region) {
  std::vector<bool> met(region_rows().size());
  for (unsigned bits = 0; bits < 8; ++bits)
    for (auto life : {Life::ended, Life::same, Life::newer})
      for (const bool index : {false, true}) {
        const RegionEvidence e{(bits & 1) != 0, life, index, (bits & 2) != 0, (bits & 4) != 0};
        EXPECT_EQ(rows_that_match(region_rows(), e), 1) << bits << ' ' << name(life) << ' ' << index;
        for (std::size_t i = 0; i < met.size(); ++i) met[i] = met[i] || matches(region_rows()[i], e);
      }
  EXPECT_EQ(std::count(met.begin(), met.end(), false), 0);
}

TEST(Decide, every_open_meets_exactly_one_row_and_every_row_some_open) {
  std::vector<bool> met(trust_rows().size());
  for (unsigned b = 0; b < 64; ++b) {
    const OpenEvidence e{(b & 1) != 0, (b & 2) != 0, (b & 4) != 0, (b & 8) != 0, (b & 16) != 0, (b & 32) != 0};
    EXPECT_EQ(rows_that_match(trust_rows(), e), 1) << b;
    for (std::size_t i = 0; i < met.size(); ++i) met[i] = met[i] || matches(trust_rows()[i], e);
  }
  EXPECT_EQ(std::count(met.begin(), met.end(), false), 0);
}

Descriptor descriptor(RegionState state, std::uint64_t generation, std::uint64_t synced = 0,
                      RegionType type = RegionType::data) {
  Descriptor d{};
  d.state = pack({state, type, false, 0, generation});
  d.synced = tagged(generation, synced / 8);
  return d;
}
RegionHeader header(std::uint64_t generation, RegionType type = RegionType::data) {
  return make_region_header(1, 0, generation, type, 1, 0);
}
Action action(const Descriptor& d, std::optional<RegionHeader> h) { return decide(evidence(d, h ? &*h : nullptr)); }

TEST(Decide, the_life_that_the_descriptor_knows_is_strict_when_it_was_in_use) {
  for (auto s : {RegionState::open, RegionState::partial, RegionState::sealed, RegionState::compacting})
    EXPECT_EQ(action(descriptor(s, 4, 128), header(4)), Action::parse_strict) << name(s);
  for (auto s : {RegionState::claimed, RegionState::retired, RegionState::body})
    EXPECT_EQ(action(descriptor(s, 4, 128), header(4)), Action::parse) << name(s);
}

TEST(Decide, a_retired_region_may_still_hold_the_only_durable_version) {  // F12
  EXPECT_EQ(action(descriptor(RegionState::retired, 4), header(4)), Action::parse);
}

TEST(Decide, free_ends_the_life_it_names) {  // else a dropped tombstone's victim returns
  EXPECT_EQ(action(descriptor(RegionState::free, 4), header(4)), Action::free);
  EXPECT_EQ(action(descriptor(RegionState::free, 4), header(5)), Action::parse);
  EXPECT_EQ(action(descriptor(RegionState::free, 0), {}), Action::free);
}

TEST(Decide, the_greater_generation_decides) {  // H1: an index claim that died before a data life
  EXPECT_EQ(action(descriptor(RegionState::claimed, 4, 0, RegionType::index), header(5)), Action::parse);
  EXPECT_EQ(action(descriptor(RegionState::sealed, 4, 128), header(5)), Action::parse);
  EXPECT_EQ(action(descriptor(RegionState::open, 4), header(4, RegionType::index)), Action::free);
}

TEST(Decide, synced_of_the_last_life_does_not_make_the_next_one_damaged) {  // H2
  auto d = descriptor(RegionState::open, 5);
  d.synced = tagged(4, 100);
  EXPECT_EQ(action(d, {}), Action::free);
  EXPECT_EQ(action(d, header(4)), Action::free);
}

TEST(Decide, what_was_durable_and_has_no_header_is_damage) {
  EXPECT_EQ(action(descriptor(RegionState::sealed, 4, 128), {}), Action::damage);
  EXPECT_EQ(action(descriptor(RegionState::sealed, 4, 128), header(3)), Action::damage);
  EXPECT_EQ(action(descriptor(RegionState::sealed, 4), {}), Action::free);
  EXPECT_EQ(action(descriptor(RegionState::retired, 4, 128), {}), Action::free);
}

TEST(Decide, a_flipped_bit_in_the_state_word_is_damage) {  // H3b
  auto d = descriptor(RegionState::sealed, 4, 128);
  d.state ^= 1ULL << 20;
  EXPECT_EQ(action(d, header(4)), Action::damage);
}

TEST(Decide, blocks_are_judged_like_records) {  // a name that was durable and is unreadable must not become a new one
  EXPECT_EQ(action(descriptor(RegionState::open, 4, 128, RegionType::block), header(4, RegionType::block)),
            Action::parse_strict);
  EXPECT_EQ(action(descriptor(RegionState::sealed, 4, 128, RegionType::block), {}), Action::damage);
}

// ---- Trust ---------------------------------------------------------------------------------------------------------
Identity identity() {
  Identity i{};
  i.boot_id[0] = 1;
  i.mount_id = 2;
  i.device = 3;
  i.inode = 4;
  i.birth_ns = 5;
  i.handle_type = 6;
  i.handle_size = 8;
  i.handle[0] = 7;
  i.check = identity_check(i, 1);
  return i;
}
Identity but(void (*change)(Identity&)) {
  Identity i = identity();
  change(i);
  i.check = identity_check(i, 1);
  return i;
}

TEST(Decide, the_same_identity_is_the_same_file_in_the_same_boot) {
  EXPECT_TRUE(same_file(identity(), identity(), 1));
  EXPECT_TRUE(same_boot(identity(), identity(), 1));
}

TEST(Decide, a_remount_is_the_same_file_but_not_the_same_boot) {  // F8
  for (auto change : {+[](Identity& i) { i.boot_id[15] ^= 1; }, +[](Identity& i) { ++i.mount_id; },
                      +[](Identity& i) { ++i.device; }}) {
    EXPECT_TRUE(same_file(identity(), but(change), 1));
    EXPECT_FALSE(same_boot(identity(), but(change), 1));
  }
}

TEST(Decide, a_copy_is_another_file) {  // F10
  for (auto change :
       {+[](Identity& i) { ++i.inode; }, +[](Identity& i) { ++i.birth_ns; }, +[](Identity& i) { ++i.handle[3]; },
        +[](Identity& i) { ++i.handle_type; }, +[](Identity& i) { --i.handle_size; }}) {
    EXPECT_FALSE(same_file(identity(), but(change), 1));
    EXPECT_FALSE(same_boot(identity(), but(change), 1));
  }
}

TEST(Decide, what_the_kernel_cannot_tell_is_not_trusted) {
  const auto no_mount = but([](Identity& i) { i.mount_id = 0; });
  EXPECT_TRUE(same_file(no_mount, no_mount, 1));
  EXPECT_FALSE(same_boot(no_mount, no_mount, 1));
  const auto no_handle = but([](Identity& i) { i.handle_size = 0; });
  EXPECT_FALSE(same_file(no_handle, no_handle, 1));
}

TEST(Decide, a_torn_or_foreign_identity_is_not_trusted) {
  auto torn = identity();
  torn.check ^= 1;
  EXPECT_FALSE(same_file(torn, identity(), 1));
  EXPECT_FALSE(same_file(identity(), identity(), 2));
  EXPECT_FALSE(same_file(Identity{}, Identity{}, 1));
}

TEST(Decide, what_a_failed_flush_left_ends_with_the_boot_or_the_inode) {  // F37
  EXPECT_FALSE(other_cache(identity(), identity(), 1));
  EXPECT_FALSE(other_cache(identity(), but([](Identity& i) { ++i.mount_id; }), 1));  // a bind mount shares its pages
  EXPECT_TRUE(other_cache(identity(), but([](Identity& i) { i.boot_id[0] ^= 1; }), 1));
  EXPECT_TRUE(other_cache(identity(), but([](Identity& i) { ++i.inode; }), 1));
  const auto no_handle = but([](Identity& i) { i.handle_size = 0; });
  EXPECT_FALSE(other_cache(no_handle, no_handle, 1));
  EXPECT_FALSE(other_cache(Identity{}, identity(), 1));  // a rebuild that died: nobody can tell
}

TEST(Decide, clean_counts_in_this_file_only) {  // F10
  EXPECT_EQ(decide({.same_file = true, .clean = true}), Trust::clean);
  EXPECT_EQ(decide({.clean = true, .same_boot = true}), Trust::rebuild);
}

TEST(Decide, every_value_has_a_name) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_STRNE(name(static_cast<Trust>(i)), "unknown");
  }
  for (int i = 0; i < 4; ++i) EXPECT_STRNE(name(static_cast<Action>(i)), "unknown");
  for (int i = 0; i < 3; ++i) EXPECT_STRNE(name(static_cast<Life>(i)), "unknown");
}

}  // namespace
}  // namespace durra::format
