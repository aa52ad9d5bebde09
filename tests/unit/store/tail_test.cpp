// Tail: every key's latest version once, in order, from where it was left; a name that one living tail has.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "format/tail.h"
#include "store/append.h"
#include "store/tail.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;
using test::outcome;
using test::shown;
using test::small;
using Lines = std::vector<std::string>;

// "key=text", "key erased".
std::string line(const Record& r) {
  const std::string key = r.is_text() ? std::string(r.key()) : std::to_string(r.id());
  return r.erased() ? key + " erased" : key + "=" + r.str();
}
// What comes without waiting.
Lines drain(Tail& tail) {
  Lines all;
  for (;;) {
    auto r = tail.next(0s);
    if (!r && r.error().code == Code::timeout) return all;
    all.push_back(r ? line(*r) : shown(r));
    if (!r) return all;
  }
}

struct Tails : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  std::optional<Store> store = open(path, small(64_MiB)).value();
  void reopen(bool rebuild = false) {
    store.reset();
    Options o = small(64_MiB);
    o.rebuild = rebuild;
    store = open(path, o).value();
  }
};

// It was passed over, and saved as shown.
TEST_F(Tails, what_could_not_be_given_comes_with_the_next_call) {
  constexpr int kEvents = 31'000;  // more than a reader may hold of one collection
  for (int i = 0; i < kEvents; ++i) store->put(i, "v").value();
  Tail tail = Tail::open(*store, "t").value();
  std::vector<Record> held;
  int seen = 0, refused = 0;
  for (;;) {
    auto r = tail.next(0s);
    if (r) {
      EXPECT_EQ(static_cast<int>(r->id()), seen++);
      held.push_back(*std::move(r));
      continue;
    }
    if (outcome(r) == "timeout") break;
    ASSERT_EQ(outcome(r), "full");
    ASSERT_EQ(outcome(tail.next(0s)), "full");
    ASSERT_LT(++refused, 5);
    held.clear();
  }
  EXPECT_EQ(seen, kEvents);
  EXPECT_GT(refused, 0);
}

// ---- What it shows --------------------------------------------------------------------------------------------------
TEST_F(Tails, the_oldest_first_then_what_comes) {
  store->put("b", "1").value();
  store->put("a", "2").value();
  store->put(7, "3").value();
  Tail tail = Tail::open(*store, "t").value();
  EXPECT_EQ(drain(tail), (Lines{"b=1", "a=2", "7=3"}));
  EXPECT_EQ(drain(tail), Lines{});
  store->put("a", "4").value();
  EXPECT_EQ(drain(tail), Lines{"a=4"});
}

TEST_F(Tails, a_version_superseded_before_it_looked_is_passed_over) {
  for (int i = 0; i < 10; ++i) store->put("k", std::to_string(i)).value();
  Tail tail = Tail::open(*store, "t").value();
  EXPECT_EQ(drain(tail), Lines{"k=9"});
}

TEST_F(Tails, what_is_erased_is_said) {
  store->put("k", "1").value();
  store->put("j", "1").value();
  Tail tail = Tail::open(*store, "t").value();
  EXPECT_EQ(drain(tail), (Lines{"k=1", "j=1"}));
  store->erase("k").value();
  store->put("j", "2").value();
  const auto erased = tail.next(0s).value();
  EXPECT_TRUE(erased.erased());
  EXPECT_EQ(erased.key(), "k");
  EXPECT_TRUE(erased.bytes().empty());
  EXPECT_EQ(drain(tail), Lines{"j=2"});
  store->put("k", "2").value();
  EXPECT_EQ(drain(tail), Lines{"k=2"});
}

TEST_F(Tails, a_prefix_selects_and_the_librarys_own_keys_are_never_shown) {
  Tail all = Tail::open(*store, "all").value();
  Tail some = Tail::open(*store, "some", "user/").value();
  store->put("user/1", "x").value();
  store->put("users", "x").value();
  store->put(1, "x").value();
  EXPECT_EQ(drain(some), Lines{"user/1=x"});
  some.save().value();
  EXPECT_EQ(drain(all), (Lines{"user/1=x", "users=x", "1=x"}));
  for (int i = 0; i < 3; ++i) {
    all.save().value();
    EXPECT_EQ(drain(all), Lines{});
  }
}

