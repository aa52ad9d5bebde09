// Flushes that fail where nobody waits for them: the zeros of a block, the last flush of all.  All who sync later are
// told.
#include <durra/care.h>
#include <durra/types.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <optional>

#include "tests/support/disk.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct SyncFailed : testing::Test {
  const TmpfsIsADisk on_a_disk;
  Scratch scratch;
  const std::string path = scratch / "s.durra";
  std::optional<Store> store = open(path, small()).value();
};

// Where something lay before, the disk must say zeros before a name leads there (H24).
TEST_F(SyncFailed, of_the_zeros_that_a_block_begins_with) {
  { const Block first = Block::open(*store, "first", 30'000).value(); }
  drop(*store, "first").value();
  compact(*store).value();
  store->sync().value();
  {
    Faults faults;
    faults.fail(os::Call::sync, EIO);
    EXPECT_TRUE(Block::open(*store, "second", 30'000));
    EXPECT_EQ(faults.failed(), 1u);
  }
  EXPECT_EQ(outcome(store->sync()), "sync_lost");
}

TEST_F(SyncFailed, of_the_last_who_closes) {
  store->put("k", "v").value();
  {
    Faults faults;
    faults.fail(os::Call::sync, EIO, 1, true);
    store.reset();
    EXPECT_GT(faults.failed(), 0u);
  }
  store = open(path, small()).value();
  EXPECT_NE(stats(*store).value().opened, Opened::clean);
  EXPECT_EQ(shown(store->get("k")), "v");
  EXPECT_EQ(outcome(store->sync()), "sync_lost");
}

}  // namespace
}  // namespace durra::test
