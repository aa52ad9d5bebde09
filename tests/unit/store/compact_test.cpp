// Compaction: garbage comes back while everybody works on, and nothing that anybody can see changes.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;
using test::shown;
using test::small;

CompactOptions at_once() {
  CompactOptions o;
  o.keep_erased = std::chrono::milliseconds(0);
  return o;
}

using Contents = std::map<std::string, std::pair<std::string, Stamp>>;
Contents contents(const Store& store) {
  Contents all;
  auto records = store.records();
  for (Record& r : records) {
    const std::string key = r.is_text() ? std::string(r.key()) : std::to_string(r.id());
    EXPECT_TRUE(all.emplace(key, std::pair(r.str(), r.stamp())).second) << "shown twice: " << key;
    EXPECT_TRUE(r.intact());
  }
  EXPECT_TRUE(records.status()) << records.status().error().message();
  return all;
}

// Regions that hold something, or will again.
std::uint64_t regions_held(const Store& store) {
  const auto s = stats(store).value();
  return s.region_count - s.regions_free;
}

struct Compact : testing::Test {
  test::Scratch scratch;
  std::string path = scratch / "c.durra";
};

// Every third of 600 keys is overwritten twice, every fifth erased.
void churn(Store& store) {
  for (int i = 0; i < 600; ++i) store.put(i, noise(300, static_cast<std::uint64_t>(i))).value();
  for (int round = 1; round < 3; ++round)
    for (int i = 0; i < 600; i += 3) store.put(i, noise(300, static_cast<std::uint64_t>(i + 1000 * round))).value();
  for (int i = 0; i < 600; i += 5) ASSERT_EQ(outcome(store.erase(i)), "ok");
}

