// Which tombstones a sweep must leave: those that hide something, and those of which it cannot know.
#include "store/sweep.h"

#include <durra/care.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <string_view>

#include "store/compact.h"
#include "store/index.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/step.h"
#include "store/tidy.h"
#include "tests/support/disk.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;
using test::noise;
using test::outcome;
using test::shown;

// "gone" was put in one region and erased in the next, as the first record there; nothing else is worth moving.
struct Sweep : testing::Test {
  const test::TmpfsIsADisk on_a_disk;  // what is retired waits for a sync
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, test::small()).value();
  detail::Handle& h = *detail::handle_of(store);

  void SetUp() override {
    store.put("gone", "here").value();
    store.put("filler", noise(60'000)).value();
    leave();
    store.erase("gone").value();
    store.put("second", noise(60'000)).value();
    leave();
    store.put("filler", "").value();
  }
  // What is put next goes elsewhere.
  void leave() const {
    const auto seat = detail::ExclusiveSeat::take(h).value();
    detail::leave_region(h, *seat);
  }
  std::uint64_t place_of(const std::string& key) const { return detail::find(h, detail::view(h, key)).record.at; }
  // The one region that is mostly garbage.
  void retire_one() const {
    detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
    const auto seat = detail::ExclusiveSeat::take(h).value();
    ASSERT_TRUE(detail::make_room(h, *seat, 30'000));
    detail::recount(h, *seat);
    ASSERT_TRUE(detail::begin_compaction(h, *seat, detail::Worth::mostly));
    ASSERT_EQ(detail::finish_compaction(h, *seat), detail::CompactionStep::retired);
  }
  void give_back() {
    EXPECT_EQ(detail::free_retired(h).wait_for_sync, 1u);
    store.sync().value();
    EXPECT_EQ(detail::free_retired(h).wait_for_sync, 0u);
  }
  std::uint64_t sweep(std::chrono::nanoseconds patience = 5ms) const {
    const auto seat = detail::ExclusiveSeat::take(h).value();
    return detail::sweep(h, *seat, 0ns, patience);
  }
};

TEST_F(Sweep, drops_a_tombstone_when_what_it_hid_is_free) {
  EXPECT_EQ(sweep(), 0u);
  retire_one();
  give_back();
  EXPECT_EQ(sweep(), 1u);
  EXPECT_EQ(shown(store.get("gone")), "<not_found>");
}

// Else the next version of the key could have a stamp that was given before, of a writer who has given none (F14).
TEST_F(Sweep, moves_the_clock_past_the_stamp_that_goes) {
  retire_one();
  give_back();
  const std::uint64_t stamp = detail::find(h, detail::view(h, "gone")).record.header->stamp;
  h.space.control().clock = format::stamp_time(stamp);  // what else moves it has not happened
  EXPECT_EQ(sweep(), 1u);
  EXPECT_GT(h.space.control().clock, format::stamp_time(stamp));
}

// It would read it while somebody begins another life there.
TEST_F(Sweep, frees_what_was_retired_before_it_looks) {
  retire_one();
  const std::uint64_t syncs = stats(store).value().syncs;
  EXPECT_EQ(sweep(), 1u);
  EXPECT_EQ(stats(store).value().syncs, syncs + 1);
  const detail::Freed later = detail::free_retired(h);
  EXPECT_EQ(later.freed + later.wait_for_sync + later.wait_for_pins, 0u);
}

// Who came between its wait and its pin keeps what was retired since; once he is gone it is freed at any moment.
TEST_F(Sweep, gives_up_where_what_was_retired_is_still_read) {
  static std::optional<Record> held;
  static Sweep* test;
  test = this;
  step_hook = [](const char* name) {
    if (std::string_view(name) != "sweep.2" || held) return;
    held = test->store.get("second").value();
    test->retire_one();
    detail::move_epoch_past(test->h, shared::epoch_load(test->h.space.control()));
  };
  EXPECT_EQ(sweep(), 0u);
  step_hook = nullptr;
  ASSERT_TRUE(held);
  held.reset();
  EXPECT_EQ(sweep(), 1u);
}

// Who began before may be a compactor that goes on after a long stop, and writes the older version behind us (F15).
TEST_F(Sweep, waits_for_whoever_began_before_and_gives_up) {
  retire_one();
  give_back();
  {
    const auto held = store.get("second").value();
    EXPECT_EQ(sweep(), 0u);
  }
  EXPECT_EQ(sweep(), 1u);
}

TEST_F(Sweep, leaves_it_while_something_cannot_be_read) {
  retire_one();
  give_back();
  std::byte* header = h.space.base() + place_of("second");
  header[8] ^= std::byte{1};
  EXPECT_EQ(sweep(), 0u);
  header[8] ^= std::byte{1};
  EXPECT_EQ(sweep(), 1u);
}

// While it waits the region goes on to its next life, in which another key stands where the tombstone was.
TEST_F(Sweep, drops_nothing_that_came_to_where_a_tombstone_was) {
  retire_one();
  give_back();
  const std::uint64_t place = place_of("gone"), region = h.space.region_of(place);
  const std::uint64_t epoch = shared::epoch_load(h.space.control());
  std::optional<Record> held = store.get("second").value();
  test::Child sweeper([&] {
    Store theirs = open(path, test::small()).value();
    detail::Handle& mine = *detail::handle_of(theirs);
    const auto seat = detail::ExclusiveSeat::take(mine).value();
    return static_cast<int>(detail::sweep(mine, *seat, 0ns, 60s));
  });
  while (shared::epoch_load(h.space.control()) == epoch) ::usleep(1'000);  // it has collected, and waits for `held`
  ASSERT_EQ(::kill(sweeper.pid(), SIGSTOP), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(sweeper.pid(), &status, WUNTRACED), sweeper.pid());
  held.reset();

  store.put("gone", "again").value();
  store.put("second", "").value();
  retire_one();
  give_back();
  shared::hint_store(h.space.control().free_hint, region);
  store.put("live", noise(65'350)).value();  // takes a region of its own
  ASSERT_EQ(place_of("live"), place);
  ASSERT_EQ(::kill(sweeper.pid(), SIGCONT), 0);
  EXPECT_EQ(sweeper.wait(), 0) << "dropped, or died";
  EXPECT_EQ(outcome(store.get("live")), "ok");
  EXPECT_EQ(shown(store.get("gone")), "again");
}

// Tombstones that hide something stay, and so many are looked at in one sweep: the next goes on behind them.
TEST_F(Sweep, goes_on_where_the_last_one_had_no_room) {
  Store many = open(scratch / "many.durra", test::small(64_MiB)).value();
  detail::Handle& its = *detail::handle_of(many);
  for (int i = 0; i < 70'000; ++i) many.put(i, "").value();
  for (int i = 0; i < 70'000; ++i) many.erase(i).value();
  const auto seat = detail::ExclusiveSeat::take(its).value();
  detail::stop_compaction(its, *seat);
  detail::leave_region(its, *seat);
  (void)detail::sweep(its, *seat, 0ns, 5ms);
  EXPECT_GT(its.sweep_from, 0u);
  (void)detail::sweep(its, *seat, 0ns, 5ms);
  EXPECT_EQ(its.sweep_from, 0u);
}

}  // namespace
}  // namespace durra
