// Death while cleaning up after a death: the reaper of a dead one dies, and the rebuilder of a rebuild that died.
#include <gtest/gtest.h>

#include "tests/crash/world.h"

namespace durra::test {
namespace {

void open_armed(const World& w) {
  arm();
  const Store s = open(w.path, small_store()).value();
  disarm();
}

// Counts what it does, so that a test that does nothing fails.
struct Count {
  int pairs = 0;
};

// The operation dies at `first`; the next opener, who reaps (or rebuilds), dies at each point on its way.
void die_twice(const Operation& op, const Point& first, std::uint32_t passings_max, Count& count) {
  SCOPED_TRACE(op.name + " killed at " + first.name());
  Steps second;
  {
    World w;
    make(w, op).reset();
    ASSERT_TRUE(ends_at([&] { op.run(w); }, first));
    second = steps_of([&] { open_armed(w); });
  }
  for (const Point& at : points_of(second, passings_max)) {
    SCOPED_TRACE("and then, opening, at " + at.name());
    World w;
    make(w, op).reset();
    ASSERT_TRUE(ends_at([&] { op.run(w); }, first));
    ASSERT_TRUE(ends_at([&] { open_armed(w); }, at));
    Aftermath after(op, w);
    {
      Store fresh = reopen(w.path);
      after.first_look(fresh);
      after.agrees(fresh);
      after.works(fresh);
      after.agrees(fresh);
    }
    after.agrees(reopen(w.path, true));
    ++count.pairs;
  }
}

void die_twice_everywhere(const Operation& op, std::uint32_t passings_max) {
  World w;
  make(w, op).reset();
  Count count;
  for (const Point& at : points_of(steps_of([&] { op.run(w); }), passings_max)) die_twice(op, at, passings_max, count);
  EXPECT_GT(count.pairs, 0);
  testing::Test::RecordProperty("pairs", count.pairs);
}

class ReaperKilled : public testing::TestWithParam<const char*> {};

TEST_P(ReaperKilled, the_next_one_finishes) { die_twice_everywhere(operation(GetParam()), 2); }

INSTANTIATE_TEST_SUITE_P(Operations, ReaperKilled,
                         testing::Values("put_new", "erase", "claim", "large_put", "leaf_growth", "leaf_split", "adopt",
                                         "batch", "batch_if"),
                         [](const auto& op) { return std::string(op.param); });

// A rebuild that died is begun again, and dies again: whoever comes third starts over.
TEST(RebuilderKilled, the_next_one_starts_over) { die_twice_everywhere(operation("rebuild"), 2); }

}  // namespace
}  // namespace durra::test
