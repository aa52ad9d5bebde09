// What sync and durable puts promise, on a tmpfs that counts as a disk: marks, the shared flush, the error that stays.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "store/handle.h"
#include "store/os.h"
#include "store/sync.h"
#include "tests/support/disk.h"
#include "tests/support/faults.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using detail::handle_of;
using test::outcome;
using test::shown;
using test::small;

struct SyncTest : testing::Test {
  const test::TmpfsIsADisk on_a_disk;
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small()).value();

  static Options with(Durability d, std::chrono::milliseconds interval = std::chrono::milliseconds(20)) {
    Options o = small();
    o.durability = d;
    o.sync_interval = interval;
    return o;
  }
  static format::Control& control(const Store& s) { return handle_of(s)->space.control(); }
  // Bytes below tails that no mark covers.
  static std::uint64_t unsynced(const Store& s) {
    auto& space = handle_of(s)->space;
    std::uint64_t bytes = 0;
    for (std::uint64_t r = 0; r < space.regions(); ++r) {
      auto& d = space.descriptor(r);
      const std::uint64_t state = shared::state_load(d.state);
      if (!format::may_hold_records(state)) continue;
      const std::uint64_t synced = format::untag(shared::raised_load(d.synced), format::generation_of(state)) * 8;
      bytes += shared::tail_load(d.tail) - std::max(synced, format::kRegionData);
    }
    return bytes;
  }
  void break_sync() {
    test::Faults faults;
    faults.fail(os::Call::sync, EIO);
    EXPECT_EQ(outcome(store.sync()), "sync_lost");
  }
  template <class F>
  static bool soon(F&& f) {
    for (int i = 0; i < 5'000; ++i) {
      if (f()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
};

TEST_F(SyncTest, a_sync_marks_everything_that_anyone_put) {
  Store other = open(path, small()).value();
  store.put("a", "1").value();
  other.put("b", std::string(100'000, 'b')).value();  // a run
  store.erase("a").value();
  other.put(Batch().put("d", "4").put("e", "5")).value();
  EXPECT_GT(unsynced(store), 100'000u);
  store.sync().value();
  EXPECT_EQ(unsynced(store), 0u);
  EXPECT_EQ(control(store).sync_done, control(store).sync_request);
  other.put("c", "3").value();
  EXPECT_GT(unsynced(store), 0u);
  other.sync().value();
  EXPECT_EQ(unsynced(store), 0u);
  EXPECT_EQ(control(store).syncs, 2u);
}

TEST_F(SyncTest, a_flush_goes_to_the_disk_once_for_all_who_asked_before_it_began) {
  store.put("k", "v").value();
  auto& h = *handle_of(store);
  const std::uint64_t mine = detail::take_ticket(h), theirs = detail::take_ticket(h);
  EXPECT_FALSE(detail::is_synced(h, mine));
  detail::sync_until(h, mine).value();
  EXPECT_TRUE(detail::is_synced(h, theirs));
  EXPECT_FALSE(detail::is_synced(h, detail::take_ticket(h)));
  EXPECT_EQ(control(store).syncs, 1u);
}

TEST_F(SyncTest, many_threads_share_flushes) {
  std::vector<std::thread> all;
  for (int t = 0; t < 8; ++t)
    all.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        store.put(t * 100 + i, "v").value();
        store.sync().value();
      }
    });
  for (auto& t : all) t.join();
  EXPECT_EQ(unsynced(store), 0u);
  EXPECT_LE(control(store).syncs, 400u);
  EXPECT_EQ(control(store).sync_begun_ns, 0u);
}

TEST_F(SyncTest, a_power_put_flushes_its_own_region_and_no_other) {
  Store other = open(path, small()).value();
  other.put("process", "x").value();
  const std::uint64_t theirs = unsynced(store);
  for (int i = 0; i < 3'000; ++i) {
    store.put(i, "power", {.durability = Durability::power}).value();
    ASSERT_EQ(unsynced(store), theirs) << i;
  }
  store.put_if("new", "x", absent, {.durability = Durability::power}).value();
  auto draft = store.draft("draft", 100'000, {.durability = Durability::power}).value();
  std::fill(draft.bytes().begin(), draft.bytes().end(), std::byte{1});
  std::move(draft).publish().value();
  EXPECT_EQ(unsynced(store), theirs);
  EXPECT_EQ(control(store).sync_done, 0u);  // it opens nobody's gate
}

TEST_F(SyncTest, a_durable_position_makes_what_was_shown_durable_too) {
  Store other = open(path, small()).value();
  Store power = open(path, with(Durability::power)).value();
  Tail tail = Tail::open(power, "t", "log/").value();
  const auto show = [&] {
    other.append("log", "event").value();
    EXPECT_GT(unsynced(store), 0u);
    EXPECT_EQ(tail.next(std::chrono::seconds(0)).value().str(), "event");
  };
  show();
  Batch batch;
  tail.save(batch);
  power.put(batch.put("effect", "1")).value();
  EXPECT_EQ(unsynced(store), 0u);
  show();
  tail.save().value();
  EXPECT_EQ(unsynced(store), 0u);
}

// Whoever needs a flush amid an operation holds a seat: where there is no other, it flushes from that one.
TEST_F(SyncTest, who_holds_the_only_seat_flushes_from_it) {
  Options o = with(Durability::power);
  o.participants = 1;
  Store alone = open(scratch / "alone.durra", o).value();
  Tail tail = Tail::open(alone, "t", "log/").value();
  alone.append("log", "event").value();
  EXPECT_EQ(tail.next(std::chrono::seconds(0)).value().str(), "event");
  Batch batch;
  tail.save(batch);
  EXPECT_EQ(outcome(alone.put(batch.put("effect", "1"))), "ok");
  EXPECT_EQ(unsynced(alone), 0u);
  EXPECT_EQ(outcome(tail.save()), "ok");
  EXPECT_EQ(outcome(alone.sync()), "ok");
}

// What one key leaves behind is freed after a sync that no other seat can lead.
TEST_F(SyncTest, a_store_of_one_seat_does_not_grow_under_one_key) {
  Store alone = open(scratch / "alone.durra", small(8_MiB, 1)).value();
  const std::string payload(1000, 'x');
  for (int i = 0; i < 40'000; ++i) ASSERT_EQ(outcome(alone.put("k", payload)), "ok") << i;
  EXPECT_LT(stats(alone).value().disk_bytes, 4_MiB);
  for (int i = 0; i < 4'000; ++i) alone.put(i % 1'000, payload).value();
  EXPECT_EQ(outcome(compact(alone)), "ok");
}

TEST_F(SyncTest, a_power_handle_makes_erases_durable_too) {
  Store power = open(path, with(Durability::power)).value();
  power.put("k", "v").value();
  power.erase("k").value();
  power.update("n", [](const Record*) { return std::string("1"); }).value();
  EXPECT_EQ(unsynced(store), 0u);
  power.put("k", "v", {.durability = Durability::process}).value();
  EXPECT_GT(unsynced(store), 0u);
  power.put("l", "v").value();  // what lies before it in the region went with it
  EXPECT_EQ(unsynced(store), 0u);
}

TEST_F(SyncTest, a_power_put_leaves_a_region_whose_pieces_are_large) {
  store.put("k", "v").value();
  store.put("k", "w", {.durability = Durability::power}).value();
  const auto all = regions(store).value();
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const RegionInfo& r) { return r.state == "partial"; }), 1);
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const RegionInfo& r) { return r.type == "data"; }), 2);
  store.put("k", "x").value();
  store.put("k", "y", {.durability = Durability::power}).value();
  EXPECT_EQ(regions(store).value().size(), all.size());
}

