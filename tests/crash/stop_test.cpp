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

// ---- Batches --------------------------------------------------------------------------------------------------------
using Contents = std::map<std::string, std::optional<std::string>>;

Contents contents_of(const Operation& op, const auto& from) {
  Contents all;
  const auto look_at = [&](const std::string& k) {
    auto r = from.get(key_of(k));
    all[k] = r ? std::optional(r->str()) : std::nullopt;
  };
  look_at(op.key);
  for (const auto& [k, v] : op.also) look_at(k);
  return all;
}

// A batch that stopped anywhere is finished by the first who writes to one of its keys, and until then nobody sees any
// of it: before or after that write, it is all there or not at all.
void stop_batch(const Operation& op, const Point& at) {
  SCOPED_TRACE(op.name + " stopped at " + at.name());
  const auto begun = std::chrono::steady_clock::now();
  World w;
  auto survivor = make(w, op);
  const Contents old = contents_of(op, *survivor);
  Contents done = op.also;
  done[op.key] = op.after;
  Stopped child([&] { op.run(w); }, at);
  ASSERT_TRUE(child.reached());

  std::optional<Snapshot> then = survivor->snapshot().value();
  const Contents first = contents_of(op, *survivor);
  EXPECT_TRUE(first == old || first == done) << "half a batch";
  EXPECT_EQ(contents_of(op, *then), first);
  const std::string& other = op.also.begin()->first;
  ASSERT_TRUE(survivor->put(key_of(other), "mine"));
  EXPECT_EQ(contents_of(op, *then), first) << "an instant changed";
  Contents now = contents_of(op, *survivor);
  EXPECT_EQ(now.at(other), "mine");
  const auto with = [&](Contents c) { return c[other] = "mine", c; };
  const bool early = now == with(done);  // it was there, or has been finished for its owner
  EXPECT_TRUE(early || now == with(old)) << "half a batch";
  EXPECT_TRUE(first != done || early) << "it went away";
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kLimit);

  const int status = child.finish();
  const Contents last = contents_of(op, *survivor);
  if (early) {
    EXPECT_EQ(status, 0);
    EXPECT_EQ(last, now);
  } else if (op.name == "batch_if") {
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 125) << "a conflict was not noticed: " << status;
    EXPECT_EQ(last, now);
  } else {
    EXPECT_EQ(status, 0);
    EXPECT_EQ(last, done);
  }
  EXPECT_EQ(contents_of(op, *then), first);
  then.reset();
  survivor.reset();
  const Store rebuilt = reopen(w.path, true);
  EXPECT_EQ(contents_of(op, rebuilt), last);
  expect_undamaged(w.path);
}

class BatchStoppedAtEachStep : public testing::TestWithParam<const char*> {};

TEST_P(BatchStoppedAtEachStep, others_finish_it_and_nobody_waits) {
  const Operation op = operation(GetParam());
  Steps steps;
  {
    World w;
    const auto survivor = make(w, op);
    steps = steps_of([&] { op.run(w); });
  }
  const auto points = points_of(steps, 4);
  EXPECT_FALSE(points.empty());
  for (const Point& at : points) stop_batch(op, at);
}

INSTANTIATE_TEST_SUITE_P(Operations, BatchStoppedAtEachStep,
                         testing::Values("batch", "batch_if", "batch_large", "batch_growth"),
                         [](const auto& op) { return std::string(op.param); });

}  // namespace
}  // namespace durra::test
