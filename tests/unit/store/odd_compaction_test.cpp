// Compaction where a region cannot be compacted, and on a disk, where what it gives back waits for a sync.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <utility>
#include <vector>

#include "store/compact.h"
#include "store/index.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/tidy.h"
#include "tests/support/disk.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

using format::RegionState;

struct OddCompaction : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small()).value();
  detail::Handle& handle = *detail::handle_of(store);

  static std::string value(int key) { return noise(300, static_cast<std::uint64_t>(key)); }
  // Regions that are mostly garbage, each with some keys that live.
  void leave_garbage() {
    for (int i = 0; i < 400; ++i) store.put(i, value(i)).value();
    for (int i = 0; i < 400; ++i)
      if (i % 8 != 0) store.put(i, "new").value();
    const auto seat = detail::ExclusiveSeat::take(handle).value();
    detail::stop_compaction(handle, *seat);  // puts have begun one, perhaps
    detail::recount(handle, *seat);
    detail::move_epoch_past(handle, shared::epoch_load(handle.space.control()));
  }
  void expect_all(int but = -1) const {
    for (int i = 0; i < 400; ++i)
      if (i != but) {
        ASSERT_EQ(shown(store.get(i)), i % 8 != 0 ? "new" : value(i)) << i;
      }
  }
  std::uint64_t regions_in(RegionState state) const {
    std::uint64_t n = 0;
    for (std::uint64_t r = 0; r < handle.space.regions(); ++r)
      n += format::unpack(shared::state_load(handle.space.descriptor(r).state)).state == state;
    return n;
  }
  // What waits for a sync before it is free.
  void retire_one() {
    const auto seat = detail::ExclusiveSeat::take(handle).value();
    ASSERT_TRUE(detail::begin_compaction(handle, *seat, detail::Worth::some));
    ASSERT_EQ(detail::finish_compaction(handle, *seat), detail::CompactionStep::retired);
  }
};

// Where the next record begins is not known: what lies behind stays where it is, and is found there.
TEST_F(OddCompaction, a_region_with_an_unreadable_header_is_given_up_and_not_tried_again) {
  leave_garbage();
  const auto broken = detail::find(handle, detail::view(handle, Key(40))).record;
  const auto home = handle.space.home_of(broken.at);
  ASSERT_EQ(format::unpack(handle.space.descriptor(home).state).state, RegionState::sealed);
  broken.header->head_check ^= 1;
  auto given_up = [&] {
    const auto seat = detail::ExclusiveSeat::take(handle).value();
    int n = 0;
    while (detail::begin_compaction(handle, *seat, detail::Worth::some))
      n += detail::finish_compaction(handle, *seat) == detail::CompactionStep::given_up;
    return n;
  };
  EXPECT_EQ(given_up(), 1);
  EXPECT_EQ(given_up(), 0) << "its hint says now that nothing is to be won";
  EXPECT_EQ(format::unpack(handle.space.descriptor(home).state).state, RegionState::sealed);
  expect_all(40);
  EXPECT_EQ(shown(store.get(40)), "<damaged>");
  broken.header->head_check ^= 1;
  expect_all();
}

// No change of it can succeed: the state is not what anybody wrote.
TEST_F(OddCompaction, regions_whose_state_has_rotted_are_left_alone) {
  leave_garbage();
  const auto rot = [&] {
    for (std::uint64_t r = 0; r < handle.space.regions(); ++r)
      if (auto& state = handle.space.descriptor(r).state; format::unpack(state).state == RegionState::sealed)
        state ^= 1ull << 60;  // in its check
  };
  rot();
  const auto seat = detail::ExclusiveSeat::take(handle).value();
  EXPECT_FALSE(detail::begin_compaction(handle, *seat, detail::Worth::some));
  EXPECT_EQ(regions_in(RegionState::compacting), 0u);
  rot();
  expect_all();
  EXPECT_TRUE(detail::begin_compaction(handle, *seat, detail::Worth::some));
  detail::stop_compaction(handle, *seat);
}

// A compactor gave up: what it had moved is there twice.  Then the copies are moved on, behind a walk: the index names
// neither of the places that the walk comes by, and it showed both.
struct ThereTwice : OddCompaction {
  static constexpr int kKeys = 1'500;