TEST_F(SyncTest, interval_syncs_within_its_interval_and_rests_when_nothing_is_put) {
  Store timed = open(path, with(Durability::interval)).value();
  for (int i = 0; i < 20; ++i) {
    timed.put(i, "v").value();
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_TRUE(soon([&] { return unsynced(store) == 0; }));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
  }
  const std::uint64_t syncs = control(store).syncs;
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  EXPECT_LE(control(store).syncs, syncs + 1);
  store.put("other", "v").value();  // of a handle that promises nothing
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  EXPECT_GT(unsynced(store), 0u);
}

TEST_F(SyncTest, an_interval_handle_syncs_the_position_of_a_tail_too) {
  Store timed = open(path, with(Durability::interval)).value();
  timed.put("k", "v").value();
  Tail tail = Tail::open(timed, "t").value();
  tail.next(std::chrono::seconds(1)).value();
  ASSERT_TRUE(soon([&] { return unsynced(store) == 0; }));
  tail.save().value();
  EXPECT_TRUE(soon([&] { return unsynced(store) == 0; }));
}

TEST_F(SyncTest, an_interval_handle_syncs_what_it_put_before_it_goes) {
  {
    Store timed = open(path, with(Durability::interval, std::chrono::hours(1))).value();
    timed.put("k", "v").value();
    EXPECT_GT(unsynced(store), 0u);
  }
  EXPECT_EQ(unsynced(store), 0u);
}

