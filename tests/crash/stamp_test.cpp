// A writer that died between its stamp and the stamp's check: whoever writes the check has read the stamp again.
#include <gtest/gtest.h>

#include "tests/crash/world.h"

namespace durra::test {
namespace {

TEST(StampedWithoutCheck, keeps_the_stamp_that_was_decided_first) {
  World w;
  auto store = open(w.path, small_store()).value();
  ASSERT_TRUE(ends_at(
      [&] {
        auto mine = open(w.path, small_store()).value();
        mine.put("k", "old").value();
        arm();
        mine.put("k", "new").value();
      },
      {"fill.1"}));
  for (int i = 0; i < 3; ++i) store.snapshot().value();  // the clock moves on: a stamp of now is another
  EXPECT_EQ(look(store, "k"), "new");
  EXPECT_TRUE(store.get("k").value().stamp() > absent);
  expect_undamaged(w.path);
  EXPECT_EQ(store.snapshot().value().get("k").value().str(), "new");
  store = reopen(w.path);
  EXPECT_EQ(look(reopen(w.path), "k"), "new");
}

}  // namespace
}  // namespace durra::test
