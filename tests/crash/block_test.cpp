// What those find who open a block after somebody died while making or dropping it: all of it or nothing, zeros where
// nobody wrote, the neighbours untouched, and no space lost.
#include <durra/care.h>
#include <durra/types.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "store/block.h"
#include "tests/crash/world.h"

namespace durra::test {
namespace {

class BlockKilled : public testing::TestWithParam<const char*> {};

std::uint64_t regions_of_blocks(const Store& s) {
  std::uint64_t n = 0;
  for (const RegionInfo& r : regions(s).value()) n += r.type == "block" ? r.regions : 0;
  return n;
}

// Opens what the operation was about, whatever became of it: zeros, writable, of its size.
void expect_usable_block(Store& s, std::size_t size) {
  auto b = Block::open(s, "b", size);
  ASSERT_TRUE(b) << b.error().message();
  EXPECT_TRUE(std::ranges::all_of(b->bytes(), [](std::byte one) { return one == std::byte{0}; }));
  std::ranges::fill(b->bytes(), std::byte{7});
}

void expect_gone_with_its_space(Store& s, std::uint64_t others) {
  ASSERT_TRUE(drop(s, "b"));
  compact(s).value();
  EXPECT_LE(regions_of_blocks(s), others);
}

TEST_P(BlockKilled, leaves_a_block_or_none) {
  const Operation op = operation(GetParam());
  const std::size_t size = op.name.find("large") == std::string::npos ? 1'000 : 150'000;
  Steps steps;
  {
    World w;
    make(w, op).reset();
    steps = steps_of([&] { op.run(w); });
  }
  const std::uint64_t others = op.name == "block_beside";
  for (const Point& at : points_of(steps, 3)) {
    for (const bool alone : {true, false}) {
      SCOPED_TRACE(op.name + " killed at " + at.name() + (alone ? ", everybody dead" : ", one alive"));
      World w;
      auto living = make(w, op);
      if (alone) living.reset();
      if (!ends_at([&] { op.run(w); }, at)) continue;
      Store s = living ? *std::move(living) : reopen(w.path);
      expect_usable_block(s, size);
      if (others != 0) {
        EXPECT_TRUE(Block::open(s, "other", 500));
      }
      expect_usable(s, "k5");
      { const Store reaps = reopen(w.path); }
      expect_gone_with_its_space(s, others);
      expect_nothing_left(s, w.path);
      expect_undamaged(w.path);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Operations, BlockKilled,
                         testing::Values("block", "block_beside", "block_large", "block_attach", "block_drop",
                                         "block_drop_large"));

// The second of two who die in the same region finds the first one's bytes behind the tail.
TEST(BlockKilled, bytes_of_one_who_died_before_the_tail_never_show_in_the_next_block) {
  const auto write_and_die = [](World& w) {
    return ends_at(
        [&] {
          Store s = open(w.path, small_store()).value();
          arm();
          (void)detail::open_block(*detail::handle_of(s), "b",
                                   {{}, 9'000, 64, [](std::span<std::byte> m) { std::ranges::fill(m, std::byte{9}); }});
        },
        {"put.3", 0});
  };
  World w;
  { const Store made = open(w.path, small_store()).value(); }
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(write_and_die(w));
  Store s = reopen(w.path);
  expect_usable_block(s, 20'000);
  EXPECT_EQ(regions_of_blocks(s), 1u) << "each death cost a region";
}

}  // namespace
}  // namespace durra::test