// More milliseconds than fit into nanoseconds were none at all.
TEST_F(SyncTest, an_interval_of_centuries_is_long) {
  timespec before, after;
  const Store timed = open(path, with(Durability::interval, std::chrono::milliseconds::max())).value();
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  EXPECT_LT((after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec, 100'000'000);
}

TEST_F(SyncTest, the_thread_has_a_name_and_takes_no_signals) {
  const Store timed = open(path, with(Durability::interval)).value();
  int found = 0;
  ASSERT_TRUE(soon([&] {
    found = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string name, word;
      std::ifstream comm(task.path() / "comm");
      std::getline(comm, name);
      if (name != "durra-sync") continue;
      std::ifstream status(task.path() / "status");
      while (status >> word && word != "SigBlk:") {
      }
      status >> word;
      const std::uint64_t blocked = std::stoull(word, nullptr, 16);
      for (const int signal : {SIGINT, SIGTERM, SIGALRM, SIGUSR1, SIGCHLD}) EXPECT_TRUE(blocked >> (signal - 1) & 1);
      ++found;
    }
    return found == 1;
  }));
}

TEST_F(SyncTest, a_failed_sync_is_remembered_by_all_and_for_ever) {
  Store other = open(path, small()).value();
  store.put("k", "v").value();
  break_sync();
  const auto check = [&](Store& s) {
    auto again = s.sync();
    EXPECT_EQ(outcome(again), "sync_lost");
    EXPECT_EQ(again.error().errno_value, EIO);
    EXPECT_EQ(outcome(s.put("k", "power", {.durability = Durability::power})), "sync_lost");
    EXPECT_EQ(shown(s.get("k")), "power");  // as visible as any
    EXPECT_EQ(outcome(s.put("k", "v")), "ok");
    EXPECT_FALSE(detail::is_synced(*handle_of(s), 0));
  };
  check(store);
  check(other);
  Store timed = open(path, with(Durability::interval)).value();
  EXPECT_EQ(outcome(timed.put("k", "v")), "sync_lost");
  EXPECT_EQ(test::run_child([&] {
              Store theirs = open(path, small()).value();
              check(theirs);
              return 0;
            }),
            0);
}

TEST_F(SyncTest, neither_closing_nor_a_rebuild_in_the_same_boot_forgets_a_failure) {
  store.put("k", "v").value();
  break_sync();
  { const Store closed = std::move(store); }
  store = open(path, small()).value();
  EXPECT_EQ(stats(store).value().opened, Opened::same_boot);  // not clean
  EXPECT_EQ(outcome(store.sync()), "sync_lost");
  { const Store closed = std::move(store); }
  Options rebuild = small();
  rebuild.rebuild = true;
  store = open(path, rebuild).value();
  EXPECT_EQ(outcome(store.sync()), "sync_lost");
  EXPECT_GT(unsynced(store), 0u);
  backup(store, scratch / "copy").value();
  Store copy = open(scratch / "copy", small()).value();
  copy.sync().value();
  EXPECT_EQ(shown(copy.get("k")), "v");
}

