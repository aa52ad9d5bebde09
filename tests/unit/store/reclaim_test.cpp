// What keeps a region, a tombstone or a damaged record where it is, though it looks like garbage.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <iterator>
#include <vector>

#include "store/compact.h"
#include "store/handle.h"
#include "store/reclaim.h"
#include "store/seat.h"
#include "store/sync.h"
#include "tests/support/disk.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::FileEdit;
using test::noise;
using test::outcome;
using test::shown;
using test::small;

struct Reclaim : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  static constexpr int kKeys = 400;  // more than two regions

  static CompactOptions at_once() {
    CompactOptions o;
    o.keep_erased = std::chrono::milliseconds(0);
    return o;
  }
  static std::string value(int key) { return noise(300, static_cast<std::uint64_t>(key)); }
  void fill() const {
    auto store = open(path, small()).value();
    for (int i = 0; i < kKeys; ++i) store.put(i, value(i)).value();
  }
  // The epoch goes on: whoever pins from now on does so after everything that is sealed.
  static void go_on(const Store& store) {
    auto& h = *detail::handle_of(store);
    detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
  }
  static void supersede(Store& store) {
    for (int i = 0; i < kKeys; ++i) store.put(i, "new").value();
  }
};

TEST_F(Reclaim, what_is_read_stays_though_it_was_sealed_before_the_reader_came) {
  fill();
  auto store = open(path, small()).value();
  go_on(store);
  const auto held = store.get(0).value();
  supersede(store);
  EXPECT_GT(compact(store, at_once()).value().regions_retired, 0u);
  EXPECT_TRUE(held.str() == value(0));
}

TEST_F(Reclaim, of_two_read_only_records_the_one_that_is_left_stays) {
  fill();
  auto store = open(path, small()).value();
  go_on(store);
  const Store reader = open(path, small(Mode::read_only)).value();
  const auto held = reader.get(0).value();
  { const auto dropped = reader.get(1).value(); }
  supersede(store);
  EXPECT_GT(compact(store, at_once()).value().regions_retired, 0u);
  EXPECT_TRUE(held.str() == value(0));
}

// Too little of its region is garbage for the old version to be moved away or to go.
TEST_F(Reclaim, a_tombstone_stays_as_long_as_what_it_erased_is_in_the_file) {
  fill();
  open(path, small()).value().erase(3).value();
  {
    auto store = open(path, small()).value();
    EXPECT_EQ(compact(store, at_once()).value().tombstones, 0u);
  }
  Options o = small();
  o.rebuild = true;
  EXPECT_EQ(shown(open(path, o).value().get(3)), "<not_found>");
}

// The next version of the key is later than the tombstone that went, also of a writer who has given no stamp (F14).
TEST_F(Reclaim, stamps_go_on_behind_a_tombstone_that_went) {
  Stamp first;
  {
    auto store = open(path, small()).value();
    first = store.put("k", "v").value();
    store.erase("k").value();  // its stamp is the next
  }
  {
    auto store = open(path, small()).value();
    ASSERT_EQ(compact(store, at_once()).value().tombstones, 1u);
  }
  const Stamp second = open(path, small()).value().put("k", "v").value();
  EXPECT_GT(static_cast<std::uint64_t>(second), static_cast<std::uint64_t>(first) + 1);
}

// A copy of one of its records stands for itself: it must not be on the disk before all of the batch is (F16).
TEST_F(Reclaim, records_of_a_batch_stay_until_it_is_on_the_disk) {
  const test::TmpfsIsADisk on_a_disk;
  auto store = open(path, small()).value();
  store.put(Batch().put("a", "1").put("b", "1")).value();
  store.put("garbage", noise(57'000)).value();
  store.put("garbage", "1").value();
  store.put("more", noise(10'000)).value();
  auto& h = *detail::handle_of(store);
  auto seat = detail::ExclusiveSeat::take(h).value();
  ASSERT_TRUE(detail::begin_compaction(h, *seat, detail::Worth::some));
  EXPECT_EQ(detail::compact_some(h, *seat, 100), detail::CompactionStep::not_durable);
  ASSERT_TRUE(detail::sync_until(h, detail::take_ticket(h)));
  EXPECT_EQ(detail::compact_some(h, *seat, 100), detail::CompactionStep::retired);
}

TEST_F(Reclaim, damage_is_not_copied_under_a_check_that_agrees) {
  fill();
  {
    auto store = open(path, small()).value();
    for (int i = 1; i < kKeys; ++i) store.put(i, "new").value();
  }
  const FileEdit edit(path);
  for (const auto& r : edit.records())
    if (r.id == 0) edit.flip(r.payload_at + 7);
  auto store = open(path, small()).value();
  (void)compact(store, at_once());
  EXPECT_EQ(outcome(store.get(0).value().intact()), "damaged");
}

// Somebody who began before it was sealed may be about to make one of its records the newest of its key (H4).
TEST_F(Reclaim, a_region_is_compacted_when_nobody_is_left_from_before_its_sealing) {
  auto store = open(path, small()).value();
  auto& h = *detail::handle_of(store);
  const auto begins = [&] {
    const auto seat = detail::ExclusiveSeat::take(h).value();
    return detail::begin_compaction(h, *seat, detail::Worth::some);
  };
  store.put("k", "v").value();
  store.put("garbage", noise(57'000)).value();
  store.put("garbage", "").value();
  go_on(store);
  {
    const auto held = store.get("k").value();
    store.put("next", noise(20'000)).value();  // in another region: this one is sealed
    EXPECT_FALSE(begins());
  }
  EXPECT_TRUE(begins());
}

TEST_F(Reclaim, a_pin_is_of_the_epoch_in_which_it_was_taken) {
  fill();
  auto store = open(path, small()).value();
  auto& h = *detail::handle_of(store);
  go_on(store);
  const std::uint64_t now = shared::epoch_load(h.space.control());
  const auto held = store.get(0).value();
  for (int i = 0; i < 3; ++i) go_on(store);
  EXPECT_EQ(detail::oldest_pin(h), now);
}

// Else a thread that always holds something would keep one old pin for ever (F32).
TEST_F(Reclaim, one_more_than_there_are_cells_joins_the_youngest) {
  fill();
  auto store = open(path, small()).value();
  auto& h = *detail::handle_of(store);
  std::vector<Record> held;
  std::uint64_t youngest = 0;
  for (int i = 0; i < static_cast<int>(std::size(h.space.seat(0).pins)); ++i) {
    go_on(store);
    youngest = shared::epoch_load(h.space.control());
    held.push_back(store.get(i).value());
  }
  go_on(store);
  const auto one_more = store.get(100).value();
  held.clear();
  EXPECT_EQ(detail::oldest_pin(h), youngest);
}

}  // namespace
}  // namespace durra
