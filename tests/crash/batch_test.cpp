// A batch that died undecided, as those see it who may not help.
#include <gtest/gtest.h>

#include "store/compact.h"
#include "store/index.h"
#include "store/reap.h"
#include "store/reclaim.h"
#include "store/seat.h"
#include "store/tidy.h"
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

// Its records are the heads of their keys when it is decided against; what stood before is what counts, and must not be
// looked for in a region that is going (H4).
TEST(BatchKilled, a_head_that_was_decided_against_goes_before_its_region) {
  World w;
  Store store = open(w.path, small_store()).value();
  detail::Handle& h = *detail::handle_of(store);
  for (const char* key : {"a", "b"}) store.put(key, "old").value();
  ASSERT_TRUE(ends_at(
      [&] {
        Store s = open(w.path, small_store()).value();
        s.put("garbage", std::string(57'000, 'x')).value();
        s.put("garbage", "").value();
        arm();
        Batch b;
        b.put("a", "new").put("b", "new");
        (void)s.put(b);
      },
      {"batch.5", 1}));
  detail::reap_dead(h);
  const auto home_of_head = [&](const char* key) {
    return h.space.home_of(detail::find(h, detail::view(h, key)).record.at);
  };
  const std::uint64_t going = home_of_head("a");
  ASSERT_EQ(home_of_head("b"), going);
  detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
  {
    const auto seat = detail::ExclusiveSeat::take(h).value();
    detail::recount(h, *seat);
    ASSERT_TRUE(detail::begin_compaction(h, *seat, detail::Worth::some));
    ASSERT_EQ(seat->compaction->region, going);
    ASSERT_EQ(detail::finish_compaction(h, *seat), detail::CompactionStep::retired);
  }
  for (const char* key : {"a", "b"}) {
    EXPECT_NE(home_of_head(key), going) << key;
    EXPECT_EQ(look(store, key), "old");
  }
  expect_undamaged(w.path);
}

}  // namespace
}  // namespace durra::test