TEST_F(SyncTest, a_copy_of_the_file_has_pages_of_its_own_and_forgets) {
  store.put("k", "v").value();
  break_sync();
  { const Store closed = std::move(store); }
  std::filesystem::copy_file(path, scratch / "copy");
  store = open(scratch / "copy", small()).value();
  EXPECT_EQ(stats(store).value().opened, Opened::rebuilt);
  store.sync().value();
  EXPECT_EQ(shown(store.get("k")), "v");
}

TEST_F(SyncTest, a_power_put_that_fails_is_visible_and_sticks) {
  test::Faults faults;
  faults.fail(os::Call::sync, ENOSPC);
  const auto failed = store.put("k", "v", {.durability = Durability::power});
  EXPECT_EQ(outcome(failed), "sync_lost");
  EXPECT_EQ(failed.error().errno_value, ENOSPC);
  EXPECT_EQ(shown(store.get("k")), "v");
  EXPECT_EQ(outcome(store.sync()), "sync_lost");
  EXPECT_GT(unsynced(store), 0u);
}

// F37, H8: a flush may have been told of a failure and died, or stopped, before it could tell.
TEST_F(SyncTest, the_note_of_a_dead_flusher_makes_the_next_flush_write_everything_anew) {
  store.put("k", "v").value();
  EXPECT_EQ(test::run_child([&] {
              Store theirs = open(path, small()).value();
              theirs.put("theirs", "v").value();
              auto& h = *handle_of(theirs);
              shared::note_store(h.seats.list[0].load()->shared->sync, 1);
              ::kill(::getpid(), SIGKILL);
              return 1;
            }),
            SIGKILL);
  Store other = open(path, small()).value();  // reaps
  EXPECT_TRUE(detail::cache_in_doubt(*handle_of(store)));
  store.put("k", "w", {.durability = Durability::power}).value();  // a full sync, then
  EXPECT_FALSE(detail::cache_in_doubt(*handle_of(store)));
  EXPECT_EQ(unsynced(store), 0u);
}

TEST_F(SyncTest, a_put_in_doubt_flushes_from_its_own_seat) {
  Store only = open(scratch / "one seat", small(8_MiB, 1)).value();
  only.put("k", "v").value();
  detail::doubt_cache(*handle_of(only));
  EXPECT_EQ(outcome(only.put("k", "w", {.durability = Durability::power})), "ok");
  EXPECT_EQ(unsynced(only), 0u);
}

TEST_F(SyncTest, an_opener_doubts_the_cache_while_somebody_flushes) {
  shared::note_store(handle_of(store)->seats.list[0].load()->shared->sync, 1);  // stopped in its flush
  const Store other = open(path, small()).value();
  EXPECT_TRUE(detail::cache_in_doubt(*handle_of(other)));
}

TEST_F(SyncTest, what_was_lost_from_the_page_cache_is_never_reported_durable) {
  store.put("k", std::string(100, 'v')).value();
  detail::doubt_cache(*handle_of(store));
  const Record r = store.get("k").value();
  auto* byte = const_cast<std::byte*>(r.bytes().data());  // what the disk had, read again
  *byte = std::byte{0};
  EXPECT_EQ(outcome(store.sync()), "sync_lost");
}

TEST_F(SyncTest, a_store_opened_cold_in_the_same_boot_is_in_doubt_until_its_first_sync) {
  EXPECT_EQ(test::run_child([&] {
              { const Store closed = std::move(store); }
              Store theirs = open(path, small()).value();
              theirs.put("k", "v").value();
              ::kill(::getpid(), SIGKILL);
              return 1;
            }),
            SIGKILL);
  { const Store closed = std::move(store); }
  const test::FileEdit edit(path);
  edit.set<std::uint64_t>(format::kControlOffset + offsetof(format::Control, clean), format::kDirty);
  store = open(path, small()).value();
  ASSERT_EQ(stats(store).value().opened, Opened::same_boot);
  EXPECT_TRUE(detail::cache_in_doubt(*handle_of(store)));
  store.sync().value();
  EXPECT_FALSE(detail::cache_in_doubt(*handle_of(store)));
}