  void prepare(detail::LocalSeat& seat) const {
    detail::stop_compaction(handle, seat);
    detail::recount(handle, seat);
    detail::move_epoch_past(handle, shared::epoch_load(handle.space.control()));
  }
  void move_some_of(detail::LocalSeat& seat) const {
    ASSERT_TRUE(detail::begin_compaction(handle, seat, detail::Worth::some));
    while (detail::compact_some(handle, seat, 60) == detail::CompactionStep::no_room) {
      detail::leave_region(handle, seat);
      ASSERT_TRUE(detail::make_room(handle, seat, detail::region_room(handle), detail::Reserve::last));
    }
    ASSERT_TRUE(seat.compaction);
    const auto region = seat.compaction->region;
    detail::stop_compaction(handle, seat);
    handle.space.descriptor(region).dead = 0;  // the next one is another one
  }
  ThereTwice() {
    for (int i = 0; i < kKeys; ++i) store.put(i, value(i)).value();
    for (int i = 0; i < kKeys; i += 3) store.put(i, value(i)).value();
    {
      const auto seat = detail::ExclusiveSeat::take(handle).value();
      prepare(*seat);
      for (int i = 0; i < 8; ++i) move_some_of(*seat);
    }
    for (int i = 1; i < kKeys; i += 6) store.put(i, value(i)).value();  // garbage among the copies
    prepare(*detail::ExclusiveSeat::take(handle).value());
  }
  static void expect_once(Store& s) {
    std::set<std::uint64_t> seen;
    Records records = s.records();
    for (Record& r : records) {
      if (seen.empty()) {
        EXPECT_GT(compact(s).value().regions_retired, 1u);
      }
      EXPECT_TRUE(seen.insert(r.id()).second) << r.id();
    }
    EXPECT_TRUE(records.status());
    EXPECT_EQ(seen.size(), static_cast<std::size_t>(kKeys));
  }
};

TEST_F(ThereTwice, and_moved_on_is_shown_once) { expect_once(store); }

TEST_F(ThereTwice, and_moved_on_after_a_rebuild_is_shown_once) {
  { const Store closed = std::move(store); }
  Options o = small();
  o.rebuild = true;
  store = open(path, o).value();
  detail::Handle& h = *detail::handle_of(store);
  {
    const auto seat = detail::ExclusiveSeat::take(h).value();
    detail::recount(h, *seat);
    detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
  }
  expect_once(store);
}

struct OddCompactionOnADisk : OddCompaction {
  const TmpfsIsADisk on_a_disk;
  OddCompactionOnADisk() { handle.is_volatile = false; }
};

TEST_F(OddCompactionOnADisk, compact_syncs_for_what_it_gives_back) {
  leave_garbage();
  EXPECT_GT(compact(store).value().regions_retired, 1u);
  EXPECT_EQ(regions_in(RegionState::retired), 0u);
  expect_all();
}

TEST_F(OddCompactionOnADisk, compact_says_that_its_sync_failed_and_gives_nothing_back) {
  leave_garbage();
  {
    Faults faults;
    faults.fail(os::Call::sync, EIO, 1, true);
    EXPECT_EQ(outcome(compact(store)), "sync_lost");
    EXPECT_GT(faults.failed(), 0u);
  }
  EXPECT_GT(regions_in(RegionState::retired), 0u);
  EXPECT_EQ(regions_in(RegionState::free), 0u);
  expect_all();
}

// Nobody asks for their space, but the disk may have it: a sync leaves a few and punches the others.
TEST_F(OddCompactionOnADisk, a_sync_frees_what_waited_for_it) {
  leave_garbage();
  retire_one();
  ASSERT_EQ(detail::free_retired(handle).wait_for_sync, 1u);
  ASSERT_EQ(regions_in(RegionState::retired), 1u);
  store.sync().value();
  EXPECT_EQ(regions_in(RegionState::retired), 0u);
  EXPECT_EQ(regions_in(RegionState::free), 1u);
  expect_all();
}

// A record of a batch must be on the disk before it is moved, and the mark that says so has rotted: no sync raises it.
TEST_F(OddCompactionOnADisk, a_region_whose_mark_has_rotted_is_given_up) {
  store.put(Batch().put("a", noise(300)).put("b", noise(300))).value();
  leave_garbage();
  const auto home = handle.space.home_of(detail::find(handle, detail::view(handle, "a")).record.at);
  auto& mark = handle.space.descriptor(home).synced;
  mark ^= 1ull << 50;
  EXPECT_EQ(outcome(compact(store)), "ok");
  EXPECT_EQ(handle.space.home_of(detail::find(handle, detail::view(handle, "a")).record.at), home);
  mark ^= 1ull << 50;
  EXPECT_EQ(shown(store.get("a")), noise(300));
  expect_all();
}

// No pin is left for the compactor: nothing is moved until some are given back.
TEST_F(OddCompaction, who_holds_too_many_records_compacts_nothing) {
  leave_garbage();
  std::vector<Record> held;
  for (auto r = store.get(1); r; r = store.get(1)) held.push_back(std::move(*r));
  ASSERT_EQ(held.size(), format::kPinCells * format::kPinCountMax);
  EXPECT_EQ(compact(store).value().regions_retired, 0u);
  held.clear();
  detail::move_epoch_past(handle, shared::epoch_load(handle.space.control()));
  EXPECT_GT(compact(store).value().regions_retired, 0u);
  expect_all();
}

}  // namespace
}  // namespace durra::test
