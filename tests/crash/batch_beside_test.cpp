// What others do beside one who stopped in the middle of a batch, step by step: they finish it, or it is as if it had
// not begun; its owner is told which.
#include <gtest/gtest.h>

#include "store/reap.h"
#include "tests/crash/world.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct BatchBeside : testing::Test {
  World w;
  Store store = open(w.path, small_store()).value();
  BatchBeside() {
    for (const char* key : {"a", "b"}) store.put(key, "old").value();
  }
  // Puts "a" and "b" together; is told this.
  Body puts_both(const std::string& told, bool conditional = false) const {
    return [this, told, conditional] {
      Store theirs = open(w.path, small_store()).value();
      theirs.put("warm", "up").value();
      Batch batch;
      for (const char* key : {"a", "b"})
        conditional ? batch.put_if(key, "theirs", theirs.get(key).value().stamp()) : batch.put(key, "theirs");
      arm();
      EXPECT_EQ(outcome(theirs.put(batch)), told);
    };
  }
  std::string both() const { return shown(store.get("a")) + " " + shown(store.get("b")); }
};

TEST_F(BatchBeside, another_that_meets_it_finishes_it_first) {
  for (std::uint32_t installed = 0; installed < 2; ++installed) {
    Stopped owner(puts_both("ok"), {"batch.5", installed});
    ASSERT_TRUE(owner.reached());
    const Snapshot before = store.snapshot().value();
    store.put(Batch().put("a", "mine").put("b", "mine")).value();
    EXPECT_EQ(both(), "mine mine");
    EXPECT_EQ(owner.finish(), 0);
    EXPECT_EQ(both(), "mine mine");
    EXPECT_EQ(shown(before.get("a")), shown(before.get("b")));
  }
}

TEST_F(BatchBeside, a_condition_that_held_when_it_was_looked_at_is_asked_again) {
  Stopped owner(puts_both("conflict", true), {"batch.2", 0});
  ASSERT_TRUE(owner.reached());
  store.put("b", "mine").value();
  EXPECT_EQ(owner.finish(), 0);
  EXPECT_EQ(both(), "old mine");
}

// It is there from the moment that it is decided, whoever is to say so in its records.
TEST_F(BatchBeside, what_is_decided_is_seen_before_its_owner_goes_on) {
  for (const char* step : {"batch.6", "batch.check", "batch.copy"}) {
    Stopped owner(puts_both("ok"), {step, 0});
    ASSERT_TRUE(owner.reached());
    EXPECT_EQ(both(), "theirs theirs") << step;
    EXPECT_EQ(store.get("a").value().stamp(), store.get("b").value().stamp());
    EXPECT_EQ(owner.finish(), 0);
    for (const char* key : {"a", "b"}) store.put(key, "old").value();
  }
}

// An instant that has been read without it stays without it.
TEST_F(BatchBeside, a_snapshot_puts_off_what_is_not_decided) {
  Stopped owner(puts_both("ok"), {"batch.5", 1});
  ASSERT_TRUE(owner.reached());
  const Snapshot then = store.snapshot().value();
  for (const char* key : {"a", "b"}) EXPECT_EQ(shown(then.get(key)), "old");
  EXPECT_EQ(owner.finish(), 0);
  for (const char* key : {"a", "b"}) EXPECT_EQ(shown(then.get(key)), "old");
  EXPECT_EQ(both(), "theirs theirs");
  const Snapshot now = store.snapshot().value();
  for (const char* key : {"a", "b"}) EXPECT_EQ(shown(now.get(key)), "theirs");
}

// The dead one's note tells of a place where now the next owner's batch begins (H11): two who reap it one after the
// other, of whom the first dies between leaving its region and freeing its seat, must not decide against that.
TEST_F(BatchBeside, of_the_next_owner_of_a_region_is_left_alone_by_who_reaps_the_one_before) {
  const auto opens = [this] {
    arm();
    (void)open(w.path, small_store()).value();
  };
  Stopped owner(
      [&] {
        Store theirs = open(w.path, small_store()).value();
        detail::reap_sometimes(*detail::handle_of(theirs));  // so that it does not do it again at once
        EXPECT_TRUE(ends_at(puts_both("ok"), {"batch.3", 0}));
        EXPECT_TRUE(ends_at(opens, {"reap.5", 0}));
        arm();
        EXPECT_EQ(outcome(theirs.put(Batch().put("a", "mine").put("b", "mine"))), "ok");
      },
      {"batch.4", 0});
  ASSERT_TRUE(owner.reached());
  reopen(w.path);
  EXPECT_EQ(owner.finish(), 0);
  EXPECT_EQ(both(), "mine mine");
}

}  // namespace
}  // namespace durra::test
