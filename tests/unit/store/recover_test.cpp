// recover: everything that parses, nothing that does not, and the truth about what is lost.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

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

struct Recover : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra", fresh = scratch / "fresh.durra";
  std::map<std::string, Stamp> stamps;

  void SetUp() override {
    auto store = open(path, small()).value();
    for (int i = 0; i < 1'000; ++i) {
      store.put("k" + std::to_string(i), "old " + std::to_string(i)).value();
    }
    for (int i = 0; i < 1'000; ++i) {
      const std::string key = "k" + std::to_string(i);
      stamps[key] = store.put(key, noise(100, static_cast<std::uint64_t>(i))).value();
    }
    store.put("large", noise(200'000)).value();
    store.put("packed", std::string(50'000, 'p'), {.compress = true}).value();
    store.put("aligned", noise(1'000), {.align = 4096}).value();
    store.put(7, "integer").value();
    store.put("erased", "x").value();
    store.erase("erased").value();
  }
  static constexpr std::uint64_t kLive = 1'004;

  // The fresh store has all but these keys, with the same bytes and stamps.
  void check_fresh(const std::map<std::string, std::string>& others = {}) const {
    const auto store = open(fresh, small()).value();
    EXPECT_EQ(stats(store).value().opened, Opened::clean);
    for (int i = 0; i < 1'000; ++i) {
      const std::string key = "k" + std::to_string(i);
      const auto other = others.find(key);
      const auto record = store.get(key);
      ASSERT_EQ(shown(record), other == others.end() ? noise(100, static_cast<std::uint64_t>(i)) : other->second);
      if (other == others.end()) {
        ASSERT_EQ(record->stamp(), stamps.at(key));
      }
    }
    EXPECT_EQ(shown(store.get(7)), "integer");
    EXPECT_EQ(shown(store.get("erased")), "<not_found>");
    EXPECT_EQ(shown(store.get("packed")), std::string(50'000, 'p'));
    EXPECT_TRUE(verify(fresh).value().damage.empty());
  }
};

TEST_F(Recover, a_healthy_store_is_copied_whole) {
  const auto salvage = recover(path, fresh).value();
  EXPECT_EQ(salvage.kept, kLive);
  EXPECT_EQ(salvage.lost, 0u);
  EXPECT_TRUE(salvage.damage.empty());
  check_fresh();
  const auto store = open(fresh, small()).value();
  EXPECT_EQ(shown(store.get("large")), noise(200'000));
  const auto aligned = store.get("aligned").value();
  EXPECT_EQ(aligned.text(), noise(1'000));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(aligned.bytes().data()) % 4096, 0u);
  EXPECT_LT(stats(store).value().region_count, stats(open(path, small()).value()).value().region_count + 1);
}

TEST_F(Recover, the_damaged_file_is_only_read) {
  const FileEdit edit(path);
  edit.flip(edit.find("k300").payload_at);
  const std::string before = edit.read(0, edit.size());
  ASSERT_TRUE(recover(path, fresh));
  EXPECT_TRUE(edit.read(0, edit.size()) == before);
}

TEST_F(Recover, an_unreadable_newest_version_is_lost_and_said_so) {
  const FileEdit edit(path);
  const auto r = edit.find("k300");
  edit.flip(r.payload_at + 50);
  const auto salvage = recover(path, fresh).value();
  EXPECT_EQ(salvage.kept, kLive - 1);
  EXPECT_EQ(salvage.lost, 1u);
  ASSERT_EQ(salvage.damage.size(), 1u);
  EXPECT_EQ(salvage.damage[0].error.detail, r.at);
  EXPECT_NE(salvage.damage[0].what.find("\"k300\""), std::string::npos) << salvage.damage[0].what;
  check_fresh({{"k300", "<not_found>"}});
}

TEST_F(Recover, accept_older_keeps_the_version_before) {
  const FileEdit edit(path);
  edit.flip(edit.find("k300").payload_at + 50);
  const auto salvage = recover(path, fresh, true).value();
  EXPECT_EQ(salvage.kept, kLive);
  EXPECT_EQ(salvage.lost, 0u);
  EXPECT_EQ(salvage.damage.size(), 1u);
  check_fresh({{"k300", "old 300"}});
}

TEST_F(Recover, what_follows_an_unreadable_header_is_found_again) {
  const FileEdit edit(path);
  const auto r = edit.find("k300");
  edit.write(r.at, std::string(48, '\xee'));
  const auto salvage = recover(path, fresh).value();
  ASSERT_FALSE(salvage.damage.empty());
  EXPECT_EQ(salvage.damage[0].error.detail, r.at);
  EXPECT_EQ(salvage.kept, kLive);
  check_fresh({{"k300", "old 300"}});  // nobody can know that there was a newer one: said of the gap
}

TEST_F(Recover, a_region_without_its_header_is_read_by_its_descriptor) {
  const FileEdit edit(path);
  edit.write(edit.region_at(edit.find("k300").region), std::string(64, '\0'));
  const auto salvage = recover(path, fresh).value();
  EXPECT_EQ(salvage.kept, kLive);
  EXPECT_FALSE(salvage.damage.empty());
  check_fresh();
}

TEST_F(Recover, a_store_without_its_descriptors_index_and_control_is_found_by_its_headers) {
  const FileEdit edit(path);
  const auto& super = edit.super();
  const std::uint64_t from = super.descriptors_offset, to = super.regions_offset;
  edit.write(from, std::string(to - from, '\xaa'));
  edit.write(format::kControlOffset, std::string(4096 + super.root_words * 8, '\xaa'));
  const auto salvage = recover(path, fresh).value();
  EXPECT_EQ(salvage.kept, kLive);
  check_fresh();
}

TEST_F(Recover, a_file_that_lost_its_end_gives_what_is_left) {
  const FileEdit edit(path);
  const auto large = edit.find("large");
  edit.cut(large.at + 1'000);
  const auto salvage = recover(path, fresh).value();
  EXPECT_LT(salvage.kept, kLive);
  EXPECT_GT(salvage.kept, 100u);
  const auto store = open(fresh, small()).value();
  EXPECT_EQ(stats(store).value().live_records, salvage.kept);
}

TEST_F(Recover, a_store_that_is_in_use_can_be_saved_from) {
  auto store = open(path, small()).value();
  store.put("k0", noise(100, 0)).value();
  const auto salvage = recover(path, fresh).value();
  EXPECT_EQ(salvage.kept, kLive);
}

TEST_F(Recover, an_existing_file_is_not_touched) {
  { const auto there = open(fresh, small()).value(); }
  EXPECT_EQ(outcome(recover(path, fresh)), "conflict");
  EXPECT_EQ(outcome(recover(path, path)), "conflict");
  EXPECT_EQ(stats(open(fresh, small()).value()).value().live_records, 0u);
}

TEST_F(Recover, stopped_it_leaves_nothing) {
  EXPECT_EQ(outcome(recover(path, fresh, false, [](auto, auto) { return false; })), "timeout");
  EXPECT_FALSE(std::filesystem::exists(fresh));
  int entries = 0;
  for (const auto& e : std::filesystem::directory_iterator(scratch.path())) entries += e.path() != "";
  EXPECT_EQ(entries, 1);
}

TEST_F(Recover, what_is_no_store_is_refused) {
  EXPECT_EQ(outcome(recover(scratch / "none", fresh)), "not_found");
  FileEdit(path).flip(0);
  EXPECT_EQ(outcome(recover(path, fresh)), "unsupported");
  EXPECT_FALSE(std::filesystem::exists(fresh));
}

// Any one bit of the file flipped: whatever recover keeps is right.
TEST_F(Recover, whatever_bit_is_flipped_nothing_false_is_kept) {
  const FileEdit edit(path);
  std::uint64_t random = 12345;
  for (int i = 0; i < 150; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t at = 256 + (random >> 20) % (edit.size() - 256);
    edit.flip(at, random % 8);
    const std::string copy = scratch / ("copy" + std::to_string(i));
    const auto salvage = recover(path, copy);
    ASSERT_EQ(outcome(salvage), "ok") << at;
    ASSERT_GE(salvage->kept + salvage->lost, kLive - 1) << at;
    {
      const auto store = open(copy, small()).value();
      auto records = store.records();
      for (Record& r : records) {
        if (r.key()[0] != 'k' || !r.is_text()) continue;
        const auto n = std::stoull(std::string(r.key().substr(1)));
        ASSERT_TRUE(r.text() == noise(100, n) || (r.text() == "old " + std::to_string(n))) << at;
      }
      ASSERT_EQ(shown(store.get("erased")), "<not_found>") << at;
    }
    std::filesystem::remove(copy);
    edit.flip(at, random % 8);
  }
}

}  // namespace
}  // namespace durra