TEST_F(Tails, from_now_shows_only_what_comes) {
  store->put("old", "1").value();
  Tail tail = Tail::from_now(*store).value();
  EXPECT_EQ(drain(tail), Lines{});
  store->put("new", "1").value();
  store->put("old", "2").value();
  EXPECT_EQ(drain(tail), (Lines{"new=1", "old=2"}));
  EXPECT_EQ(outcome(tail.save()), "invalid");
}

TEST_F(Tails, compressed_and_large_payloads) {
  const std::string large = test::noise(200'000);
  store->put("z", std::string(5'000, 'z'), {.durability = {}, .compress = true, .align = 8}).value();
  store->put("large", large).value();
  Tail tail = Tail::open(*store, "t").value();
  EXPECT_EQ(drain(tail), (Lines{"z=" + std::string(5'000, 'z'), "large=" + large}));
}

TEST_F(Tails, records_outlive_the_tail_and_a_tail_outlives_the_store) {
  store->put("k", "1").value();
  std::optional<Tail> tail = Tail::open(*store, "t").value();
  const Record record = tail->next(0s).value();
  store.reset();
  EXPECT_EQ(drain(*tail), Lines{});
  tail->save().value();
  tail.reset();
  EXPECT_EQ(record.text(), "1");
}

TEST_F(Tails, more_than_one_collection_holds_come_once_and_in_order) {
  const int count = static_cast<int>(detail::kCollectMax) * 3 / 2;
  for (int i = 0; i < count; ++i) store->put(i, "").value();
  for (int i = 0; i < 1'000; ++i) store->put(i, "again").value();
  Tail tail = Tail::open(*store, "t").value();
  std::vector<std::uint64_t> ids;
  for (;;) {
    auto r = tail.next(0s);
    if (!r) break;
    ids.push_back(r->id());
  }
  ASSERT_EQ(ids.size(), static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    ASSERT_EQ(ids[static_cast<std::size_t>(i)], static_cast<std::uint64_t>((i + 1'000) % count)) << i;
}

// Two writers who begin within one tick of the clock give equal stamps: the position says which key.
TEST_F(Tails, a_position_lies_between_records_of_one_stamp) {
  Store other = open(path).value();
  for (Store* s : {&*store, &other}) s->put("b", "0").value();  // a seat at each
  (void)store->snapshot().value();                              // a tick that nobody has put in
  std::vector<Stamp> stamps;
  for (const char* key : {"b", "a", "c"}) stamps.push_back((key[0] == 'a' ? other : *store).put(key, "1").value());
  std::optional<Tail> tail = Tail::open(*store, "t").value();
  Lines all;
  while (all.size() < 3) {
    all.push_back(line(tail->next(0s).value()));
    tail->save().value();
    tail.reset();
    tail = Tail::open(*store, "t").value();
  }
  EXPECT_EQ(drain(*tail), Lines{});
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (Lines{"a=1", "b=1", "c=1"}));
  EXPECT_TRUE(stamps[0] == stamps[1] || stamps[1] == stamps[2] || stamps[0] == stamps[2]) << "the case was not met";
}

TEST_F(Tails, one_hot_key_hides_nothing_and_is_seen) {
  Tail tail = Tail::open(*store, "t").value();
  store->put("cold", "1").value();
  for (int i = 0; i < 50'000; ++i) store->put("hot", std::to_string(i)).value();
  store->put("late", "1").value();
  EXPECT_EQ(drain(tail), (Lines{"cold=1", "hot=49999", "late=1"}));
}

// Between two calls more than a second apart nothing is kept in place: what was superseded meanwhile comes later.
TEST_F(Tails, what_changes_between_slow_calls_comes_in_its_newest_version) {
  for (const char* key : {"a", "b", "c", "d"}) store->put(key, "1").value();
  Tail tail = Tail::open(*store, "t").value();
  EXPECT_EQ(line(tail.next(0s).value()), "a=1");
  store->put("b", "2").value();
  store->erase("c").value();
  EXPECT_EQ(line(tail.next(0s).value()), "b=1");  // as of one instant
  std::this_thread::sleep_for(1'100ms);
  std::uint64_t pins = 0;
  EXPECT_EQ(drain(tail), (Lines{"d=1", "b=2", "c erased"}));
  const auto who = participants(*store).value();
  for (const SeatInfo& s : who) pins += s.pins;
  EXPECT_EQ(pins, 0u);
}

// ---- Waiting --------------------------------------------------------------------------------------------------------
TEST_F(Tails, next_sleeps_until_something_comes) {
  Tail tail = Tail::from_now(*store).value();
  EXPECT_EQ(outcome(tail.next(-1s)), "timeout");
  EXPECT_EQ(outcome(tail.next(10ms)), "timeout");
  std::thread later([&] {
    std::this_thread::sleep_for(20ms);
    store->put("k", "1").value();
    std::this_thread::sleep_for(20ms);
    store->erase("k").value();
  });
  EXPECT_EQ(line(tail.next(Duration::max()).value()), "k=1");
  EXPECT_EQ(line(tail.next(Duration::max()).value()), "k erased");
  later.join();
}

// ---- Names ----------------------------------------------------------------------------------------------------------
TEST_F(Tails, a_named_tail_goes_on_where_it_was_saved) {
  for (int i = 0; i < 6; ++i) store->put(i, "").value();
  {
    Tail tail = Tail::open(*store, "t").value();
    for (int i = 0; i < 2; ++i) (void)tail.next(0s).value();
    tail.save().value();
    for (int i = 0; i < 2; ++i) (void)tail.next(0s).value();  // shown, and not saved
  }
  {
    Tail tail = Tail::open(*store, "t").value();
    EXPECT_EQ(line(tail.next(0s).value()), "2=");
    tail.save().value();
    tail.save().value();
  }
  reopen();
  {
    Tail tail = Tail::open(*store, "t").value();
    EXPECT_EQ(line(tail.next(0s).value()), "3=");
    tail.save().value();
  }
  reopen(true);
  Tail tail = Tail::open(*store, "t").value();
  EXPECT_EQ(drain(tail), (Lines{"4=", "5="}));
  Tail other = Tail::open(*store, "another").value();
  EXPECT_EQ(drain(other).size(), 6u);
}

TEST_F(Tails, a_position_is_saved_with_its_effects_or_not_at_all) {
  for (int i = 0; i < 6; ++i) store->put(i, "").value();
  std::optional<Tail> tail = Tail::open(*store, "t", "").value();
  (void)tail->next(0s).value();
  Batch batch;
  batch.put("effect", "1");
  tail->save(batch);
  (void)tail->next(0s).value();
  tail->save(batch);  // again: the later one counts
  EXPECT_EQ(outcome(store->put(batch)), "ok");
  EXPECT_EQ(outcome(store->put(batch)), "conflict");  // once
  Batch other;
  (void)tail->next(0s).value();
  tail->save(other);
  other.put_if("effect", "2", absent);
  EXPECT_EQ(outcome(store->put(other)), "conflict");
  tail.reset();
  tail = Tail::open(*store, "t", "").value();
  EXPECT_EQ(line(tail->next(0s).value()), "2=");
  Batch left;
  tail->save(left);
  tail.reset();
  tail = Tail::open(*store, "t", "").value();
  EXPECT_EQ(outcome(store->put(left)), "conflict") << "saved by one who has the name no more";
  EXPECT_EQ(line(tail->next(0s).value()), "2=");
}

TEST_F(Tails, what_a_batch_did_comes_in_the_order_of_its_keys) {
  Store other = open(path).value();
  store->put("b", "0").value();
  store->put("d", "0").value();
  std::optional<Tail> tail = Tail::open(*store, "t").value();
  EXPECT_EQ(drain(*tail), (Lines{"b=0", "d=0"}));
  tail->save().value();
  other.put(Batch().put("c", "1").erase("b").put(9, "1").put("a", "1").erase("never")).value();
  Lines all;
  for (auto r = tail->next(0s); r; r = tail->next(0s)) {
    all.push_back(line(*r));
    tail->save().value();
    tail.reset();
    tail = Tail::open(*store, "t").value();
  }
  EXPECT_EQ(all, (Lines{"9=1", "a=1", "b erased", "c=1", "never erased"}));
}

TEST_F(Tails, a_name_is_one_living_tails) {
  std::optional<Tail> tail = Tail::open(*store, "t").value();
  Store other = open(path).value();
  for (Store* s : {&*store, &other}) {
    const auto busy = Tail::open(*s, "t");
    EXPECT_EQ(outcome(busy), "busy");
    EXPECT_EQ(busy.error().detail, static_cast<std::uint64_t>(::getpid()));
  }
  EXPECT_EQ(outcome(Tail::open(other, "u")), "ok");
  Tail moved = *std::move(tail);
  tail.reset();
  EXPECT_EQ(outcome(Tail::open(other, "t")), "busy");
  { const Tail gone = std::move(moved); }
  Tail theirs = Tail::open(other, "t").value();
  EXPECT_EQ(outcome(Tail::open(*store, "t")), "busy");
}

TEST_F(Tails, of_another_process_the_pid_is_told_and_the_dead_are_succeeded) {
  store->put("a", "1").value();
  store->put("b", "1").value();
  test::Child holder([&] {
    Store mine = open(path).value();
    Tail tail = Tail::open(mine, "t").value();
    (void)tail.next(0s).value();
    tail.save().value();
    mine.put("held", "").value();
    std::this_thread::sleep_for(60s);
    return 0;
  });
  (void)store->wait("held", absent, 60s).value();
  const auto busy = Tail::open(*store, "t");
  EXPECT_EQ(outcome(busy), "busy");
  EXPECT_EQ(busy.error().detail, static_cast<std::uint64_t>(holder.pid()));
  holder.kill();
  Tail tail = Tail::open(*store, "t").value();
  EXPECT_EQ(drain(tail), (Lines{"b=1", "held="}));
}

TEST_F(Tails, names_have_limits) {
  EXPECT_EQ(outcome(Tail::open(*store, "")), "invalid");
  EXPECT_EQ(outcome(Tail::open(*store, std::string(1'019, 'n'))), "too_large");
  EXPECT_EQ(outcome(Tail::open(*store, std::string(1'018, 'n'))), "ok");
  EXPECT_EQ(outcome(Tail::open(*store, std::string("\0n", 2))), "ok");
  Store reader = open(path, small(Mode::read_only)).value();
  EXPECT_EQ(outcome(Tail::open(reader, "t")), "read_only");
  EXPECT_EQ(outcome(Tail::from_now(reader)), "read_only");
}

TEST_F(Tails, keys_of_every_length_can_be_positions) {
  store->put(std::string(1'024, 'k'), "1").value();
  store->put(std::string("k\0k", 3), "1").value();
  std::optional<Tail> tail = Tail::open(*store, "t").value();
  EXPECT_EQ(line(tail->next(0s).value()).size(), 1'024u + 2);
  tail->save().value();
  tail.reset();
  tail = Tail::open(*store, "t").value();
  EXPECT_EQ(line(tail->next(0s).value()).size(), 3u + 2);
  EXPECT_EQ(drain(*tail), Lines{});
}

TEST_F(Tails, a_copy_of_the_store_goes_on_at_the_same_place) {
  for (int i = 0; i < 100; ++i) store->put("k" + std::to_string(i), "").value();
  Tail tail = Tail::open(*store, "t").value();
  Lines rest;
  for (int i = 0; i < 50; ++i) (void)tail.next(0s).value();
  tail.save().value();
  backup(*store, scratch / "copy.durra").value();
  Store copy = open(scratch / "copy.durra").value();
  Tail theirs = Tail::open(copy, "t").value();
  EXPECT_EQ(drain(theirs), drain(tail));
}

TEST_F(Tails, a_position_that_is_none_is_damage) {
  Tail::open(*store, "t").value().save().value();
  auto& h = *detail::handle_of(*store);
  detail::Change c;
  const std::string key = std::string(format::kTailKey) + "t";
  c.key = detail::view(h, key);
  c.shape = {.payload_size = 3, .key_size = static_cast<std::uint32_t>(key.size())};
  c.payload = std::as_bytes(std::span("xyz", 3));
  detail::append(h, c).value();
  EXPECT_EQ(outcome(Tail::open(*store, "t")), "damaged");
}

// ---- In a full store ------------------------------------------------------------------------------------------------
// The store is full of versions that the tail's collection keeps in place, and nobody else.
struct TailsInAFullStore : Tails {
  TailsInAFullStore() {
    for (int i = 0; i < 100; ++i) full.put(i, test::noise(1'000)).value();
    tail = Tail::open(full, "t").value();
    EXPECT_EQ(tail->next(0s).value().id(), 0u);
    for (const std::size_t size : {1'000u, 100u, 0u})
      for (int i = 0;; ++i)
        if (const auto done = full.put(i % 100, test::noise(size)); !done) {
          EXPECT_EQ(outcome(done), "full");
          break;
        }
  }
  const std::string there = scratch / "full.durra";
  Store full = open(there, small(1_MiB)).value();
  std::optional<Tail> tail;
};

// Its own pin left no room for its position: nothing but next(), which it may not call before it has saved, let go.
TEST_F(TailsInAFullStore, one_saves_its_position_though_its_own_pin_keeps_the_room) {
  EXPECT_EQ(outcome(tail->save()), "ok");
  EXPECT_EQ(drain(*tail).size(), 100u) << "what took the place of what it was about to show";
  EXPECT_EQ(outcome(full.put("k", "v")), "ok");
}

// The name was to be given back under the pin, found no room, and stayed that of a tail that was gone.
TEST_F(TailsInAFullStore, one_gives_its_name_back_though_its_own_pin_keeps_the_room) {
  tail.reset();
  Store other = open(there, small(1_MiB)).value();
  EXPECT_EQ(outcome(Tail::open(other, "t")), "ok");
}

// ---- Damage and cost ------------------------------------------------------------------------------------------------
struct ReadTails : Tails {
  // A store with several sealed regions, of whose first record the header is gone.
  void damage_the_first() {
    for (int i = 0; i < 3'000; ++i) store->put(i, std::string(100, 'x')).value();
    const auto where = regions(*store).value();
    const auto sealed =
        std::find_if(where.begin(), where.end(), [](const RegionInfo& r) { return r.state == "sealed"; });
    ASSERT_NE(sealed, where.end());
    at = sealed->offset + format::kRegionData;
    flip();
  }
  void flip() { detail::handle_of(*store)->space.base()[at + 3] ^= std::byte{1}; }
  std::uint64_t at = 0;
};

TEST_F(ReadTails, damage_is_told_once_and_the_rest_comes) {
  damage_the_first();
  Tail tail = Tail::open(*store, "t").value();
  const Lines all = drain(tail);
  EXPECT_EQ(all.back(), "<damaged>");
  EXPECT_GT(all.size(), 2'000u);
  EXPECT_EQ(drain(tail), Lines{});
  store->put("k", "1").value();
  EXPECT_EQ(drain(tail), Lines{"k=1"});
  flip();
}

TEST_F(ReadTails, regions_that_are_known_to_be_old_are_not_read_again) {
  for (int i = 0; i < 10; ++i) store->put(i, "").value();
  damage_the_first();
  flip();
  Tail first = Tail::open(*store, "first").value();
  EXPECT_EQ(drain(first).size(), 3'000u);
  first.save().value();
  flip();  // whoever reads it tells
  EXPECT_EQ(drain(first), Lines{});
  Tail now = Tail::from_now(*store).value();
  EXPECT_EQ(drain(now), Lines{});
  Tail all = Tail::open(*store, "second").value();
  EXPECT_EQ(drain(all).back(), "<damaged>");
  flip();
}

// What is noted of a region for all later tails is noted when nothing more can come.
TEST_F(Tails, a_region_that_another_read_while_it_was_written_is_read) {
  store->put("filler", std::string(60'000, 'x')).value();
  Tail first = Tail::open(*store, "first").value();
  EXPECT_EQ(drain(first).size(), 1u);
  Tail second = Tail::from_now(*store).value();
  store->put("b", "2").value();
  store->put("large", std::string(60'000, 'x')).value();  // elsewhere: the region is sealed
  const Lines seen = drain(second);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0], "b=2");
}

}  // namespace
}  // namespace durra
