// Flushes that fail where nobody waits for them: the zeros of a block, the last flush of all.  All who sync later are
// told.
#include <durra/care.h>
#include <durra/types.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <optional>
#include <string>
#include <thread>

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

// The first flush is told of a failure, and its thread goes on late; every other flush succeeds, as msync does then.
class ToldLate final : public os::Faults {
 public:
  ToldLate() { os::set_faults(this); }
  ~ToldLate() override { os::set_faults(nullptr); }
  int before(os::Call c) override {
    if (c != os::Call::sync || told_.exchange(true)) return 0;
    for (int i = 0; i < 300 && !go_on_; ++i) os::nap(std::chrono::milliseconds(1));
    return EIO;
  }
  void wait_until_told() const {
    while (!told_) os::nap(std::chrono::milliseconds(1));
  }
  void go_on() { go_on_ = true; }

 private:
  std::atomic<bool> told_{false}, go_on_{false};
};

// The kernel tells a failure once per open file, and a handle has one: whoever flushes next, in another thread, hears
// that all is well.  What was lost may be its own record.
TEST_F(SyncFailed, told_to_another_thread_of_the_handle) {
  for (const bool whole : {false, true}) {
    const std::string file = scratch / (whole ? "sync" : "power");
    Store s = open(file, small()).value();
    s.put("k", "v").value();
    ToldLate kernel;
    std::thread told([&] { EXPECT_EQ(outcome(s.sync()), "sync_lost"); });
    kernel.wait_until_told();
    if (whole)
      EXPECT_EQ(outcome(s.sync()), "sync_lost");
    else
      EXPECT_EQ(outcome(s.put("l", "w", {.durability = Durability::power})), "sync_lost");
    kernel.go_on();
    told.join();
  }
}

}  // namespace
}  // namespace durra::test