TEST_F(Compact, gives_space_back_and_changes_nothing_that_can_be_seen) {
  auto store = open(path, small()).value();
  churn(store);
  const auto before = contents(store);
  const auto held = regions_held(store);
  const auto done = compact(store).value();
  EXPECT_GT(done.regions_retired, 0u);
  EXPECT_GT(done.bytes_freed, 0u);
  EXPECT_EQ(done.held_by_readers, 0u);
  EXPECT_LT(regions_held(store), held);
  EXPECT_EQ(contents(store), before);
  for (int i = 0; i < 600; i += 5) EXPECT_EQ(shown(store.get(i)), "<not_found>");
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(Compact, what_it_leaves_is_found_by_the_next_opener_and_by_a_rebuild) {
  Contents before;
  {
    auto store = open(path, small()).value();
    churn(store);
    before = contents(store);
    compact(store).value();
  }
  EXPECT_EQ(contents(open(path, small()).value()), before);
  Options o = small();
  o.rebuild = true;
  const auto rebuilt = open(path, o).value();
  EXPECT_EQ(contents(rebuilt), before);
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(Compact, a_record_that_is_held_stays_as_it_is) {
  auto store = open(path, small()).value();
  churn(store);
  const auto first = store.get(3).value();
  const auto second = store.get(4).value();
  const std::string text = first.str(), other = second.str();
  const auto now = store.snapshot().value();
  for (int i = 0; i < 600; ++i) store.put(i, "x").value();
  const auto done = compact(store).value();
  EXPECT_GT(done.held_by_readers, 0u);
  for (int i = 0; i < 3000; ++i) store.put(1000 + i % 50, noise(400, static_cast<std::uint64_t>(i))).value();
  EXPECT_EQ(first.text(), text);
  EXPECT_TRUE(first.intact());
  EXPECT_EQ(second.text(), other);
  EXPECT_EQ(shown(now.get(3)), text);
  EXPECT_EQ(shown(now.get(5)), "<not_found>");
  EXPECT_EQ(shown(store.get(3)), "x");
}

TEST_F(Compact, what_a_reader_held_back_comes_with_the_next_compaction) {
  auto store = open(path, small()).value();
  churn(store);
  {
    const auto snapshot = store.snapshot().value();
    EXPECT_GT(compact(store).value().held_by_readers, 0u);
  }
  EXPECT_EQ(compact(store).value().held_by_readers, 0u);
}

TEST_F(Compact, a_scan_that_was_begun_before_shows_each_record_once) {
  auto store = open(path, small()).value();
  churn(store);
  const auto before = contents(store);
  const auto snapshot = store.snapshot().value();
  auto records = snapshot.records();
  Contents seen;
  std::size_t n = 0;
  for (Record& r : records) {
    if (++n == 50) {
      for (int i = 0; i < 600; i += 7) store.put(i, "later").value();
      compact(store).value();
    }
    if (n == 200) compact(store).value();
    EXPECT_TRUE(seen.emplace(std::to_string(r.id()), std::pair(r.str(), r.stamp())).second) << r.id();
  }
  EXPECT_TRUE(records.status());
  EXPECT_EQ(seen, before);
  // And one that is begun afterwards, of the same instant.
  Contents again;
  for (Record& r : snapshot.records())
    EXPECT_TRUE(again.emplace(std::to_string(r.id()), std::pair(r.str(), r.stamp())).second) << r.id();
  EXPECT_EQ(again, before);
}

TEST_F(Compact, a_record_of_a_read_only_handle_stays_too) {
  auto store = open(path, small()).value();
  churn(store);
  auto reader = std::make_unique<Store>(open(path, small(Mode::read_only)).value());
  const auto held = reader->get(3).value();
  const std::string text = held.str();
  auto scan = reader->records();
  auto i = scan.begin();
  for (int k = 0; k < 600; ++k) store.put(k, "x").value();
  EXPECT_GT(compact(store).value().held_by_readers, 0u);
  for (int k = 0; k < 3000; ++k) store.put(1000 + k % 50, noise(400, static_cast<std::uint64_t>(k))).value();
  EXPECT_EQ(held.text(), text);
  EXPECT_TRUE(held.intact());
  for (; i != scan.end(); ++i) EXPECT_TRUE((*i).intact());
  EXPECT_TRUE(scan.status());
  for (int k = 0; k < 600; ++k) EXPECT_EQ(shown(reader->get(k)), "x");
  reader.reset();  // the Record keeps its pin
  compact(store).value();
  EXPECT_EQ(held.text(), text);
}

TEST_F(Compact, an_idle_read_only_handle_holds_nothing_back) {
  auto store = open(path, small()).value();
  churn(store);
  const auto reader = open(path, small(Mode::read_only)).value();
  EXPECT_EQ(shown(reader.get(1)), noise(300, 1));
  for (int k = 0; k < 600; ++k) store.put(k, "x").value();
  const auto done = compact(store).value();
  EXPECT_EQ(done.held_by_readers, 0u);
  EXPECT_GT(done.regions_retired, 3u);
}

// 100 live bytes, overwritten for ever: a few regions, and no call of compact.
TEST_F(Compact, a_store_that_is_overwritten_for_ever_stays_small) {
  auto store = open(path, small(64_MiB)).value();
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(outcome(store.put(1, noise(100, static_cast<std::uint64_t>(i)))), "ok");
  EXPECT_LE(regions_held(store), 24u);
  EXPECT_EQ(shown(store.get(1)), noise(100, 99'999));
}

TEST_F(Compact, a_full_store_goes_on_as_long_as_there_is_garbage) {
  auto store = open(path, small(1_MiB)).value();
  for (int i = 0; i < 3000; ++i)
    ASSERT_EQ(outcome(store.put(i % 7, noise(40'000, static_cast<std::uint64_t>(i)))), "ok") << i;
  for (int i = 2993; i < 3000; ++i) EXPECT_EQ(shown(store.get(i % 7)), noise(40'000, static_cast<std::uint64_t>(i)));
}

TEST_F(Compact, a_full_store_says_so_and_takes_puts_again_after_an_erase) {
  auto store = open(path, small(1_MiB)).value();
  int n = 0;
  while (store.put(n, noise(20'000, static_cast<std::uint64_t>(n)))) ++n;
  ASSERT_GT(n, 20);
  for (int i = 0; i < n; i += 2) ASSERT_EQ(outcome(store.erase(i)), "ok") << i;
  for (int i = 0; i < n / 4; ++i) ASSERT_EQ(outcome(store.put(1000 + i, noise(20'000))), "ok") << i;
  for (int i = 1; i < n; i += 2) EXPECT_EQ(shown(store.get(i)), noise(20'000, static_cast<std::uint64_t>(i)));
}

TEST_F(Compact, runs_of_regions_come_back_whole) {
  auto store = open(path, small(4_MiB)).value();
  for (int i = 0; i < 60; ++i)
    ASSERT_EQ(outcome(store.put("large", noise(500'000, static_cast<std::uint64_t>(i)))), "ok") << i;
  EXPECT_EQ(shown(store.get("large")), noise(500'000, 59));
  compact(store).value();
  EXPECT_EQ(shown(store.get("large")), noise(500'000, 59));
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(Compact, tombstones_that_hide_nothing_are_dropped) {
  auto store = open(path, small()).value();
  for (int i = 0; i < 2000; ++i) store.put(i, noise(50)).value();
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(outcome(store.erase(i)), "ok");
  EXPECT_EQ(compact(store).value().tombstones, 0u);  // a day is not over
  std::uint64_t dropped = 0;
  for (int i = 0; i < 4; ++i) dropped += compact(store, at_once()).value().tombstones;
  EXPECT_EQ(dropped, 2000u);
  EXPECT_LE(regions_held(store), 6u);
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(shown(store.get(i)), "<not_found>");
  const Stamp again = store.put(7, "again").value();
  EXPECT_EQ(outcome(store.put_if(7, "no", absent)), "conflict");
  EXPECT_EQ(outcome(store.put_if(7, "yes", again)), "ok");
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(Compact, nothing_erased_comes_back_after_tombstones_are_gone) {
  {
    auto store = open(path, small()).value();
    for (int i = 0; i < 500; ++i) store.put(i, noise(100)).value();
    for (int i = 0; i < 500; i += 2) ASSERT_EQ(outcome(store.erase(i)), "ok");
    for (int i = 0; i < 3; ++i) compact(store, at_once()).value();
  }
  Options o = small();
  o.rebuild = true;
  const auto store = open(path, o).value();
  for (int i = 0; i < 500; ++i) EXPECT_EQ(shown(store.get(i)), i % 2 == 0 ? "<not_found>" : noise(100)) << i;
}

TEST_F(Compact, an_old_stamp_does_not_match_a_key_whose_tombstone_went) {
  auto store = open(path, small()).value();
  const Stamp old = store.put("k", "1").value();
  ASSERT_EQ(outcome(store.erase("k")), "ok");
  for (int i = 0; i < 3; ++i) compact(store, at_once()).value();
  EXPECT_GT(store.put("k", "2").value(), old);
  EXPECT_EQ(outcome(store.put_if("k", "3", old)), "conflict");
}

TEST_F(Compact, regions_of_the_index_come_back) {
  auto store = open(path, small(32_MiB)).value();
  for (int i = 0; i < 60'000; ++i) store.put(i, "").value();
  const auto before = stats(store).value().regions_index;
  compact(store).value();
  const auto after = stats(store).value().regions_index;
  EXPECT_LT(after, before);
  EXPECT_LE(after, before * 5 / 6) << before;  // 0.72 to 0.78, by the file's seed
  for (int i = 0; i < 60'000; ++i) ASSERT_EQ(shown(store.get(i)), "") << i;
  for (int i = 60'000; i < 70'000; ++i) store.put(i, "").value();
  for (int i = 0; i < 70'000; ++i) ASSERT_EQ(shown(store.get(i)), "") << i;
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(Compact, stops_when_progress_says_so) {
  auto store = open(path, small()).value();
  churn(store);
  const auto before = contents(store);
  EXPECT_EQ(outcome(compact(store, {}, [](auto, auto) { return false; })), "timeout");
  EXPECT_EQ(contents(store), before);
  EXPECT_EQ(outcome(compact(store)), "ok");
  EXPECT_EQ(outcome(compact(*std::make_unique<Store>(open(path, small(Mode::read_only)).value()))), "read_only");
}

TEST_F(Compact, compressed_and_aligned_payloads_move_as_they_are) {
  auto store = open(path, small()).value();
  const std::string text(2000, 'a');
  for (int i = 0; i < 100; ++i) {
    store.put(i, text, {.compress = true}).value();
    store.put(100 + i, noise(500), {.align = 256}).value();
    store.put(200 + i, noise(600)).value();
  }
  for (int i = 200; i < 300; ++i) ASSERT_EQ(outcome(store.erase(i)), "ok");
  EXPECT_GT(compact(store).value().regions_retired, 0u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(shown(store.get(i)), text);
    const auto r = store.get(100 + i).value();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(r.bytes().data()) % 256, 0u);
  }
}

TEST_F(Compact, cold_payloads_are_packed_when_asked_for) {
  Options o = small();
  o.compress_cold = true;
  auto store = open(path, o).value();
  const auto text_of = [](int i) { return std::string(900, static_cast<char>('a' + i % 26)) + std::to_string(i); };
  for (int i = 0; i < 200; ++i) store.put(i, text_of(i)).value();
  for (int i = 200; i < 300; ++i) store.put(i, noise(900, static_cast<std::uint64_t>(i))).value();  // cannot be packed
  for (int i = 300; i < 400; ++i) store.put(i, text_of(i), {.align = 64}).value();
  for (int i = 0; i < 400; i += 2)
    store.put(i, i < 200 ? text_of(i) : noise(900, static_cast<std::uint64_t>(i))).value();
  const auto before = contents(store);
  const auto held = stats(store).value().live_bytes;
  EXPECT_GT(compact(store).value().regions_retired, 0u);
  EXPECT_EQ(contents(store), before);
  EXPECT_LT(stats(store).value().live_bytes, held - 50 * 800);
  EXPECT_EQ(contents(open(path, small()).value()), before);
  EXPECT_TRUE(verify(path).value().damage.empty());
}

}  // namespace
}  // namespace durra
