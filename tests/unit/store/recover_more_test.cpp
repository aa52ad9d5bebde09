// recover: batches that no sync has covered, a file that changes while it is read, and one that cannot be read.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "tests/support/faults.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct RecoverMore : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra", fresh = scratch / "fresh.durra";

  // By a process that is killed: nothing is synced.
  void leave(const std::function<void(Store&)>& act) const {
    const int status = run_child([&]() -> int {
      auto store = open(path, small()).value();
      act(store);
      std::_Exit(0);
    });
    ASSERT_EQ(status, 0);
  }
  std::string in_fresh(const Key& key) const { return shown(open(fresh, small()).value().get(key)); }
};

TEST_F(RecoverMore, a_batch_that_was_not_synced_is_saved_whole) {
  leave([](Store& s) {
    s.put("a", "old").value();
    s.put(Batch().put("a", "1").put("b", "2").put("c", "3").erase("d")).value();
    s.put("e", "4").value();
  });
  const auto salvage = recover(path, fresh).value();
  EXPECT_EQ(salvage.kept, 4u);
  EXPECT_TRUE(salvage.damage.empty());
  EXPECT_EQ(in_fresh("a") + in_fresh("b") + in_fresh("c") + in_fresh("e"), "1234");
}

// What the disk has of it is not all of it: then it was never acknowledged as durable, and is void.
TEST_F(RecoverMore, of_a_batch_that_was_not_synced_and_is_broken_nothing_is_saved) {
  leave([](Store& s) {
    s.put("a", "old").value();
    s.put(Batch().put("a", "1").put("b", "2").put("c", "3")).value();
    s.put("e", "4").value();
  });
  const FileEdit edit(path);
  edit.flip(edit.find("b").payload_at);
  const auto salvage = recover(path, fresh).value();
  ASSERT_FALSE(salvage.damage.empty());
  EXPECT_STREQ(salvage.damage[0].error.what, "a batch is not whole");
  EXPECT_EQ(in_fresh("a"), "old");
  EXPECT_EQ(in_fresh("b"), "<not_found>");
  EXPECT_EQ(in_fresh("c"), "<not_found>");
  EXPECT_EQ(in_fresh("e"), "4");
}

// Somebody still writes to the damaged file: a record that was read is not there when it is copied.
TEST_F(RecoverMore, a_record_that_goes_while_it_is_saved_is_an_error_and_no_half_copy) {
  leave([](Store& s) { s.put("a", noise(400'000)).value(); });
  const FileEdit edit(path);
  const auto record = edit.find("a");
  const auto done = recover(path, fresh, false, [&](std::uint64_t at, std::uint64_t of) {
    if (at * 2 == of) edit.write(record.at, std::string(48, '\xee'));  // all regions have been read
    return true;
  });
  ASSERT_EQ(outcome(done), "damaged");
  EXPECT_EQ(done.error().detail, record.at);
  EXPECT_FALSE(std::filesystem::exists(fresh));
}

// Whichever read of the second pass fails: nothing is made of what could not be read.
TEST_F(RecoverMore, a_record_that_cannot_be_read_again_is_an_error_and_no_half_copy) {
  leave([](Store& s) {
    s.put("a", noise(400'000)).value();
    s.put("b", "small").value();
  });
  int failed = 0;
  for (std::uint64_t k = 1;; ++k) {
    Faults faults;
    const auto done = recover(path, fresh, false, [&](std::uint64_t at, std::uint64_t of) {
      if (at * 2 == of) faults.fail(os::Call::read, EIO, k);
      return true;
    });
    if (faults.failed() == 0) break;
    ++failed;
    if (!done) {
      EXPECT_EQ(outcome(done), "io") << k;
      EXPECT_FALSE(std::filesystem::exists(fresh)) << k;
      continue;
    }
    EXPECT_FALSE(done->damage.empty()) << k;  // a read that only opening the new store needed, if there is one
    std::filesystem::remove(fresh);
  }
  EXPECT_GT(failed, 2);
}

}  // namespace
}  // namespace durra::test
