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

#include "store/handle.h"
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
// Whether there was one can be asked by another open file, or not.
class ToldLate final : public os::Faults {
 public:
  explicit ToldLate(int to_who_asks) : to_who_asks_(to_who_asks) { os::set_faults(this); }
  ~ToldLate() override { os::set_faults(nullptr); }
  int before(os::Call c) override {
    if (c == os::Call::ask && told_) return to_who_asks_;
    if (c != os::Call::sync || told_.exchange(true)) return 0;
    for (int i = 0; i < 300 && !go_on_; ++i) os::nap(std::chrono::milliseconds(1));
    return EIO;
  }
  void wait_until_told() const {
    while (!told_) os::nap(std::chrono::milliseconds(1));
  }
  void go_on() { go_on_ = true; }

 private:
  const int to_who_asks_;
  std::atomic<bool> told_{false}, go_on_{false};
};

// The kernel tells a failure once per open file, and a handle has one: whoever flushes next, in another thread, hears
// that all is well.  What was lost may be its own record.
TEST_F(SyncFailed, told_to_another_thread_of_the_handle) {
  for (const int to_who_asks : {EIO, ENOSYS, EBADF})
    for (const bool whole : {false, true}) {
      SCOPED_TRACE(to_who_asks);
      const std::string file = scratch / std::to_string(to_who_asks) + (whole ? "sync" : "power");
      Store s = open(file, small()).value();
      s.put("k", "v", {.durability = Durability::power}).value();  // by a seat that has a witness since
      ToldLate kernel(to_who_asks);
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

// Who flushes for the first time has a witness that was told nothing of what was before: he waits for who is in a
// flush.  He added a doubt, so that all of the store was written anew for each thread that came late; and not always
// before the doubts were asked for.
TEST_F(SyncFailed, before_the_witness_came) {
  ToldLate kernel(0);
  store->put("k", "v").value();
  std::thread told([&] { EXPECT_EQ(outcome(store->sync()), "sync_lost"); });
  kernel.wait_until_told();
  const auto doubts = detail::handle_of(*store)->space.control().sync_doubts;
  EXPECT_EQ(outcome(store->put("l", "w", {.durability = Durability::power})), "sync_lost");
  EXPECT_EQ(detail::handle_of(*store)->space.control().sync_doubts, doubts);
  kernel.go_on();
  told.join();
}

}  // namespace
}  // namespace durra::test
