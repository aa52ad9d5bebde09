// A descriptor had been written back, the file's new length and the hint of how many regions there are had not: after
// the power cut the rebuild did not look at that region.  It stayed OPEN, of a seat that somebody else took: a tail and
// verify met a region without a header, and what was put into it was durable in a region that no rebuild believes.
// Found by power cuts through real file systems.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>

#include "tests/support/disk.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

TEST(LostLength, a_region_behind_the_end_of_the_file_is_free_after_a_power_cut) {
  const Scratch scratch;
  const TmpfsIsADisk power;
  const std::string left = scratch / "left.durra";
  {
    const std::string path = scratch / "s.durra";
    auto first = open(path, small()).value();
    first.put("a", "durable", {.durability = Durability::power}).value();
    auto second = open(path, small()).value();
    second.put("b", "lost").value();
    std::filesystem::copy_file(path, left);
  }
  const FileEdit file(left);
  std::uint64_t last = 0;  // the region of `second`
  while (file.word(last + 1).state != format::RegionState::free) ++last;
  ASSERT_EQ(file.find("b").region, last);
  file.cut(file.region_at(last));
  file.set(format::kControlOffset + offsetof(format::Control, region_hint), std::uint64_t{0});

  auto store = open(left, small()).value();
  EXPECT_EQ(stats(store).value().opened, Opened::rebuilt);
  EXPECT_EQ(shown(store.get("a")), "durable");
  EXPECT_EQ(file.word(last).state, format::RegionState::free);
  EXPECT_TRUE(verify(left).value().damage.empty());
  auto tail = Tail::open(store, "reader").value();
  EXPECT_EQ(outcome(tail.next({})), "ok");
  EXPECT_EQ(outcome(tail.next({})), "timeout");
}

}  // namespace
}  // namespace durra::test
