// A Tail gave versions twice: found by tests/processes on a machine so slow that a second passed between two calls.
#include <durra/store.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;

// Whoever asks for the next version more than a second later gets what is left of the collection by name, without a
// pin.  When all that was left had been superseded meanwhile, the next collection did not begin behind this one but
// where this one had begun, and all of it came again.
TEST(SlowFollower, is_shown_nothing_twice_when_all_that_was_left_has_changed) {
  const test::Scratch scratch;
  Store store = open(scratch / "s.durra", test::small()).value();
  Tail tail = Tail::open(store, "t").value();
  store.put("a", "1").value();
  store.put("b", "1").value();
  EXPECT_EQ(test::shown(tail.next(0s)), "1");
  std::this_thread::sleep_for(1'100ms);
  const Stamp later = store.put("b", "2").value();
  const auto next = tail.next(0s);
  ASSERT_EQ(test::shown(next), "2");
  EXPECT_EQ(next->key(), "b");
  EXPECT_EQ(next->stamp(), later);
  EXPECT_EQ(test::shown(tail.next(0s)), "<timeout>");
}

}  // namespace
}  // namespace durra
