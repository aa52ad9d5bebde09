// put_if, erase_if, update: optimistic changes.
#include <durra/store.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::outcome;
using test::shown;
using test::small;

struct Conditional : testing::Test {
  test::Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
};

TEST_F(Conditional, put_if_absent_creates_and_never_replaces) {
  const auto made = store.put_if("k", "1", absent);
  ASSERT_EQ(outcome(made), "ok");
  EXPECT_EQ(outcome(store.put_if("k", "2", absent)), "conflict");
  EXPECT_EQ(shown(store.get("k")), "1");
  EXPECT_EQ(store.get("k").value().stamp(), *made);
}

TEST_F(Conditional, put_if_needs_the_version_that_is_there) {
  const Stamp first = store.put("k", "1").value();
  const Stamp second = store.put("k", "2").value();
  EXPECT_EQ(outcome(store.put_if("k", "x", first)), "conflict");
  EXPECT_EQ(shown(store.get("k")), "2");
  const auto third = store.put_if("k", "3", second);
  ASSERT_EQ(outcome(third), "ok");
  EXPECT_GT(*third, second);
  EXPECT_EQ(outcome(store.put_if("k", "x", second)), "conflict");
  EXPECT_EQ(shown(store.get("k")), "3");
}

TEST_F(Conditional, a_conflict_writes_nothing) {
  store.put("k", "1").value();
  const auto before = stats(store).value();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(outcome(store.put_if("k", std::string(10'000, 'x'), absent)), "conflict");
  const auto after = stats(store).value();
  EXPECT_EQ(after.garbage_bytes, before.garbage_bytes);
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  EXPECT_EQ(participants(store).value().at(0).conflicts, 100u);
}

TEST_F(Conditional, an_erased_key_is_absent) {
  const Stamp first = store.put("k", "1").value();
  store.erase("k").value();
  EXPECT_EQ(outcome(store.put_if("k", "x", first)), "conflict");
  EXPECT_EQ(outcome(store.put_if("k", "2", absent)), "ok");
  EXPECT_EQ(shown(store.get("k")), "2");
}

TEST_F(Conditional, erase_if_needs_the_version_that_is_there) {
  const Stamp first = store.put("k", "1").value();
  const Stamp second = store.put("k", "2").value();
  EXPECT_EQ(outcome(store.erase_if("k", first)), "conflict");
  EXPECT_EQ(shown(store.get("k")), "2");
  EXPECT_EQ(outcome(store.erase_if("k", second)), "ok");
  EXPECT_EQ(shown(store.get("k")), "<not_found>");
  EXPECT_EQ(outcome(store.erase_if("k", second)), "conflict");
  EXPECT_EQ(outcome(store.erase_if("k", absent)), "not_found");
}

TEST_F(Conditional, update_sees_null_when_absent_and_the_newest_else) {
  const auto append = [](const Record* old) { return (old ? old->str() : "") + "x"; };
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store.update("k", append));
  EXPECT_EQ(shown(store.get("k")), "xxxxx");
  store.erase("k").value();
  ASSERT_TRUE(store.update("k", append));
  EXPECT_EQ(shown(store.get("k")), "x");
}

TEST_F(Conditional, update_changes_again_when_another_was_first) {
  store.put("k", "a").value();
  int calls = 0;
  const auto done = store.update("k", [&](const Record* old) {
    if (++calls == 1) store.put("k", "b").value();  // a nested call, and another's change
    return old->str() + "!";
  });
  ASSERT_TRUE(done);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(shown(store.get("k")), "b!");
}

TEST_F(Conditional, a_callback_that_throws_changes_nothing) {
  store.put("k", "a").value();
  EXPECT_THROW((void)store.update("k", [](const Record*) -> std::string { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_EQ(shown(store.get("k")), "a");
  EXPECT_EQ(participants(store).value().at(0).pins, 0u);
}

TEST_F(Conditional, update_reports_what_is_wrong_with_the_key) {
  EXPECT_EQ(outcome(store.update("", [](const Record*) { return std::string(); })), "invalid");
  EXPECT_EQ(outcome(store.put_if("", "x", absent)), "invalid");
  EXPECT_EQ(outcome(store.erase_if("", absent)), "invalid");
}

}  // namespace
}  // namespace durra
