// snapshot and records: exactly one instant, whatever happens meanwhile.
#include <durra/care.h>
#include <durra/store.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;
using test::shown;
using test::small;

std::map<std::string, std::string> all(Records records) {
  std::map<std::string, std::string> m;
  for (Record& r : records) {
    const std::string key = r.is_text() ? "\"" + std::string(r.key()) : std::to_string(r.id());
    EXPECT_TRUE(m.emplace(key, r.str()).second) << "shown twice: " << key;
  }
  EXPECT_TRUE(records.status());
  return m;
}

struct Snapshots : testing::Test {
  test::Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
};

TEST_F(Snapshots, records_shows_each_live_key_once) {
  EXPECT_TRUE(all(store.records()).empty());
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 500; ++i) {
    for (int version = 0; version < 3; ++version) {
      store.put(i, std::to_string(version)).value();
      store.put("t" + std::to_string(i), std::to_string(version)).value();
    }
    expected[std::to_string(i)] = "2";
    if (i % 3 == 0)
      store.erase("t" + std::to_string(i)).value();
    else
      expected["\"t" + std::to_string(i)] = "2";
  }
  EXPECT_EQ(all(store.records()), expected);
  EXPECT_EQ(all(store.snapshot().value().records()), expected);
}

TEST_F(Snapshots, a_prefix_chooses_text_keys) {
  for (const char* key : {"a", "ab", "abc", "b"}) store.put(key, "x").value();
  store.put(7, "x").value();
  EXPECT_EQ(all(store.records("ab")).size(), 2u);
  EXPECT_EQ(all(store.records("abcd")).size(), 0u);
  EXPECT_EQ(all(store.records("")).size(), 5u);
  EXPECT_EQ(all(store.snapshot().value().records("b")).size(), 1u);
}

// It was left out, and the scan said that it was whole.
TEST_F(Snapshots, what_a_prefix_does_not_choose_for_its_key_has_rotted_is_told) {
  store.put("user/1", "x").value();
  store.put("other", "x").value();
  const auto one = store.get("user/1").value();
  const auto scan_says = [&](const char* prefix) {
    auto some = store.records(prefix);
    for (const Record& r : some) EXPECT_TRUE(r.key().starts_with(prefix));
    return outcome(some.status());
  };
  EXPECT_EQ(scan_says("user/"), "ok");
  const_cast<char&>(one.key()[0]) ^= 1;
  EXPECT_EQ(scan_says("user/"), "damaged");
  EXPECT_EQ(scan_says("other"), "damaged");
  EXPECT_EQ(outcome(Tail::open(store, "t", "user/").value().next(std::chrono::seconds(0))), "damaged");
}

TEST_F(Snapshots, a_snapshot_does_not_change) {
  store.put("kept", "1").value();
  store.put("changed", "1").value();
  store.put("erased", "1").value();
  const auto snapshot = store.snapshot().value();
  store.put("changed", "2").value();
  store.put("changed", "3").value();
  store.erase("erased").value();
  store.put("erased", "again").value();
  store.put("added", "1").value();
  EXPECT_EQ(shown(snapshot.get("kept")), "1");
  EXPECT_EQ(shown(snapshot.get("changed")), "1");
  EXPECT_EQ(shown(snapshot.get("erased")), "1");
  EXPECT_EQ(shown(snapshot.get("added")), "<not_found>");
  EXPECT_EQ(shown(snapshot.get("never")), "<not_found>");
  const std::map<std::string, std::string> then{{"\"kept", "1"}, {"\"changed", "1"}, {"\"erased", "1"}};
  EXPECT_EQ(all(snapshot.records()), then);
  EXPECT_EQ(shown(store.get("changed")), "3");
}

