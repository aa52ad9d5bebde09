// A batch that died undecided, as those see it who may not help.
#include <gtest/gtest.h>

#include "tests/crash/world.h"

namespace durra::test {
namespace {

using Contents = std::map<std::string, std::optional<std::string>>;

Contents contents_of(const Operation& op, const Store& s) {
  Contents all{{op.key, look(s, op.key)}};
  for (const auto& [k, v] : op.also) all[k] = look(s, k);
  return all;
}

TEST(BatchKilled, a_reader_that_may_not_write_sees_all_of_it_or_what_was_before) {
  for (const char* name : {"batch", "batch_large"}) {
    const Operation op = operation(name);
    Contents done = op.also;
    done[op.key] = op.after;
    Steps steps;
    {
      World w;
      make(w, op).reset();
      steps = steps_of([&] { op.run(w); });
    }
    int before = 0, after = 0;
    for (const Point& at : points_of(steps, 4)) {
      SCOPED_TRACE(op.name + " killed at " + at.name());
      World w;
      auto s = make(w, op);
      const Contents old = contents_of(op, *s);
      s.reset();
      ASSERT_TRUE(ends_at([&] { op.run(w); }, at));
      Options reads = small_store();
      reads.mode = Mode::read_only;
      Contents seen;
      {
        const Store reader = open(w.path, reads).value();
        seen = contents_of(op, reader);
        EXPECT_TRUE(seen == old || seen == done) << "half a batch";
        std::size_t shown = 0;
        Records all = reader.records();
        for (Record& r : all) shown += op.also.contains(name_of(r)) || name_of(r) == op.key;
        EXPECT_TRUE(all.status());
        std::size_t there = 0;
        for (const auto& [k, v] : seen) there += v.has_value();
        EXPECT_EQ(shown, there);
      }
      EXPECT_EQ(contents_of(op, reopen(w.path)), seen) << "the reaper decides as it was";
      before += seen == old;
      after += seen == done;
    }
    EXPECT_GT(before, 3);
    EXPECT_GT(after, 3);
  }
}

}  // namespace
}  // namespace durra::test
