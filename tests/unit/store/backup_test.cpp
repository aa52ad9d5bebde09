// backup: a compacted copy of one instant, with the stamps it had.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "tests/support/crash.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;
using test::shown;
using test::small;

struct Backup : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra", fresh = scratch / "fresh.durra";
  Store store = open(path, small(16_MiB)).value();
};

TEST_F(Backup, keeps_contents_and_stamps_and_leaves_garbage_behind) {
  std::map<int, std::pair<std::string, Stamp>> model;
  for (int i = 0; i < 20'000; ++i) {
    const std::string value = noise(static_cast<std::size_t>(i % 150), static_cast<std::uint64_t>(i));
    model[i % 2'000] = {value, store.put(i % 2'000, value).value()};
  }
  for (int i = 0; i < 2'000; i += 5) {
    store.erase(i).value();
    model.erase(i);
  }
  store.put("large", noise(300'000), {.align = 4096}).value();
  store.put("packed", std::string(100'000, 'p'), {.compress = true}).value();

  const auto copied = backup(store, fresh).value();
  EXPECT_EQ(copied.records, model.size() + 2);
  const auto copy = open(fresh, small()).value();
  EXPECT_EQ(stats(copy).value().opened, Opened::clean);
  std::uint64_t found = 0;
  auto records = copy.records();
  for (Record& r : records) {
    if (r.is_text()) continue;
    const auto& [value, stamp] = model.at(static_cast<int>(r.id()));
    ASSERT_EQ(r.text(), value);
    ASSERT_EQ(r.stamp(), stamp);
    ASSERT_EQ(shown(copy.get(r.id())), value);
    ++found;
  }
  EXPECT_EQ(found, model.size());
  EXPECT_EQ(shown(copy.get("large")), noise(300'000));
  EXPECT_EQ(shown(copy.get("packed")), std::string(100'000, 'p'));
  EXPECT_EQ(shown(copy.get(5)), "<not_found>");
  EXPECT_EQ(stats(copy).value().garbage_bytes, 0u);
  EXPECT_LT(stats(copy).value().region_count, stats(store).value().region_count);
  EXPECT_NE(stats(copy).value().uuid, stats(store).value().uuid);
  EXPECT_TRUE(verify(fresh).value().damage.empty());
}

TEST_F(Backup, versions_go_on_in_the_copy) {
  const Stamp old = store.put("k", "1").value();
  const Stamp seen = store.put("k", "2").value();
  ASSERT_TRUE(backup(store, fresh));
  auto copy = open(fresh, small()).value();
  EXPECT_EQ(outcome(copy.put_if("k", "x", old)), "conflict");
  const auto next = copy.put_if("k", "3", seen);
  ASSERT_EQ(outcome(next), "ok");
  EXPECT_GT(*next, seen);
  const auto snapshot = copy.snapshot().value();
  EXPECT_GT(copy.put("k", "4").value(), *next);
  EXPECT_EQ(shown(snapshot.get("k")), "3");
}

TEST_F(Backup, what_changes_meanwhile_is_not_in_it) {
  for (int i = 0; i < 3'000; ++i) store.put(i, "before").value();
  int calls = 0;
  const auto copied = backup(store, fresh, [&](std::uint64_t, std::uint64_t) {
    ++calls;
    store.put("added", "x").value();
    for (int i = 0; i < 3'000; i += 7) store.put(i, "after").value();
    (void)store.erase(1);
    return true;
  });
  EXPECT_EQ(copied->records, 3'000u);
  EXPECT_GE(calls, 2);
  const auto copy = open(fresh, small()).value();
  for (int i = 0; i < 3'000; ++i) ASSERT_EQ(shown(copy.get(i)), "before");
  EXPECT_EQ(shown(copy.get("added")), "<not_found>");
}

TEST_F(Backup, of_an_empty_store) {
  EXPECT_EQ(backup(store, fresh).value().records, 0u);
  EXPECT_EQ(stats(open(fresh, small()).value()).value().live_records, 0u);
}

TEST_F(Backup, of_a_read_only_handle) {
  store.put("k", "v").value();
  const auto reader = open(path, small(Mode::read_only)).value();
  EXPECT_EQ(backup(reader, fresh).value().records, 1u);
  EXPECT_EQ(shown(open(fresh, small()).value().get("k")), "v");
}

// It has no instant: what others put meanwhile may be in it or not.  Once it left out what they put again.
TEST_F(Backup, of_a_read_only_handle_beside_writers_is_busy) {
  for (int i = 0; i < 3'000; ++i) store.put(i, "before").value();
  const auto reader = open(path, small(Mode::read_only)).value();
  const auto refused = backup(reader, fresh, [&](std::uint64_t, std::uint64_t) {
    for (int i = 0; i < 3'000; ++i) store.put(i, "after").value();
    return true;
  });
  EXPECT_EQ(outcome(refused), "busy");
  EXPECT_FALSE(std::filesystem::exists(fresh));
  EXPECT_EQ(backup(reader, fresh).value().records, 3'000u);
}

// Its put has happened, but the stamp is not there yet, and who only reads cannot give it: that was called damage.
TEST_F(Backup, of_a_read_only_handle_after_a_writer_died_in_a_put) {
  store.put("k", "v").value();
  ASSERT_TRUE(test::ends_at(
      [&] {
        auto dies = open(path, small()).value();
        test::arm();
        dies.put("k", "w").value();
      },
      {"put.5", 0}));
  const auto reader = open(path, small(Mode::read_only)).value();
  EXPECT_EQ(outcome(backup(reader, fresh)), "read_only");
  EXPECT_FALSE(std::filesystem::exists(fresh));
  EXPECT_EQ(shown(store.get("k")), "w");
  EXPECT_EQ(backup(store, fresh).value().records, 1u);
  EXPECT_EQ(shown(open(fresh, small()).value().get("k")), "w");
}

TEST_F(Backup, an_existing_file_is_not_touched) {
  store.put("k", "v").value();
  ASSERT_TRUE(backup(store, fresh));
  store.put("k", "w").value();
  EXPECT_EQ(outcome(backup(store, fresh)), "conflict");
  EXPECT_EQ(outcome(backup(store, path)), "conflict");
  EXPECT_EQ(shown(open(fresh, small()).value().get("k")), "v");
}

TEST_F(Backup, stopped_it_leaves_nothing) {
  for (int i = 0; i < 5'000; ++i) store.put(i, "x").value();
  EXPECT_EQ(outcome(backup(store, fresh, [](auto, auto) { return false; })), "timeout");
  EXPECT_FALSE(std::filesystem::exists(fresh));
  std::uint64_t pins = 0;
  const auto seats = participants(store).value();
  for (const SeatInfo& s : seats) pins += s.pins;
  EXPECT_EQ(pins, 0u);
}

TEST_F(Backup, damage_is_not_copied) {
  store.put("k", noise(100)).value();
  store.put("l", noise(100)).value();
  { const Store closed = std::move(store); }
  const test::FileEdit edit(path);
  const auto r = edit.find("k");
  edit.flip(r.payload_at + 3);
  store = open(path, small()).value();
  const auto refused = backup(store, fresh);
  ASSERT_EQ(outcome(refused), "damaged");
  EXPECT_EQ(refused.error().detail, r.at);
  EXPECT_FALSE(std::filesystem::exists(fresh));
}

}  // namespace
}  // namespace durra
