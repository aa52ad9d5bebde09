// What others do beside one who stopped or died in the middle: none of it is lost, and what they saw stays.
#include <gtest/gtest.h>

#include <filesystem>

#include "store/handle.h"
#include "store/reap.h"
#include "store/sync.h"
#include "tests/crash/world.h"
#include "tests/support/disk.h"

namespace durra::test {
namespace {

struct Beside : testing::Test {
  World w;
  // Of the file as it is now, found by its records alone: a copy is not trusted.
  Store copy_of_now() {
    const std::string copy = w.scratch / "copy.durra";
    std::filesystem::copy_file(w.path, copy, std::filesystem::copy_options::overwrite_existing);
    Store store = open(copy, small_store()).value();
    EXPECT_EQ(stats(store).value().opened, Opened::rebuilt);
    return store;
  }
};

// The leaf is frozen, and its copy is made or half made: a change of a key in it goes into the copy, or waits for none.
TEST_F(Beside, a_change_of_a_leaf_that_is_being_copied_is_kept) {
  const Operation op = operation("leaf_growth");
  for (const char* step : {"grow.0", "grow.1a", "grow.1", "grow.2"}) {
    SCOPED_TRACE(step);
    World world;
    auto survivor = make(world, op);
    Stopped child([&] { op.run(world); }, {step, 0});
    ASSERT_TRUE(child.reached());
    for (std::uint32_t i = 0; i < 14; ++i) survivor->put(key_of(crowded_key(*survivor, i)), step).value();
    EXPECT_EQ(child.finish(), 0);
    for (std::uint32_t i = 0; i < 14; ++i) EXPECT_EQ(look(*survivor, crowded_key(*survivor, i)), step) << i;
  }
}

// An instant shows a head that has no stamp yet as what it will be: later than the instant.
TEST_F(Beside, a_snapshot_does_not_show_what_gets_its_stamp_later) {
  auto store = open(w.path, small_store()).value();
  store.put("k", "old").value();
  Stopped writer(
      [&] {
        Store theirs = open(w.path, small_store()).value();
        theirs.put("warm", "up").value();
        arm();
        theirs.put("k", "new").value();
      },
      {"put.5", 0});
  ASSERT_TRUE(writer.reached());
  const Snapshot then = store.snapshot().value();
  EXPECT_EQ(then.get("k").value().str(), "old");
  EXPECT_EQ(writer.finish(), 0);
  EXPECT_EQ(then.get("k").value().str(), "old");
  EXPECT_EQ(look(store, "k"), "new");
}

// A batch that was fixed, by one who died before he had written its check, was seen: so it is there for a rebuild.
TEST_F(Beside, what_was_seen_of_a_batch_is_there_for_a_rebuild) {
  const Operation op = operation("batch");
  for (const char* step : {"batch.6", "batch.check", "batch.copy"}) {
    SCOPED_TRACE(step);
    auto survivor = make(w, op);
    ASSERT_TRUE(ends_at([&] { op.run(w); }, {step, 0}));
    ASSERT_EQ(look(*survivor, op.key), op.after);
    const Store rebuilt = copy_of_now();
    EXPECT_EQ(look(rebuilt, op.key), op.after);
    for (const auto& [key, value] : op.also) EXPECT_EQ(look(rebuilt, key), value) << key;
    survivor.reset();
    std::filesystem::remove(w.path);
  }
}

// The same of a single record: whoever is shown it writes the check that its writer had not come to.
TEST_F(Beside, what_was_seen_of_a_put_is_there_for_a_rebuild) {
  const Operation op = operation("put_new");
  for (const char* step : {"put.5", "fill.1"}) {
    SCOPED_TRACE(step);
    auto survivor = make(w, op);
    ASSERT_TRUE(ends_at([&] { op.run(w); }, {step, 0}));
    ASSERT_EQ(look(*survivor, op.key), op.after);
    const Store rebuilt = copy_of_now();
    EXPECT_EQ(look(rebuilt, op.key), op.after);
    survivor.reset();
    std::filesystem::remove(w.path);
  }
}

struct BesideAFlusher : Beside {
  const TmpfsIsADisk on_a_disk;
  Store store = open(w.path, small_store()).value();
  Body sync_theirs() const {
    return [this] {
      Store theirs = open(w.path, small_store()).value();
      theirs.put("theirs", "v").value();
      arm();
      theirs.sync().value();
    };
  }
};

// Its flush was begun before the ticket was taken, and may have passed by what the ticket is for.
TEST_F(BesideAFlusher, a_flush_answers_no_ticket_that_was_taken_after_it_began) {
  for (const char* step : {"sync.1", "sync.2", "sync.3"}) {
    SCOPED_TRACE(step);
    Stopped flusher(sync_theirs(), {step, 0});
    ASSERT_TRUE(flusher.reached());
    store.put("k", step).value();
    const std::uint64_t ticket = detail::take_ticket(*detail::handle_of(store));
    EXPECT_EQ(flusher.finish(), 0);
    EXPECT_FALSE(detail::is_synced(*detail::handle_of(store), ticket));
  }
}

// It may have been told of a failure that nobody else will be told of (F37); not where its flush has succeeded.
TEST_F(BesideAFlusher, whoever_reaps_one_doubts_the_page_cache) {
  auto& h = *detail::handle_of(store);
  for (const char* step : {"sync.1", "sync.2", "sync.3"}) {
    SCOPED_TRACE(step);
    store.sync().value();
    ASSERT_TRUE(ends_at(sync_theirs(), {step, 0}));
    ASSERT_FALSE(detail::cache_in_doubt(h));
    EXPECT_EQ(detail::reap_dead(h), 1u);
    EXPECT_EQ(detail::cache_in_doubt(h), step < std::string_view("sync.3"));
  }
}

}  // namespace
}  // namespace durra::test
