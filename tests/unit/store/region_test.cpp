// Regions: taken over half full, given back when nothing came of them, and never all of them taken by writers.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;
using test::shown;
using test::small;

struct Regions : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
};

TEST_F(Regions, short_lived_handles_share_a_region) {
  for (int i = 0; i < 200; ++i) {
    auto store = open(path, small()).value();
    store.put(i, std::to_string(i)).value();
  }
  const auto store = open(path, small()).value();
  EXPECT_LE(stats(store).value().region_count, 3u);  // one of data, one of the index, a spare
  for (int i = 0; i < 200; ++i) EXPECT_EQ(shown(store.get(i)), std::to_string(i));
}

TEST_F(Regions, short_lived_handles_beside_a_living_one_share_two) {
  auto first = open(path, small()).value();
  first.put("first", "1").value();
  for (int i = 0; i < 200; ++i) {
    auto store = open(path, small()).value();
    store.put(i, std::to_string(i)).value();
  }
  EXPECT_LE(stats(first).value().region_count, 4u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(shown(first.get(i)), std::to_string(i));
}

TEST_F(Regions, the_killed_leave_their_regions_to_the_next) {
  { const auto made = open(path, small()).value(); }
  for (int i = 0; i < 60; ++i) {
    const int status = test::run_child([&]() -> int {
      auto store = open(path, small()).value();
      store.put(i, std::to_string(i)).value();
      std::_Exit(0);
    });
    ASSERT_EQ(status, 0);
  }
  const auto store = open(path, small()).value();
  EXPECT_LE(stats(store).value().region_count, 4u);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(shown(store.get(i)), std::to_string(i));
}

TEST_F(Regions, a_region_that_is_nearly_full_is_sealed) {
  {
    auto store = open(path, small()).value();
    store.put("k", noise(60'000)).value();
  }
  const auto store = open(path, small()).value();
  EXPECT_EQ(stats(store).value().regions_sealed, 1u);
  EXPECT_EQ(stats(store).value().regions_partial, 0u);
}

TEST_F(Regions, a_large_record_has_a_run_of_its_own) {
  auto store = open(path, small()).value();
  store.put("large", noise(300'000)).value();
  store.put("small", "x").value();
  std::uint64_t runs = 0;
  const auto all = regions(store).value();
  for (const RegionInfo& r : all) {
    if (r.regions == 1) continue;
    ++runs;
    EXPECT_EQ(r.regions, 5u);
    EXPECT_EQ(r.records, 1u);
    EXPECT_EQ(r.live_records, 1u);
    EXPECT_EQ(r.state, "sealed");
  }
  EXPECT_EQ(runs, 1u);
}

TEST_F(Regions, the_run_of_a_dropped_draft_is_given_back) {
  auto store = open(path, small()).value();
  store.put("k", "v").value();
  const auto before = stats(store).value();
  for (int i = 0; i < 100; ++i) {  // 100 × 1.5 MB would not fit into 8 MiB
    auto draft = store.draft("large", 1'500'000);
    ASSERT_EQ(outcome(draft), "ok") << i;
    draft->bytes()[1'499'999] = std::byte{1};
  }
  const auto after = stats(store).value();
  EXPECT_EQ(after.region_count - after.regions_free, before.region_count - before.regions_free);
  EXPECT_EQ(shown(store.get("k")), "v");
}

TEST_F(Regions, the_run_of_a_killed_draft_is_given_back) {
  auto store = open(path, small()).value();
  for (int i = 0; i < 10; ++i) {
    const int status = test::run_child([&] {
      auto mine = open(path, small()).value();
      auto draft = mine.draft("large", 1'500'000);
      if (!draft) return 2;
      std::_Exit(0);
    });
    ASSERT_EQ(status, 0) << i;
  }
  const auto reaper = open(path, small()).value();
  const auto s = stats(store).value();
  EXPECT_EQ(s.regions_free, s.region_count);
  EXPECT_EQ(s.seats_dead, 0u);
}

TEST_F(Regions, ordinary_writers_leave_two_regions) {
  auto store = open(path, small(1_MiB)).value();  // 16 regions
  for (int i = 0;; ++i) {
    const auto done = store.put(i, noise(60'000));
    if (!done) {
      EXPECT_EQ(outcome(done), "full");
      break;
    }
    ASSERT_LT(i, 16);
  }
  const auto s = stats(store).value();
  EXPECT_EQ(16 - (s.region_count - s.regions_free), 2u);
  EXPECT_EQ(outcome(store.draft("large", 100'000)), "full");
  EXPECT_EQ(outcome(store.erase(0)), "ok");  // takes one of them
}

TEST_F(Regions, what_regions_says_adds_up) {
  auto store = open(path, small()).value();
  for (int i = 0; i < 1'500; ++i) store.put(i % 1'000, noise(50)).value();  // too little garbage to be compacted
  const auto all = regions(store).value();
  const auto s = stats(store).value();
  std::uint64_t live = 0, records = 0, count = 0;
  for (const RegionInfo& r : all) {
    live += r.live_records;
    records += r.records;
    count += r.regions;
    EXPECT_EQ(r.picture.size(), 32u);
  }
  EXPECT_EQ(live, 1'000u);
  EXPECT_EQ(records, 1'500u);
  EXPECT_EQ(count, s.region_count);
  EXPECT_EQ(s.live_records, 1'000u);
  EXPECT_EQ(s.live_bytes, 50'000u);
  EXPECT_GT(s.garbage_bytes, 500u * 50);
}

}  // namespace
}  // namespace durra