TEST_F(Snapshots, every_one_of_many_snapshots_is_exact) {
  std::vector<Snapshot> snapshots;
  for (int i = 0; i < 200; ++i) {
    store.put("k", std::to_string(i)).value();
    if (i % 7 == 3) store.erase("k").value();
    snapshots.push_back(store.snapshot().value());
  }
  for (int i = 0; i < 200; ++i)
    ASSERT_EQ(shown(snapshots[static_cast<std::size_t>(i)].get("k")), i % 7 == 3 ? "<not_found>" : std::to_string(i));
}

TEST_F(Snapshots, records_of_a_snapshot_may_be_kept_and_outlive_everything) {
  for (int i = 0; i < 100; ++i) store.put(i, noise(100, static_cast<std::uint64_t>(i))).value();
  std::vector<Record> kept;
  {
    auto snapshot = store.snapshot().value();
    auto records = snapshot.records();
    { const auto dropped = std::move(snapshot); }
    for (Record& r : records) kept.push_back(std::move(r));
    { const auto closed = std::move(store); }
  }
  ASSERT_EQ(kept.size(), 100u);
  for (const Record& r : kept) EXPECT_EQ(r.text(), noise(100, r.id()));
  kept.clear();
  store = open(scratch / "s.durra", small()).value();
  EXPECT_EQ(stats(store).value().opened, Opened::clean);
}

TEST_F(Snapshots, assignment_drops_what_was_there) {
  store.put("k", "1").value();
  auto snapshot = store.snapshot().value();
  store.put("k", "2").value();
  snapshot = store.snapshot().value();
  EXPECT_EQ(shown(snapshot.get("k")), "2");
  auto records = store.records();
  store.put("k", "3").value();
  records = store.records();
  EXPECT_EQ(all(std::move(records)).at("\"k"), "3");
  { const auto dropped = std::move(snapshot); }
  EXPECT_EQ(participants(store).value().at(0).pins, 0u);
}