TEST_F(SyncTest, a_leader_that_never_ends_delays_a_sync_by_a_moment) {
  store.put("k", "v").value();
  shared::hint_store(control(store).sync_begun_ns, os::steady_ns());
  shared::hint_store(control(store).sync_usual_ns, ~0ull >> 1);
  const auto begun = std::chrono::steady_clock::now();
  store.sync().value();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
  EXPECT_EQ(unsynced(store), 0u);
}

TEST_F(SyncTest, a_mark_of_another_life_is_not_raised) {
  std::uint64_t word = format::tagged(7, 10);
  shared::synced_raise(word, 7, 20);
  EXPECT_EQ(word, format::tagged(7, 20));
  shared::synced_raise(word, 7, 5);
  EXPECT_EQ(word, format::tagged(7, 20));
  shared::synced_raise(word, 6, 100);  // a flusher of the life before (H2b)
  EXPECT_EQ(word, format::tagged(7, 20));
}

TEST_F(SyncTest, a_reader_cannot_sync) {
  Options o = small(Mode::read_only);
  o.durability = Durability::power;
  Store reader = open(path, o).value();
  EXPECT_EQ(outcome(reader.sync()), "read_only");
}

TEST_F(SyncTest, an_interval_is_at_least_a_millisecond) {
  EXPECT_EQ(outcome(open(path, with(Durability::interval, std::chrono::milliseconds(0)))), "invalid");
  EXPECT_EQ(outcome(open(path, with(Durability::interval, std::chrono::milliseconds(-5)))), "invalid");
  EXPECT_EQ(outcome(store.put("k", "v", {.durability = Durability::interval})), "unsupported");
  Store timed = open(path, with(Durability::interval, std::chrono::milliseconds(1))).value();
  EXPECT_EQ(outcome(timed.put("k", "v", {.durability = Durability::interval})), "ok");
}

TEST_F(SyncTest, a_forked_child_has_no_thread_and_does_no_harm) {
  Store timed = open(path, with(Durability::interval)).value();
  timed.put("k", "v").value();
  EXPECT_EQ(test::run_child([&] {
              EXPECT_EQ(outcome(timed.sync()), "forked");
              { const Store gone = std::move(timed); }
              return 0;
            }),
            0);
  timed.put("k", "w").value();
  EXPECT_TRUE(soon([&] { return unsynced(store) == 0; }));
}

// On a tmpfs as it is nothing survives a power cut, and nobody is promised anything; what waits for a disk inside does
// not wait.
TEST(SyncOnTmpfs, nothing_is_promised) {
  const test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  for (const Durability d : {Durability::interval, Durability::power}) {
    Options o = small();
    o.durability = d;
    EXPECT_EQ(outcome(open(path, o)), "unsupported");
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  Store store = open(path, small()).value();
  EXPECT_EQ(outcome(store.sync()), "unsupported");
  EXPECT_EQ(outcome(store.put("k", "v", {.durability = Durability::power})), "unsupported");
  EXPECT_EQ(outcome(store.draft("k", 1, {.durability = Durability::power})), "unsupported");
  auto& h = *handle_of(store);
  const std::uint64_t ticket = detail::take_ticket(h);
  EXPECT_TRUE(detail::is_synced(h, ticket));
  EXPECT_TRUE(detail::sync_until(h, ticket));
}

TEST(SyncOnDisk, holds_with_a_real_file) {
  const test::Scratch scratch(test::Scratch::Where::disk);
  Options o = small();
  o.durability = Durability::power;
  auto opened = open(scratch / "s.durra", o);
  if (!opened) {  // $TMPDIR lies on a tmpfs
    EXPECT_EQ(outcome(opened), "unsupported");
    return;
  }
  Store store = *std::move(opened);
  for (int i = 0; i < 100; ++i) store.put(i, std::string(1000, 'v')).value();
  store.put("k", "v", {.durability = Durability::process}).value();
  store.sync().value();
  Options rebuild = small();
  rebuild.rebuild = true;
  { const Store closed = std::move(store); }
  store = open(scratch / "s.durra", rebuild).value();
  EXPECT_EQ(stats(store).value().live_records, 101u);
}

}  // namespace
}  // namespace durra
