// kill -9 at every numbered step of every operation: what was acknowledged is there, what was interrupted is whole or
// absent, nobody waits, nothing is left over, and a rebuild gives the same answer.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <span>

#include "tests/crash/world.h"

namespace durra::test {
namespace {

// Who looks at the store after the death, and how.
enum class After {
  survivor_works,  // it was open all the time: reads, writes; then a fresh opener, then a rebuild
  survivor_looks,  // it only reads; then a fresh opener, then a rebuild
  alone,           // nobody had it open: a fresh opener, then a rebuild
  alone_rebuilt,   // nobody had it open: rebuilt at once
  alone_reaped,    // nobody had it open: somebody opens and closes it; a reader, who changes nothing, then a rebuild
};
constexpr After kCompany[] = {After::survivor_works, After::survivor_looks};
constexpr After kAlone[] = {After::alone, After::alone_rebuilt, After::alone_reaped};

const char* name(After a) {
  constexpr const char* kNames[] = {"a survivor works", "a survivor looks", "alone", "alone, rebuilt", "alone, reaped"};
  return kNames[static_cast<int>(a)];
}

void die_and_look(const Operation& op, const Point& at, After who) {
  SCOPED_TRACE(op.name + " killed at " + at.name() + ", " + name(who));
  World w;
  auto survivor = make(w, op);
  const bool company = who == After::survivor_works || who == After::survivor_looks;
  if (!company) survivor.reset();
  ASSERT_TRUE(ends_at([&] { op.run(w); }, at));

  Aftermath after(op, w);
  if (company) {
    after.first_look(*survivor);
    if (who == After::survivor_works) after.works(*survivor);
  }
  if (who == After::alone_reaped) {
    {
      const Store reaper = reopen(w.path);
    }
    Options reads = small_store();
    reads.mode = Mode::read_only;
    after.first_glance(open(w.path, reads).value());
  } else if (who != After::alone_rebuilt) {
    Store fresh = reopen(w.path);
    if (!company) after.first_look(fresh);
    after.agrees(fresh);
    if (who == After::survivor_works) after.works(fresh);
  }
  survivor.reset();
  Store rebuilt = reopen(w.path, true);
  if (who == After::alone_rebuilt) after.first_look(rebuilt);
  after.agrees(rebuilt);
  after.works(rebuilt);
  after.agrees(rebuilt);
}

Steps steps_of(const Operation& op, bool company) {
  World w;
  auto survivor = make(w, op);
  if (!company) survivor.reset();
  return test::steps_of([&] { op.run(w); });
}

class KilledAtEachStep : public testing::TestWithParam<Operation> {};

TEST_P(KilledAtEachStep, loses_nothing_and_blocks_nobody) {
  const Operation& op = GetParam();
  std::size_t points = 0;
  for (const bool company : {true, false}) {
    if (company && op.alone) continue;
    for (const Point& at : points_of(steps_of(op, company), 4)) {
      for (const After who : company ? std::span<const After>(kCompany) : std::span<const After>(kAlone))
        die_and_look(op, at, who);
      ++points;
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(points, 0u);
  RecordProperty("points", static_cast<int>(points));
}

INSTANTIATE_TEST_SUITE_P(Operations, KilledAtEachStep, testing::ValuesIn(operations()), [](const auto& op) {
  std::string name = op.param.name;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

// A step without an operation that passes it is a step that nobody dies at.
TEST(KilledAtEachStepOf, every_step_of_the_source_is_passed) {
  std::set<std::string> passed;
  for (const Operation& op : operations())
    for (const bool company : {true, false}) {
      if (company && op.alone) continue;
      const Steps steps = steps_of(op, company);
      passed.insert(steps.begin(), steps.end());
    }
  for (const std::string& step : steps_in_source()) EXPECT_TRUE(passed.contains(step)) << step;
  EXPECT_GE(passed.size(), 34u);
}

// A backup or a recovery that dies leaves its new file whole or not at all.
TEST(KilledAtEachStepOf, a_copy_is_whole_or_absent) {
  for (const char* which : {"backup", "recover"}) {
    const Operation op = operation(which);
    for (const Point& at : points_of(steps_of(op, true), 2)) {
      SCOPED_TRACE(op.name + " killed at " + at.name());
      World w;
      const auto survivor = make(w, op);
      ASSERT_TRUE(ends_at([&] { op.run(w); }, at));
      for (const auto& entry : std::filesystem::directory_iterator(w.scratch.path())) {
        if (entry.path() == w.path) continue;
        EXPECT_EQ(entry.path().filename(), "copy.durra");
        expect_content(reopen(entry.path()), w.model);
      }
    }
  }
}

}  // namespace
}  // namespace durra::test
