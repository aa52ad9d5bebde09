// A power cut left eight regions of which the disk had the header and a few words of the first record.  The rebuild
// sealed them as they were, with nothing in them: no garbage, by their hints, so no compaction ever gave them back, and
// the store was full for ever.  The same with regions that a rebuild sealed behind their first record.  Found by
// `power` (typed).
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "tests/support/disk.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct EmptyAfterAPowerCut : testing::Test {
  const Scratch scratch;
  const TmpfsIsADisk power;
  const std::string path = scratch / "s.durra";
  Options options = small(640_KiB, 8);
  static constexpr int kRecords = 12;  // two in a region, of ten regions

  void fill() const {
    auto store = open(path, options).value();
    for (int i = 0; i < kRecords; ++i) store.put(i, noise(24'000, static_cast<std::uint64_t>(i))).value();
  }
  // Of each data region only this much of its records came to the disk.
  void lose_all_behind(std::uint64_t inside) const {
    const FileEdit file(path);
    for (std::uint64_t r = 0; file.word(r).state != format::RegionState::free; ++r) {
      file.set(file.descriptor_at(r) + offsetof(format::Descriptor, synced), std::uint64_t{0});
      if (file.word(r).type == format::RegionType::data)
        file.write(file.region_at(r) + inside, std::string(file.super().region_size - inside, '\0'));
    }
  }
  static void expect_room(Store& store) {
    for (int i = 0; i < 60; ++i)
      ASSERT_EQ(outcome(store.put(100 + i % 3, noise(24'000, static_cast<std::uint64_t>(i)))), "ok") << i;
  }
};

TEST_F(EmptyAfterAPowerCut, what_has_nothing_in_it_is_given_back) {
  fill();
  lose_all_behind(format::kRegionData + 16);
  options.rebuild = true;
  auto store = open(path, options).value();
  EXPECT_EQ(stats(store).value().live_records, 0u);
  expect_room(store);
}

TEST_F(EmptyAfterAPowerCut, compact_gives_it_back_too) {
  fill();
  lose_all_behind(format::kRegionData + 16);
  options.rebuild = true;
  auto store = open(path, options).value();
  EXPECT_GE(compact(store).value().regions_retired, 4u);
}

TEST_F(EmptyAfterAPowerCut, what_was_sealed_behind_its_first_record_is_moved_together) {
  fill();
  lose_all_behind(32'000);
  options.rebuild = true;
  auto store = open(path, options).value();
  EXPECT_EQ(stats(store).value().live_records, 6u);
  expect_room(store);
  EXPECT_EQ(stats(store).value().live_records, 9u);
}

TEST_F(EmptyAfterAPowerCut, nobody_has_to_run_out_of_space_first) {
  options.max_size = 8_MiB;
  fill();
  lose_all_behind(format::kRegionData + 16);
  options.rebuild = true;
  auto store = open(path, options).value();
  for (int i = 0; i < 60; ++i) store.put(i, noise(24'000)).value();
  std::size_t in_use = 0;
  for (const RegionInfo& r : regions(store).value()) in_use += r.state == "sealed" && r.records == 0;
  EXPECT_LE(in_use, 2u);
}

}  // namespace
}  // namespace durra::test
