// A batch had erased a key, compaction had dropped the tombstone from the index, and verify called it damage: "a key is
// missing".  Of single erases it knew that they may be gone.  Found by power cuts through real file systems.
#include <durra/care.h>
#include <gtest/gtest.h>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

TEST(SweptBatch, verify_does_not_miss_what_a_batch_erased) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  {
    auto store = open(path, small()).value();
    store.put(Batch{}.erase("a").put("b", std::string(20'000, 'b'))).value();
    store.put("c", std::string(20'000, 'c')).value();
  }
  auto store = open(path, small()).value();
  EXPECT_EQ(compact(store, {.keep_erased = {}}).value().tombstones, 1u);
  EXPECT_EQ(shown(store.get("a")), "<not_found>");
  const auto seen = verify(path).value();
  EXPECT_TRUE(seen.damage.empty()) << seen.damage[0].error.message();
}

}  // namespace
}  // namespace durra::test
