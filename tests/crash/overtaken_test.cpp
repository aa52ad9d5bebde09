// Whoever stopped in the middle is overtaken: what it looked at has changed, or is gone, when it goes on.
#include <durra/types.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "store/block.h"
#include "store/compact.h"
#include "store/index.h"
#include "store/reap.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/sweep.h"
#include "store/tidy.h"
#include "tests/crash/world.h"

namespace durra::test {
namespace {

struct Overtaken : testing::Test {
  World w;
  Store store = open(w.path, small_store()).value();
  Store theirs() const { return open(w.path, small_store()).value(); }
  std::uint64_t free_regions() const {
    detail::Space& space = detail::handle_of(store)->space;
    std::uint64_t n = 0;
    for (std::uint64_t r = 0; r < space.region_count(); ++r)
      n += format::unpack(shared::state_load(space.descriptor(r).state)).state == format::RegionState::free;
    return n;
  }
  // A child that has a region of its own and then puts this.
  Body puts(const std::string& key, const std::string& value) const {
    return [this, key, value] {
      Store s = theirs();
      s.put("warm", "up").value();
      arm();
      s.put(key, value).value();
      disarm();
    };
  }
  Body compacts() const {
    return [this] {
      Store s = theirs();
      arm();
      compact(s).value();
    };
  }
};

// It has seen the name and holds the region, in which there is no block any more.
TEST_F(Overtaken, who_attaches_to_a_block_that_is_dropped_meanwhile_gets_none) {
  Block::open(store, "b", 1'000).value();
  Stopped reader(
      [&] {
        Store s = theirs();
        arm();
        EXPECT_FALSE(detail::attach_block(*detail::handle_of(s), "b"));
      },
      {"block.hold", 0});
  ASSERT_TRUE(reader.reached());
  ASSERT_TRUE(drop(store, "b"));
  EXPECT_EQ(reader.finish(), 0);
}

// Its CAS is lost: what it supersedes is another version than the one it saw first (F3).
TEST_F(Overtaken, a_version_that_came_before_is_there_for_older_instants) {
  store.put("k", "0").value();
  Stopped writer(puts("k", "2"), {"put.4", 0});
  ASSERT_TRUE(writer.reached());
  store.put("k", "1").value();
  const Snapshot then = store.snapshot().value();
  EXPECT_EQ(writer.finish(), 0);
  EXPECT_EQ(look(store, "k"), "2");
  EXPECT_EQ(then.get("k").value().str(), "1");
}

// What it replaced is RETIRED before it has its own stamp: a scan shows one of the two.
TEST_F(Overtaken, a_scan_shows_what_a_stopped_one_has_put_though_the_version_before_is_moved_away) {
  store.put("k", "old").value();
  store.put("garbage", std::string(57'000, 'x')).value();
  store.put("garbage", "").value();
  store.put("more", std::string(20'000, 'x')).value();  // another region
  detail::Handle& h = *detail::handle_of(store);
  detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
  Stopped writer(puts("k", "new"), {"put.5", 0});
  ASSERT_TRUE(writer.reached());
  {
    const auto seat = detail::ExclusiveSeat::take(h).value();
    ASSERT_TRUE(detail::begin_compaction(h, *seat, detail::Worth::some));
    EXPECT_EQ(detail::finish_compaction(h, *seat).value(), detail::CompactionStep::retired);
  }
  Model seen;
  for (const Record& r : store.records()) seen[std::string(r.key())] = r.str().substr(0, 3);
  EXPECT_EQ(seen, (Model{{"garbage", ""}, {"k", "new"}, {"more", "xxx"}, {"warm", "up"}}));
  EXPECT_EQ(writer.finish(), 0);
}

// Whoever moves one of its records finishes what somebody died at: a leaf that is frozen would hold the region for
// ever.
TEST_F(Overtaken, a_region_is_compacted_whose_keys_are_in_a_leaf_that_a_dead_one_froze) {
  for (std::uint32_t i = 0; i < 14; ++i) store.put(key_of(crowded_key(store, i)), "crowd").value();
  store.put("garbage", std::string(57'000, 'x')).value();
  store.put("garbage", "").value();
  store.put("more", std::string(20'000, 'x')).value();  // another region
  detail::Handle& h = *detail::handle_of(store);
  ASSERT_TRUE(ends_at(
      [&] {
        Store s = theirs();
        s.put("warm", "up").value();
        arm();
        s.put(key_of(crowded_key(s, 14)), "crowd").value();
      },
      {"grow.1", 0}));
  detail::reap_dead(h);
  detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
  {
    const auto seat = detail::ExclusiveSeat::take(h).value();
    ASSERT_TRUE(detail::begin_compaction(h, *seat, detail::Worth::some));
    EXPECT_EQ(detail::finish_compaction(h, *seat).value(), detail::CompactionStep::retired);
  }
  for (std::uint32_t i = 0; i < 14; ++i) EXPECT_EQ(look(store, crowded_key(store, i)), "crowd") << i;
  expect_undamaged(w.path);
}

// Two who come to free a region each take a ticket for the sync that it waits for: one of them counts for both.
TEST_F(Overtaken, of_two_who_free_a_region_one_takes_the_ticket) {
  store.put("large", large_value()).value();
  store.put("large", "small").value();
  Stopped freer(compacts(), {"free.gate", 0});
  ASSERT_TRUE(freer.reached());
  detail::Handle& h = *detail::handle_of(store);
  EXPECT_EQ(detail::free_retired(h).wait_for_sync, 0u);
  store.put("more", large_value()).value();
  EXPECT_EQ(freer.finish(), 0);
  EXPECT_EQ(look(store, "large"), "small");
  EXPECT_EQ(look(store, "more"), large_value());
  expect_undamaged(w.path);
}

// It wanted neighbouring regions, and died when it had the first: the next is somebody's (H9).
TEST_F(Overtaken, who_reaps_the_head_of_a_run_takes_nothing_from_others) {
  {
    Stopped large(puts("large", large_value()), {"run.1", 0});
    ASSERT_TRUE(large.reached());
    for (const char* key : {"first", "mine"}) store.put(key, std::string(50'000, 'm')).value();
  }
  Store other = theirs();  // reaps
  for (int i = 0; i < 12; ++i) other.put(i, std::string(30'000, 'x')).value();
  EXPECT_EQ(look(other, "mine"), std::string(50'000, 'm'));
  store.put("mine", "2").value();
  expect_undamaged(w.path);
  expect_nothing_left(store, w.path);
}

// The bodies of a run are others' already while its head is not FREE yet: a rebuild knows that the run is over (H9).
TEST_F(Overtaken, what_is_put_where_a_run_was_is_there_for_a_rebuild) {
  store.put("large", large_value()).value();
  store.put("large", "small").value();
  Stopped freer(compacts(), {"run.release", 1});
  ASSERT_TRUE(freer.reached());
  shared::hint_store(detail::handle_of(store)->space.control().free_hint, 0);
  for (int i = 0; i < 4; ++i) store.put(i, std::string(40'000, 'x')).value();
  const std::string copy = w.scratch / "copy.durra";
  std::filesystem::copy_file(w.path, copy);
  const Store rebuilt = open(copy, small_store()).value();
  EXPECT_EQ(stats(rebuilt).value().opened, Opened::rebuilt);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(rebuilt.get(i)) << i;
  EXPECT_EQ(look(rebuilt, "large"), "small");
  EXPECT_EQ(freer.finish(), 0);
}

// Both have found two FREE regions, of which the last must stay for compaction (F26).
TEST_F(Overtaken, two_who_claim_at_the_same_time_leave_a_region_for_compaction) {
  const std::string large(30'000, 'x');
  int n = 0;
  while (store.put(n, large)) ++n;
  ASSERT_EQ(free_regions(), 2u);
  const auto erases = [&](int key) {
    return [this, key] {
      Store s = theirs();
      arm();
      (void)s.erase(key);
    };
  };
  Stopped first(erases(0), {"claim.room", 0}), second(erases(1), {"claim.room", 0});
  ASSERT_TRUE(first.reached());
  ASSERT_TRUE(second.reached());
  EXPECT_EQ(first.finish(), 0);
  EXPECT_EQ(second.finish(), 0);
  EXPECT_GE(free_regions(), 1u);
  for (int i = 2; i < n; ++i) EXPECT_TRUE(store.erase(i)) << i;
  EXPECT_TRUE(compact(store));
  EXPECT_TRUE(store.put("k", large));
  expect_undamaged(w.path);
}

// There was room for all of the run beside the reserve; when it has its regions, another has come to that to erase.
TEST_F(Overtaken, a_run_is_given_back_where_the_reserve_was_needed_meanwhile) {
  int n = 0;
  for (; free_regions() > 6; ++n) store.put(n, std::string(30'000, 'x')).value();
  Stopped writer(
      [&] {
        Store s = theirs();
        s.put("warm", std::string(60'000, 'w')).value();  // what it leaves has no room for others
        arm();
        (void)s.put("large", large_value());
      },
      {"run.2", 1});
  ASSERT_TRUE(writer.reached());
  ASSERT_EQ(free_regions(), 2u);
  theirs().erase(0).value();
  ASSERT_EQ(free_regions(), 1u);
  EXPECT_EQ(writer.finish(), 0);
  EXPECT_GE(free_regions(), 2u);
  for (int i = 1; i < n; ++i) EXPECT_TRUE(store.get(i)) << i;
  expect_undamaged(w.path);
}

// ---- A region that others had and left meanwhile: its word is the same (ABA) ----------------------------------------
TEST_F(Overtaken, who_adopts_a_region_of_blocks_leaves_those_that_came_meanwhile) {
  Block::open(store, "first", 100).value();
  Stopped maker(
      [&] {
        Store s = theirs();
        arm();
        Block::open(s, "theirs", 100).value();
      },
      {"claim.look", 0});
  ASSERT_TRUE(maker.reached());
  Block mine = Block::open(store, "mine", 100).value();
  std::ranges::fill(mine.bytes(), std::byte{'m'});
  EXPECT_EQ(maker.finish(), 0);
  EXPECT_EQ(std::ranges::count(mine.bytes(), std::byte{'m'}), 100);
  for (const char* name : {"first", "mine", "theirs"}) EXPECT_TRUE(Block::open(store, name, 100)) << name;
  expect_undamaged(w.path);
}

TEST_F(Overtaken, who_adopts_a_region_in_which_there_is_no_room_any_more_takes_another) {
  theirs().put("before", std::string(1'000, 'b')).value();
  Stopped writer(
      [&] {
        Store s = theirs();
        arm();
        s.put("late", std::string(30'000, 'l')).value();
      },
      {"claim.look", 0});
  ASSERT_TRUE(writer.reached());
  theirs().put("meanwhile", std::string(50'000, 'm')).value();
  store.put("next", std::string(50'000, 'n')).value();  // the region behind it
  EXPECT_EQ(writer.finish(), 0);
  EXPECT_EQ(look(store, "meanwhile"), std::string(50'000, 'm'));
  EXPECT_EQ(look(store, "next"), std::string(50'000, 'n'));
  EXPECT_EQ(look(store, "late"), std::string(30'000, 'l'));
  expect_undamaged(w.path);
}

// Whoever reads in an epoch up to that in which it was left may still put something of it into the index.
TEST_F(Overtaken, who_compacts_a_region_that_was_left_again_lets_it_be) {
  {
    Store first = theirs();
    first.put("a", std::string(40'000, 'a')).value();
    first.put("b", "b").value();
    first.put("a", "small").value();
  }
  detail::Handle& h = *detail::handle_of(store);
  detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
  const std::uint64_t r = h.space.region_of(detail::find(h, detail::view(h, "b")).record.at);
  const auto state = [&] { return format::unpack(shared::state_load(h.space.descriptor(r).state)).state; };
  ASSERT_EQ(state(), format::RegionState::partial);
  Stopped compactor(
      [&] {
        Store s = theirs();
        arm();
        const auto seat = detail::ExclusiveSeat::take(*detail::handle_of(s)).value();
        EXPECT_FALSE(detail::begin_compaction(*detail::handle_of(s), *seat, detail::Worth::some));
      },
      {"compact.look", 0});
  ASSERT_TRUE(compactor.reached());
  const Record pinned = store.get("b").value();
  theirs().put("c", "c").value();
  ASSERT_EQ(state(), format::RegionState::partial);
  EXPECT_EQ(compactor.finish(), 0);
  EXPECT_EQ(state(), format::RegionState::partial);
  EXPECT_EQ(look(store, "c"), "c");
}

// Both saw that nobody has it.
TEST_F(Overtaken, of_two_tails_that_take_a_name_one_has_it) {
  Stopped late(
      [&] {
        Store s = theirs();
        s.put("warm", "up").value();
        arm();
        const auto tail = Tail::open(s, "t");
        EXPECT_EQ(tail ? Code{} : tail.error().code, Code::busy);
      },
      {"put.3", 0});
  ASSERT_TRUE(late.reached());
  Tail tail = Tail::open(store, "t").value();
  EXPECT_EQ(late.finish(), 0);
  EXPECT_TRUE(tail.save());
}

// Whoever sits on a dead one's seat is another.
TEST_F(Overtaken, the_next_one_on_a_seat_does_not_have_the_names_of_the_last) {
  EXPECT_TRUE(ends_at(
      [&] {
        Store s = theirs();
        const Tail tail = Tail::open(s, "t").value();
        arm();
        s.put("k", "v").value();
      },
      {"put.4", 0}));
  Store next = theirs();
  next.put("k", "v").value();
  EXPECT_TRUE(Tail::open(store, "t"));
}

// A record below the tail that is not a version yet will be one.
TEST_F(Overtaken, a_tail_shows_what_was_put_where_it_has_read_before) {
  Tail tail = Tail::from_now(store).value();
  Stopped writer(
      [&] {
        Store s = theirs();
        s.put("warm", "up").value();
        arm();
        s.put("late", "1").value();
        disarm();
        s.put("later", "2").value();
      },
      {"put.4", 0});
  ASSERT_TRUE(writer.reached());
  const auto next = [&] {
    const auto r = tail.next(Duration::zero());
    return r ? std::string(r->key()) : std::string(name(r.error().code));
  };
  EXPECT_EQ(next(), "warm");
  EXPECT_EQ(next(), "timeout");
  EXPECT_EQ(writer.finish(), 0);
  EXPECT_EQ(next(), "late");
  EXPECT_EQ(next(), "later");
  EXPECT_EQ(next(), "timeout");
}

// A key that is put anew while a tail looks is shown as the tail's instant shows it, however often that happens (H18).
TEST_F(Overtaken, a_tail_shows_what_is_replaced_while_it_looks) {
  Stopped writer(
      [&] {
        Store s = theirs();
        s.put("warm", "up").value();
        arm();
        s.put("unstamped", "1").value();
      },
      {"put.5", 0});
  ASSERT_TRUE(writer.reached());
  store.put("hot", "1").value();
  store.put("hot", "2").value();
  Stopped reader(
      [&] {
        Store s = theirs();
        Tail tail = Tail::open(s, "t").value();
        arm();
        bool seen = false;
        for (auto r = tail.next(Duration::zero()); r; r = tail.next(Duration::zero()))
          seen |= r->key() == "hot" && r->str() == "2";
        EXPECT_TRUE(seen);
      },
      {"fill.1", 0});  // it gives the stopped one's record its stamp: the instant is taken, and "hot" not met yet
  ASSERT_TRUE(reader.reached());
  store.put("hot", "3").value();
  EXPECT_EQ(reader.finish(), 0);
  EXPECT_EQ(writer.finish(), 0);
}

// What it hides was RETIRED when the sweep had its pin: still there, and a rebuild would read it (F12, F13).
TEST_F(Overtaken, a_sweep_leaves_what_hides_something_in_a_region_that_is_retired_under_it) {
  detail::Handle& h = *detail::handle_of(store);
  const auto leave = [&] { detail::leave_region(h, *detail::ExclusiveSeat::take(h).value()); };
  store.put("gone", "here").value();
  store.put("filler", std::string(60'000, 'x')).value();
  leave();
  store.erase("gone").value();
  store.put("second", std::string(60'000, 'x')).value();
  leave();
  store.put("filler", "").value();
  Stopped sweeper(
      [&] {
        Store s = theirs();
        detail::Handle& mine = *detail::handle_of(s);
        const auto seat = detail::ExclusiveSeat::take(mine).value();
        arm();
        EXPECT_EQ(detail::sweep(mine, *seat, std::chrono::nanoseconds(0), std::chrono::seconds(10)), 0u);
      },
      {"sweep.3", 0});
  ASSERT_TRUE(sweeper.reached());
  {
    const auto seat = detail::ExclusiveSeat::take(h).value();
    detail::recount(h, *seat);
    ASSERT_TRUE(detail::begin_compaction(h, *seat, detail::Worth::mostly));
    EXPECT_EQ(detail::finish_compaction(h, *seat).value(), detail::CompactionStep::retired);
  }
  EXPECT_EQ(sweeper.finish(), 0);
  EXPECT_EQ(look(store, "gone"), std::nullopt);
}

// A compactor stopped before it said that a region is RETIRED, others moved the epoch on, and a scan began, for which
// the region is as good as any other: it stays until the scan is over.
TEST_F(Overtaken, a_scan_that_began_before_a_region_was_retired_reads_it_to_its_end) {
  for (int i = 0; i < 40; ++i) store.put("first" + std::to_string(i), std::string(1'500, 'x')).value();
  store.put("k", "v").value();
  store.put("garbage", std::string(57'000, 'x')).value();
  store.put("garbage", "").value();
  store.put("more", std::string(20'000, 'x')).value();
  Stopped compactor(compacts(), {"retire.1", 0});
  ASSERT_TRUE(compactor.reached());
  detail::Handle& h = *detail::handle_of(store);
  detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
  // Of another region somebody had begun to move something too: the walk is there when the victim goes.
  format::Descriptor& other = h.space.descriptor(0);
  shared::dead_mark_store(other.may_hold_dead,
                          format::moved_from(format::generation_of(shared::state_load(other.state))));
  Records all = store.records();
  std::size_t seen = 0;
  auto record = all.begin();  // it has noted what it will walk through
  EXPECT_EQ(compactor.finish(), 0);
  for (; record != all.end(); ++record) ++seen;
  EXPECT_TRUE(all.status()) << all.status().error().message();
  EXPECT_EQ(seen, 43u);
}

}  // namespace
}  // namespace durra::test
