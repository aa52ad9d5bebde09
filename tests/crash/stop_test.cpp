// SIGSTOP at every numbered step: nobody waits for one who stopped, and when he goes on he finishes rightly.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>

#include "tests/crash/world.h"

namespace durra::test {
namespace {

constexpr auto kLimit = std::chrono::seconds(2);

// Whether the operation had been published when its process stopped.
enum class Done { no, yes };

// What the survivor does meanwhile, on the same key and on others, in the same leaf too.  Returns what it leaves there.
std::string work_beside(Store& s, World& w, const std::string& key, Done& done, const std::optional<std::string>& old) {
  const auto begun = std::chrono::steady_clock::now();
  const auto seen = look(s, key);
  done = seen == old ? Done::no : Done::yes;
  expect_content(s, [&] {
    Model m = w.model;
    m.erase(key);
    if (seen) m[key] = *seen;
    return m;
  }());
  expect_usable(s, key);
  expect_usable(s, "k7");
  for (std::uint32_t i = 40; i < 60; ++i) {
    EXPECT_TRUE(s.put(key_of(crowded_key(s, i)), "beside"));
    w.model[crowded_key(s, i)] = "beside";
  }
  EXPECT_TRUE(s.put("large beside", large_value()));
  w.model["large beside"] = large_value();
  EXPECT_TRUE(s.put(key_of(key), "mine"));
  const Store other = reopen(w.path);
  EXPECT_EQ(look(other, key), "mine");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kLimit);
  return "mine";
}

void stop_and_go_on(const Operation& op, const Point& at) {
  SCOPED_TRACE(op.name + " stopped at " + at.name());
  World w;
  auto survivor = make(w, op);
  const std::string key = key_of(op, *survivor);
  const auto old = look(*survivor, key);
  Stopped child([&] { op.run(w); }, at);
  ASSERT_TRUE(child.reached());
  Done done = Done::no;
  const std::string mine = work_beside(*survivor, w, key, done, old);
  const int status = child.finish();
  const bool conditional = op.name.find("_if") != op.name.npos;
  const auto last = look(*survivor, key);
  if (done == Done::yes) {  // it came before everything that the survivor did
    EXPECT_EQ(status, 0);
    EXPECT_EQ(last, mine);
  } else if (conditional) {  // it finds another version, and its value() throws
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 125) << "a conflict was not noticed: " << status;
    EXPECT_EQ(last, mine);
  } else {  // it comes after
    EXPECT_EQ(status, 0);
    EXPECT_EQ(last, op.after);
  }
  w.model.erase(key);
  if (last) w.model[key] = *last;
  survivor.reset();
  {
    Store fresh = reopen(w.path);
    expect_content(fresh, w.model);
    expect_nothing_left(fresh, w.path);
    expect_undamaged(w.path);
  }
  expect_content(reopen(w.path, true), w.model);
}

class StoppedAtEachStep : public testing::TestWithParam<const char*> {};

TEST_P(StoppedAtEachStep, nobody_waits_for_it) {
  const Operation op = operation(GetParam());
  Steps steps;
  {
    World w;
    const auto survivor = make(w, op);
    steps = steps_of([&] { op.run(w); });
  }
  const auto points = points_of(steps, 3);
  EXPECT_FALSE(points.empty());
  for (const Point& at : points) stop_and_go_on(op, at);
}

INSTANTIATE_TEST_SUITE_P(Operations, StoppedAtEachStep,
                         testing::Values("put_new", "put_over", "put_over_erased", "put_if", "put_if_absent", "erase",
                                         "erase_if", "draft", "sync", "put_power", "claim", "large_put", "adopt",
                                         "leaf_growth", "leaf_split"),
                         [](const auto& op) { return std::string(op.param); });

}  // namespace
}  // namespace durra::test