// Each version that is met asks what the instant shows of its key.  When each walked the chain of versions for itself,
// a backup of a counter that was written to meanwhile did not end.
// Who only reads has no instant.  What was put again behind the place of the walk was shown neither there nor here.
TEST_F(Snapshots, a_read_only_walk_shows_what_is_put_again_meanwhile) {
  for (int i = 0; i < 2'000; ++i) store.put(i, "before").value();
  const auto reader = open(scratch / "s.durra", small(Mode::read_only)).value();
  std::set<std::uint64_t> seen;
  Records records = reader.records();
  for (Record& r : records) {
    if (seen.empty())
      for (int round = 0; round < 3; ++round)
        for (int i = 0; i < 2'000; ++i) store.put(i, "after").value();
    EXPECT_TRUE(seen.insert(r.id()).second);
  }
  EXPECT_EQ(outcome(records.status()), "ok");
  EXPECT_EQ(seen.size(), 2'000u);
}

// A version that is moved out of the walk's sight is shown where it was.
TEST_F(Snapshots, a_read_only_walk_shows_what_compaction_moves_meanwhile) {
  for (int i = 0; i < 6'000; ++i) store.put(i % 3'000, noise(300)).value();
  for (int i = 0; i < 3'000; i += 2) store.erase(i).value();
  const auto reader = open(scratch / "s.durra", small(Mode::read_only)).value();
  std::set<std::uint64_t> seen;
  Records records = reader.records();
  for (Record& r : records) {
    if (seen.empty()) {
      EXPECT_GT(compact(store).value().regions_retired, 3u);
    }
    EXPECT_TRUE(seen.insert(r.id()).second);
  }
  EXPECT_EQ(outcome(records.status()), "ok");
  EXPECT_EQ(seen.size(), 1'500u);
}

// Two who put, erase and compact, and for two seconds walks by new handles: what stays is shown once, and nothing is
// called damage.
void walk_beside_writers(const std::string& path, Mode mode) {
  std::atomic<bool> stop = false;
  const auto write = [&](std::uint64_t seed) {
    auto mine = open(path, small()).value();
    for (std::uint64_t i = seed; !stop; i = i * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407) {
      const std::uint64_t key = i >> 33;
      const auto done = mine.put(key % 1'000, noise(key % 200));
      ASSERT_TRUE(done || done.error().code == Code::full) << outcome(done);
      const std::uint64_t other = 10'000 + key % 700;
      if (key % 3 == 0)
        (void)mine.erase(other);
      else
        (void)mine.put(other, noise(key % 300));
      if (key % 512 == 0) (void)compact(mine, {.keep_erased = std::chrono::milliseconds(0)});
    }
  };
  std::thread first(write, 1), second(write, 2);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (std::chrono::steady_clock::now() < until && !testing::Test::HasFailure()) {
    const auto walker = open(path, small(mode)).value();
    std::set<std::uint64_t> seen;
    Records records = walker.records();
    for (Record& r : records) EXPECT_TRUE(seen.insert(r.id()).second) << "shown twice: " << r.id();
    EXPECT_TRUE(records.status()) << records.status().error().message();
    for (std::uint64_t i = 0; i < 1'000; ++i) EXPECT_TRUE(seen.contains(i)) << i;
  }
  stop = true;
  first.join();
  second.join();
}

TEST_F(Snapshots, read_only_walks_beside_writers_leave_out_nothing_that_stays) {
  for (int i = 0; i < 1'000; ++i) store.put(i, noise(100)).value();
  walk_beside_writers(scratch / "s.durra", Mode::read_only);
}

// A copy that one of them made in a region that filled, while what it was copied from was not given back yet, was moved
// on by the other: of both places the walk found that the index named neither.
TEST_F(Snapshots, walks_beside_two_who_compact_show_nothing_twice) {
  for (int i = 0; i < 1'000; ++i) store.put(i, noise(100)).value();
  walk_beside_writers(scratch / "s.durra", Mode::create);
}

TEST_F(Snapshots, the_chain_of_a_hot_key_is_walked_once) {
  for (int i = 0; i < 40'000; ++i) store.put("hot", std::to_string(i)).value();
  const auto snapshot = store.snapshot().value();
  for (int i = 0; i < 40'000; ++i) store.put("hot", "later").value();
  const auto begun = std::chrono::steady_clock::now();
  const auto found = all(snapshot.records());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));  // 40,000 × 40,000 steps take longer
  EXPECT_EQ(found.at("\"hot"), "39999");
  EXPECT_EQ(found.size(), 1u);
}

// A pair is written one after the other by a thread that never stops: an instant shows the second never ahead.
TEST_F(Snapshots, an_instant_is_one_while_others_write) {
  std::atomic<int> written{0}, taken{0};
  std::thread writer([&] {
    for (int i = 0; i < 20'000; ++i) {  // a small store
      while (taken * 400 < i) std::this_thread::yield();
      const std::string value = std::to_string(i);
      store.put("first", value).value();
      store.put("second", value).value();
      if (i % 5 == 0)
        (void)store.erase("flicker");
      else
        store.put("flicker", value).value();
      written = i;
    }
  });
  int moved = 0;
  for (int round = 0, last = -1; round < 50; ++round) {
    while (written < round * 390) std::this_thread::yield();
    const auto snapshot = store.snapshot().value();
    ++taken;
    const auto second = snapshot.get("second");
    const auto first = snapshot.get("first");
    const auto scan = all(snapshot.records());
    if (second) {
      const int a = std::stoi(first->str()), b = std::stoi(second->str());
      ASSERT_TRUE(a == b || a == b + 1) << a << " " << b;
      ASSERT_EQ(scan.at("\"first"), first->str());
      ASSERT_EQ(scan.at("\"second"), second->str());
      moved += b != last;
      last = b;
    }
    ASSERT_EQ(scan.contains("\"flicker"), static_cast<bool>(snapshot.get("flicker")));
  }
  taken = 20'000;
  writer.join();
  EXPECT_GT(moved, 40);
}

}  // namespace
}  // namespace durra
