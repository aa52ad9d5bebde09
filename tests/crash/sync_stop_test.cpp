// Syncs beside writers and flushers that stopped: nobody waits for them, and what was seen is durable all the same.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "store/handle.h"
#include "store/reap.h"
#include "store/sync.h"
#include "tests/crash/world.h"
#include "tests/support/disk.h"

namespace durra::test {
namespace {

struct StopBesideSync : testing::Test {
  const TmpfsIsADisk on_a_disk;
  World w;
  Store store = open(w.path, small_store()).value();

  // Syncs without waiting for whoever stopped.
  void sync_at_once() {
    const auto begun = std::chrono::steady_clock::now();
    store.sync().value();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
  }
  Body put_theirs(const std::string& value) const {
    return [this, value] {
      Store theirs = open(w.path, small_store()).value();
      theirs.put("warm", "up").value();
      arm();
      theirs.put("k", value).value();
      disarm();
    };
  }
  Body sync_theirs() const {
    return [this] {
      Store theirs = open(w.path, small_store()).value();
      theirs.put("theirs", "v").value();
      arm();
      theirs.sync().value();
      disarm();
    };
  }
  // What a power cut leaves that takes everything that was not flushed.
  std::optional<std::string> after_a_cut(const Disk& disk) const {
    const std::string left = w.scratch / "left.durra";
    disk.cut_all(left);
    const auto seen = look(open(left, small_store()).value(), "k");
    std::filesystem::remove(left);
    return seen;
  }
};

// F38: the writer stopped between publishing and stamping; a reader saw the version; the sync after that covers it.
TEST_F(StopBesideSync, a_version_that_was_seen_is_durable_though_its_writer_stopped) {
  store.put("k", "old").value();
  for (const char* step : {"put.5", "fill.1", "put.6"}) {
    SCOPED_TRACE(step);
    const Disk disk(w.path, detail::handle_of(store)->map.base(), 1);
    Stopped writer(put_theirs(step), {step, 0});
    ASSERT_TRUE(writer.reached());
    ASSERT_EQ(look(store, "k"), step);
    sync_at_once();
    EXPECT_EQ(after_a_cut(disk), step);
    EXPECT_EQ(writer.finish(), 0);
  }
}

// The same where the writer died, and was reaped before anybody looked.
TEST_F(StopBesideSync, a_version_that_was_seen_is_durable_though_its_writer_died) {
  store.put("k", "old").value();
  const Disk disk(w.path, detail::handle_of(store)->map.base(), 1);
  EXPECT_TRUE(ends_at(put_theirs("new"), {"put.5", 0}));
  EXPECT_EQ(detail::reap_dead(*detail::handle_of(store)), 1u);
  sync_at_once();
  ASSERT_EQ(look(store, "k"), "new");
  sync_at_once();
  EXPECT_EQ(after_a_cut(disk), "new");
}

// The mark stays below the record in flight: its writer's stamp or settling may come later.
TEST_F(StopBesideSync, the_mark_never_passes_a_record_in_flight) {
  const Disk disk(w.path, detail::handle_of(store)->map.base(), 1);
  Stopped writer(put_theirs("late"), {"put.4", 0});
  ASSERT_TRUE(writer.reached());
  sync_at_once();
  EXPECT_EQ(writer.finish(), 0);  // published and stamped now, behind the flush
  ASSERT_EQ(look(store, "k"), "late");
  sync_at_once();
  EXPECT_EQ(after_a_cut(disk), "late");
}

TEST_F(StopBesideSync, a_flusher_that_stopped_delays_nobody_and_marks_nothing_wrong) {
  for (const char* step : {"sync.1", "sync.2", "sync.3", "sync.4"}) {
    SCOPED_TRACE(step);
    Stopped flusher(sync_theirs(), {step, 0});
    ASSERT_TRUE(flusher.reached());
    const Disk disk(w.path, detail::handle_of(store)->map.base(), 1);
    store.put("k", step).value();
    sync_at_once();
    EXPECT_EQ(after_a_cut(disk), step);
    {
      const Store newcomer = open(w.path, small_store()).value();  // it cannot know what the flusher was told
      EXPECT_EQ(detail::cache_in_doubt(*detail::handle_of(newcomer)), step < std::string_view("sync.3"));
    }
    EXPECT_EQ(flusher.finish(), 0);
    sync_at_once();
    EXPECT_FALSE(detail::cache_in_doubt(*detail::handle_of(store)));
    EXPECT_EQ(after_a_cut(disk), step);
  }
}

TEST_F(StopBesideSync, a_flusher_that_died_is_reaped_and_its_flush_repeated) {
  for (const char* step : {"sync.1", "sync.2", "sync.3", "sync.4"}) {
    SCOPED_TRACE(step);
    ASSERT_TRUE(ends_at(sync_theirs(), {step, 0}));
    const Store newcomer = open(w.path, small_store()).value();
    EXPECT_EQ(detail::cache_in_doubt(*detail::handle_of(newcomer)), step < std::string_view("sync.3"));
    sync_at_once();
    EXPECT_FALSE(detail::cache_in_doubt(*detail::handle_of(newcomer)));
  }
}

}  // namespace
}  // namespace durra::test
