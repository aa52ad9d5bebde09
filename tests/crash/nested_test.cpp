// Death while cleaning up after a death: the reaper of a dead one dies, and the rebuilder of a rebuild that died.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
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

// A rebuild that failed leaves an index that is half made, and for a moment a seat that is somebody's.
TEST(RebuilderLeaving, is_not_taken_for_somebody_at_work) {
  World w;
  EXPECT_TRUE(ends_at(
      [&] {
        Store s = open(w.path, small_store()).value();
        for (int i = 0; i < 100; ++i) s.put(i, "value").value();
        arm();
        s.put("last", "1").value();
      },
      {"put.5", 0}));
  Stopped rebuilder(
      [&] {
        Options asked = small_store();
        asked.rebuild = true;
        arm();
        Faults faults;
        faults.fail(os::Call::sync, EIO, 1, true);
        const auto s = open(w.path, asked);
        EXPECT_TRUE(!s && s.error().code == Code::io);
      },
      {"open.failed", 0});
  ASSERT_TRUE(rebuilder.reached());
  Options impatient = small_store();
  impatient.patience = std::chrono::milliseconds(50);
  const auto early = open(w.path, impatient);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Code::busy);
  EXPECT_EQ(rebuilder.finish(), 0);
  const Store s = open(w.path, impatient).value();
  EXPECT_EQ(stats(s).value().opened, Opened::rebuilt);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(s.get(i)) << i;
}

// A compaction may take the last region, and a rebuild after its death must be able to.
TEST(FullAndKilled, a_store_can_be_rebuilt) {
  int looked = 0;
  for (std::uint32_t passing : {0u, 1u, 5u, 20u}) {
    SCOPED_TRACE(passing);
    World w;
    Options options = small_store();
    options.max_size = 2_MiB;
    int n = 0;
    const bool killed = ends_at(
        [&] {
          Store s = open(w.path, options).value();
          std::uint64_t i = 0;
          while (s.put(i, std::string(3'000, 'v'))) ++i;
          for (std::uint64_t k = 0; k < i; k += 2) s.erase(k).value();
          arm();
          (void)compact(s);
        },
        {"compact.swing", passing});
    looked += killed;
    Options asked = options;
    asked.rebuild = true;
    Store s = open(w.path, asked).value();
    for (const Record& r : s.records()) n += r.text().size() == 3'000u;
    EXPECT_GT(n, 100);
    EXPECT_TRUE(s.put("again", "1"));
    expect_undamaged(w.path);
  }
  EXPECT_GT(looked, 2);
}

}  // namespace
}  // namespace durra::test
