// Death while cleaning up after a death: the reaper of a dead one dies, and the rebuilder of a rebuild that died.
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>

#include "tests/crash/world.h"
#include "tests/support/faults.h"

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

// A region that was claimed counts as in use, but its claimer died before the file reached so far: who rebuilt and
// could not ask for the file's size took it for there, and died of SIGBUS (proof `faults`).
TEST(RebuilderBlind, reads_nothing_that_was_only_claimed) {
  World w;
  const Operation op = operation("claim");
  make(w, op).reset();
  ASSERT_TRUE(ends_at([&] { op.run(w); }, {"claim.2", 0}));
  const std::string as_it_was = w.scratch / "as_it_was.durra";
  std::filesystem::copy_file(w.path, as_it_was);
  Options rebuilding = small_store();
  rebuilding.rebuild = true;
  for (std::uint64_t k = 1; k < 60; ++k) {
    std::filesystem::copy_file(as_it_was, w.path, std::filesystem::copy_options::overwrite_existing);
    Faults faults;
    faults.fail(os::Call::stat, EIO, k, true);
    const auto store = open(w.path, rebuilding);
    if (store) expect_content(*store, w.model);
  }
}

}  // namespace
}  // namespace durra::test
