// Records, handles and threads: nothing dangles by closing the store first, nothing is lost by holding much.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;
using test::shown;
using test::small;

// Holds Records of one key until there are 130,000 or the answer is `full`.
template <class From>
void hold_many(const From& from, std::vector<Record>& held) {
  while (held.size() < 130'000) {
    auto record = from.get("k");
    if (!record) {
      EXPECT_EQ(outcome(record), "full");
      return;
    }
    held.push_back(*std::move(record));
  }
}

struct Lifetime : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small()).value();
  std::uint64_t pins() const {
    std::uint64_t n = 0;
    const auto seats = participants(store).value();
    for (const SeatInfo& s : seats) n += s.pins;
    return n;
  }
};

TEST_F(Lifetime, a_record_outlives_its_store) {
  store.put("k", noise(100'000)).value();
  store.put("packed", std::string(1000, 'a'), {.compress = true}).value();
  auto record = store.get("k").value();
  auto packed = store.get("packed").value();
  { const Store closed = std::move(store); }
  EXPECT_EQ(record.text(), noise(100'000));
  EXPECT_EQ(record.key(), "k");
  EXPECT_TRUE(record.intact());
  EXPECT_EQ(packed.text(), std::string(1000, 'a'));
  store = open(path, small()).value();  // while the old handle is kept by its records
  EXPECT_EQ(stats(store).value().opened, Opened::warm);
  store.put("k", "new").value();
  EXPECT_EQ(record.text(), noise(100'000));
}

TEST_F(Lifetime, the_last_record_closes_its_handle) {
  store.put("k", "v").value();
  {
    auto record = store.get("k").value();
    auto other = store.get("k").value();
    { const Store closed = std::move(store); }
    std::thread([r = std::move(record)] { EXPECT_EQ(r.text(), "v"); }).join();
    EXPECT_EQ(other.text(), "v");
  }
  store = open(path, small()).value();
  EXPECT_EQ(stats(store).value().opened, Opened::clean);
}

// The one that gave the pin back went on with a handle that the other had deleted.
TEST_F(Lifetime, the_last_record_of_a_read_only_handle_and_its_store_may_go_at_once) {
  store.put("k", "v").value();
  for (int round = 0; round < 300; ++round) {
    std::optional<Store> reader = open(path, small(Mode::read_only)).value();
    std::optional<Record> record = reader->get("k").value();
    std::atomic<int> there{0};
    const auto meet = [&] {
      ++there;
      while (there != 2) {
      }
    };
    std::thread other([&] {
      meet();
      record.reset();
    });
    meet();
    reader.reset();
    other.join();
  }
}

TEST_F(Lifetime, a_record_keeps_its_bytes_whatever_happens_to_its_key) {
  store.put("k", "first").value();
  const auto record = store.get("k").value();
  for (int i = 0; i < 1000; ++i) store.put("k", noise(200)).value();
  store.erase("k").value();
  EXPECT_EQ(record.text(), "first");
  EXPECT_TRUE(record.intact());
}

TEST_F(Lifetime, a_record_moves) {
  store.put("a", "1").value();
  store.put("b", "2").value();
  auto a = store.get("a").value();
  auto b = store.get("b").value();
  Record c = std::move(a);
  EXPECT_EQ(c.text(), "1");
  c = std::move(b);
  EXPECT_EQ(c.text(), "2");
  EXPECT_EQ(pins(), 1u);
  auto& same = c;
  c = std::move(same);
  EXPECT_EQ(c.text(), "2");
}

TEST_F(Lifetime, a_thousand_records_may_be_held) {
  for (int i = 0; i < 1000; ++i) store.put(i, std::to_string(i)).value();
  std::vector<Record> held;
  for (int i = 0; i < 1000; ++i) held.push_back(store.get(i).value());
  EXPECT_EQ(pins(), 1000u);
  for (int i = 0; i < 1000; ++i) store.put(i, "new").value();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(held[static_cast<std::size_t>(i)].text(), std::to_string(i));
  held.clear();
  EXPECT_EQ(pins(), 0u);
}

// A thread may hold 120,000 Records; what is over that is refused and takes nothing with it.
TEST_F(Lifetime, more_records_than_can_be_held_are_refused) {
  store.put("k", "v").value();
  std::vector<Record> held;
  while (held.size() < 120'000) held.push_back(store.get("k").value());
  EXPECT_EQ(outcome(store.get("k")), "full");
  EXPECT_EQ(outcome(store.put("k", "w")), "full");
  EXPECT_EQ(outcome(store.snapshot()), "full");
  held.pop_back();
  EXPECT_EQ(outcome(store.put("k", "w")), "ok");
  held.clear();
  EXPECT_EQ(pins(), 0u);
  EXPECT_EQ(shown(store.get("k")), "w");
}

// The pin of a snapshot is one cell of 15 bits: Records got from it once ran over into the bit that says "closing".
TEST_F(Lifetime, more_records_of_one_snapshot_than_can_be_held_are_refused) {
  store.put("k", "v").value();
  {
    const auto snapshot = store.snapshot().value();
    std::vector<Record> held;
    hold_many(snapshot, held);
    EXPECT_GE(held.size(), 20'000u);
    EXPECT_LE(held.size(), 30'000u);
    EXPECT_EQ(pins(), held.size() + 1);
    EXPECT_EQ(outcome(snapshot.records().status()), "full");
    EXPECT_EQ(shown(store.get("k")), "v");  // other cells are free
  }
  EXPECT_EQ(pins(), 0u);
}

TEST_F(Lifetime, more_records_of_one_scan_than_can_be_held_end_it_with_full) {
  for (int i = 0; i < 31'000; ++i) store.put(i, "").value();
  std::vector<Record> held;
  auto records = store.records();
  for (Record& r : records) held.push_back(std::move(r));
  EXPECT_EQ(outcome(records.status()), "full");
  EXPECT_GE(held.size(), 20'000u);
  held.clear();
  { const auto dropped = std::move(records); }
  EXPECT_EQ(pins(), 0u);
}

TEST_F(Lifetime, more_records_of_a_read_only_handle_than_can_be_held_are_refused) {
  store.put("k", "v").value();
  auto reader = open(path, small(Mode::read_only)).value();
  std::vector<Record> held;
  hold_many(reader, held);
  EXPECT_EQ(held.size(), 120'000u);
  EXPECT_EQ(outcome(reader.records().status()), "full");
  { const Store closed = std::move(reader); }
  EXPECT_EQ(held.front().text(), "v");
  EXPECT_EQ(held.back().text(), "v");
  held.clear();
}

TEST_F(Lifetime, two_handles_of_one_process_are_two_participants) {
  auto other = open(path, small()).value();
  EXPECT_EQ(stats(other).value().opened, Opened::warm);
  store.put("k", "1").value();
  EXPECT_EQ(shown(other.get("k")), "1");
  other.put("k", "2").value();
  EXPECT_EQ(shown(store.get("k")), "2");
  EXPECT_EQ(participants(store).value().size(), 2u);
  { const Store closed = std::move(other); }
  EXPECT_EQ(participants(store).value().size(), 1u);
  EXPECT_EQ(shown(store.get("k")), "2");
}

TEST_F(Lifetime, one_thread_may_use_many_handles_in_turn) {
  std::vector<Store> handles;
  for (int i = 0; i < 10; ++i) handles.push_back(open(path, small()).value());
  for (int round = 0; round < 20; ++round)
    for (std::size_t i = 0; i < handles.size(); ++i) handles[i].put(i, std::to_string(round)).value();
  for (std::size_t i = 0; i < handles.size(); ++i) EXPECT_EQ(shown(store.get(i)), "19");
  EXPECT_EQ(participants(store).value().size(), 11u);  // one seat each: homes that were pushed out are found again
}

TEST_F(Lifetime, a_store_moves) {
  store.put("k", "v").value();
  Store other = std::move(store);
  EXPECT_EQ(shown(other.get("k")), "v");
  store = std::move(other);
  EXPECT_EQ(shown(store.get("k")), "v");
}

}  // namespace
}  // namespace durra
