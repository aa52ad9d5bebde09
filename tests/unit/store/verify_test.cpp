// verify names the place of every flipped bit that matters, and nothing else.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "format/leaf.h"
#include "store/index.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::FileEdit;
using test::noise;
using test::outcome;
using test::small;

struct Verify : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  void SetUp() override {
    auto store = open(path, small()).value();
    for (int i = 0; i < 1'000; ++i)
      store.put("k" + std::to_string(i), noise(100, static_cast<std::uint64_t>(i))).value();
    store.put("large", noise(200'000)).value();
    store.put(7, "integer").value();
    store.erase("k1").value();
  }
  // The only damage there is lies at `offset`.
  void expect_only(std::uint64_t offset, const std::string& what = "") const {
    const auto verdict = verify(path);
    ASSERT_EQ(outcome(verdict), "ok");
    ASSERT_EQ(verdict->damage.size(), 1u);
    const Finding& f = verdict->damage[0];
    EXPECT_EQ(f.error.code, Code::damaged);
    EXPECT_EQ(f.error.detail, offset) << f.error.message() << " " << f.what;
    EXPECT_NE(f.what.find(what), std::string::npos) << f.what;
  }
  // The first damage lies at `offset`; others may follow from it.
  void expect_first(std::uint64_t offset) const {
    const auto damage = verify(path).value().damage;
    ASSERT_FALSE(damage.empty());
    EXPECT_EQ(damage[0].error.detail, offset) << damage[0].error.message() << " " << damage[0].what;
  }
};

TEST_F(Verify, a_healthy_store_has_no_damage_and_is_counted) {
  const auto verdict = verify(path).value();
  EXPECT_TRUE(verdict.damage.empty());
  EXPECT_EQ(verdict.records, 1'003u);
  EXPECT_EQ(verdict.bytes, 1'000u * 100 + 200'000 + 7);
  EXPECT_EQ(verdict.processes, 0u);
  EXPECT_EQ(verdict.torn_tails, 0u);
  EXPECT_GE(verdict.regions, 4u);
}

TEST_F(Verify, reads_only) {
  const std::string before = FileEdit(path).read(0, FileEdit(path).size());
  ASSERT_TRUE(verify(path));
  EXPECT_TRUE(FileEdit(path).read(0, FileEdit(path).size()) == before);
}

TEST_F(Verify, a_flipped_bit_of_a_payload_is_its_records_damage) {
  const FileEdit edit(path);
  const auto r = edit.find("k300");
  for (const std::uint64_t at : {r.payload_at, r.payload_at + 50, r.payload_at + 99}) {
    edit.flip(at, 5);
    expect_only(r.at, "\"k300\", 100 bytes");
    edit.flip(at, 5);
  }
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(Verify, a_flipped_bit_far_inside_a_run) {
  const FileEdit edit(path);
  const auto r = edit.find("large");
  edit.flip(r.payload_at + 150'000);
  expect_only(r.at, "\"large\"");
}

TEST_F(Verify, a_flipped_bit_of_a_key) {
  const FileEdit edit(path);
  const auto r = edit.find("k300");
  edit.flip(r.at + format::kRecordHeaderSize + 2, 2);
  expect_only(r.at);
  const auto store = open(path, small()).value();
  EXPECT_EQ(outcome(store.get("k300")), "damaged") << "it may have been this one";
  EXPECT_EQ(outcome(store.get("k301")), "ok");
}

TEST_F(Verify, every_flipped_bit_of_a_record_header_that_does_not_change) {
  const FileEdit edit(path);
  const auto r = edit.find("k300");
  for (std::uint64_t byte = 0; byte < offsetof(format::RecordHeader, prev); ++byte) {
    edit.flip(r.at + byte, byte % 8);
    expect_only(r.at);
    edit.flip(r.at + byte, byte % 8);
  }
}

TEST_F(Verify, every_flipped_bit_of_a_stamp_or_its_check) {
  const FileEdit edit(path);
  const auto r = edit.find("k300");
  for (const std::uint64_t word : {offsetof(format::RecordHeader, stamp), offsetof(format::RecordHeader, word)})
    for (std::uint64_t bit = 0; bit < 64; ++bit) {
      const std::uint64_t at = r.at + word + bit / 8;
      edit.flip(at, bit % 8);
      const auto damage = verify(path).value().damage;
      // The bit that says "stamped" is gone: then it is a void record, as after a kill.
      const bool looks_void = word == offsetof(format::RecordHeader, word) && bit == 63;
      ASSERT_EQ(damage.size(), looks_void ? 0u : 1u) << word << " bit " << bit;
      edit.flip(at, bit % 8);
    }
}

TEST_F(Verify, every_flipped_bit_of_a_region_header) {
  const FileEdit edit(path);
  const auto region = edit.find("k300").region;
  for (std::uint64_t byte = 0; byte < sizeof(format::RegionHeader); ++byte) {
    edit.flip(edit.region_at(region) + byte, byte % 8);
    expect_only(edit.region_at(region), "region " + std::to_string(region));
    edit.flip(edit.region_at(region) + byte, byte % 8);
  }
}

TEST_F(Verify, every_flipped_bit_of_a_state_word) {
  const FileEdit edit(path);
  const auto region = edit.find("k300").region;
  for (unsigned bit = 0; bit < 64; ++bit) {
    edit.flip(edit.descriptor_at(region) + bit / 8, bit % 8);
    expect_only(edit.descriptor_at(region), "region " + std::to_string(region));
    edit.flip(edit.descriptor_at(region) + bit / 8, bit % 8);
  }
}

// Whoever claims it would write over what is there.
TEST_F(Verify, a_state_word_of_zero) {
  const FileEdit edit(path);
  const std::uint64_t at = edit.descriptor_at(edit.find("k300").region);
  edit.set(at, std::uint64_t{0});
  expect_first(at);
}

// Stamps would be given a second time, or below those that are there.
TEST_F(Verify, a_clock_that_went_back) {
  const FileEdit edit(path);
  const std::uint64_t at = format::kControlOffset + offsetof(format::Control, clock);
  const auto latest = edit.find("k999").stamp >> 16;
  ASSERT_GT(latest, 1u);
  edit.set(at, latest - 1);
  expect_only(at);
}

// A put whose leaf must grow answers `damaged` there.
TEST_F(Verify, a_frozen_root_word) {
  const FileEdit edit(path);
  edit.flip(format::kRootOffset + 5, 3);
  expect_first(format::kRootOffset);
}

TEST_F(Verify, a_tail_beyond_its_region) {
  const FileEdit edit(path);
  const auto region = edit.find("k300").region;
  auto d = edit.descriptor(region);
  d.tail = 1 << 30;
  edit.set(edit.descriptor_at(region), d);
  expect_only(edit.descriptor_at(region));
}

TEST_F(Verify, every_flipped_bit_of_the_superblock_is_an_error_of_its_own) {
  const FileEdit edit(path);
  for (std::uint64_t byte = 0; byte < sizeof(format::Superblock); ++byte) {
    edit.flip(byte, byte % 8);
    const auto verdict = verify(path);
    ASSERT_FALSE(verdict) << byte;
    EXPECT_TRUE(verdict.error().code == Code::damaged || verdict.error().code == Code::unsupported) << byte;
    EXPECT_EQ(open(path, small()).error().code, verdict.error().code) << byte;
    edit.flip(byte, byte % 8);
  }
  EXPECT_TRUE(verify(path));
}

TEST_F(Verify, an_index_word_that_leads_nowhere) {
  const FileEdit edit(path);
  for (std::uint32_t i = 0; i < edit.super().root_words; ++i) {
    const std::uint64_t at = format::kRootOffset + i * 8ull;
    const auto word = edit.get<std::uint64_t>(at);
    if (word == 0) continue;
    auto node = format::unpack_node(word);
    node.offset += 1ull << 40;
    edit.set(at, format::pack(node));
    return expect_first(at);
  }
  FAIL() << "no node";
}

TEST_F(Verify, a_slot_that_leads_nowhere) {
  const FileEdit edit(path);
  for (std::uint32_t i = 0; i < edit.super().root_words; ++i) {
    const auto node = format::unpack_node(edit.get<std::uint64_t>(format::kRootOffset + i * 8ull));
    for (std::uint32_t k = 0; k < node.slots; ++k) {
      const std::uint64_t at = node.offset + k * 8ull;
      const auto slot = edit.get<std::uint64_t>(at);
      if (slot == 0) continue;
      edit.set(at, format::slot_word(format::slot_hash_of(slot), 1ull << 40));
      return expect_first(at);
    }
  }
  FAIL() << "no slot";
}

TEST_F(Verify, a_key_that_the_index_has_lost) {
  const FileEdit edit(path);
  const auto r = edit.find("k300");
  for (std::uint32_t i = 0; i < edit.super().root_words; ++i) {
    const auto node = format::unpack_node(edit.get<std::uint64_t>(format::kRootOffset + i * 8ull));
    for (std::uint32_t k = 0; k < node.slots; ++k) {
      const std::uint64_t at = node.offset + k * 8ull;
      if (format::slot_offset(edit.get<std::uint64_t>(at)) != r.at) continue;
      edit.set(at, format::kDead);
      return expect_only(r.at, "region");
    }
  }
  FAIL() << "no slot";
}

TEST_F(Verify, a_file_that_lost_its_end) {
  const FileEdit edit(path);
  const auto r = edit.find("large");
  edit.cut(r.at + 1'000);
  const auto verdict = verify(path).value();
  ASSERT_FALSE(verdict.damage.empty());
  EXPECT_EQ(verdict.damage[0].error.detail, r.at);
}

TEST_F(Verify, bytes_behind_a_tail_are_a_torn_tail_and_no_damage) {
  const FileEdit edit(path);
  const auto region = edit.find("k1").region;  // of the newest record
  const auto d = edit.descriptor(region);
  ASSERT_LT(d.tail + 100, edit.super().region_size);
  edit.write(edit.region_at(region) + d.tail, noise(40));
  const auto verdict = verify(path).value();
  EXPECT_TRUE(verdict.damage.empty());
  EXPECT_EQ(verdict.torn_tails, 1u);
}

TEST_F(Verify, works_while_the_store_is_in_use) {
  auto store = open(path, small()).value();
  auto other = open(path, small()).value();
  store.put("more", "x").value();
  auto draft = other.draft("unfinished", 100).value();
  draft.bytes()[0] = std::byte{1};
  const auto verdict = verify(path).value();
  EXPECT_TRUE(verdict.damage.empty());
  EXPECT_EQ(verdict.records, 1'004u);
  EXPECT_EQ(verdict.processes, 1u);
  EXPECT_EQ(verdict.torn_tails, 0u);
}

TEST_F(Verify, can_be_stopped) {
  int calls = 0;
  const auto stopped = verify(path, [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_LE(done, total);
    return ++calls < 3;
  });
  EXPECT_EQ(outcome(stopped), "timeout");
  EXPECT_EQ(calls, 3);
}

TEST_F(Verify, says_when_there_is_none) { EXPECT_EQ(outcome(verify(scratch / "none")), "not_found"); }

// What a read meets of the same bits: an error with the place, never another payload.
TEST_F(Verify, reads_of_damaged_records_say_so) {
  const FileEdit edit(path);
  const auto body = edit.find("k300"), head = edit.find("k400");
  edit.flip(body.payload_at + 50);
  edit.flip(head.at + 9);
  const auto store = open(path, small()).value();
  const auto got = store.get("k300").value();  // a get checks the header only
  const auto intact = got.intact();
  ASSERT_EQ(outcome(intact), "damaged");
  EXPECT_EQ(intact.error().detail, body.at);
  const auto lost = store.get("k400");
  ASSERT_EQ(outcome(lost), "damaged");
  EXPECT_EQ(lost.error().detail, head.at);
  auto records = store.records();
  for (Record& r : records) EXPECT_NE(r.key(), "k400");
  EXPECT_EQ(outcome(records.status()), "damaged");
}

TEST_F(Verify, an_index_that_names_an_older_version_is_said) {
  auto store = open(path, small()).value();
  detail::Handle& h = *detail::handle_of(store);
  const auto key = detail::view(h, "k5");
  const std::uint64_t old = detail::find(h, key).record.at;
  store.put("k5", "new").value();
  const auto at = detail::find_for_change(h, key);
  ASSERT_TRUE(shared::index_swing(*at.slot, at.word, format::slot_word(format::slot_hash(key.tag), old)));
  const auto damage = verify(path).value().damage;
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].error.message().find("index: an older version is named") == std::string::npos, false)
      << damage[0].error.message();
}

// A leaf was read as often as it was named: below 64 inner nodes with 64 words each in every word of the root, say, for
// hours.
TEST_F(Verify, a_leaf_that_is_named_twice_is_said) {
  const FileEdit edit(path);
  std::uint64_t leaf = 0, second = 0;
  for (std::uint32_t i = 0; i < edit.super().root_words && second == 0; ++i) {
    const std::uint64_t at = format::kRootOffset + i * 8ull;
    const auto word = edit.get<std::uint64_t>(at);
    if (word == 0) continue;
    (leaf == 0 ? leaf : second) = leaf == 0 ? word : at;
  }
  ASSERT_NE(second, 0u);
  edit.set(second, leaf);
  const auto damage = verify(path).value().damage;
  ASSERT_FALSE(damage.empty());
  EXPECT_EQ(damage[0].error.detail, second);
  EXPECT_STREQ(damage[0].error.what, "index: a node is named twice");
}

// Nor is it read as often as there are places where one can begin.
TEST_F(Verify, leaves_that_lie_in_one_another_are_said) {
  const FileEdit edit(path);
  const auto large = edit.find("large");  // in a run, behind it are zeros
  const std::uint64_t begin = format::align_up(large.at + large.size, format::kLine);
  for (std::uint32_t i = 0; i < edit.super().root_words; ++i)
    edit.set(format::kRootOffset + i * 8ull,
             format::pack(format::NodeWord{begin + i * format::kLine, format::kLeafSlotsMax, false}));
  bool told = false;
  for (const Finding& f : verify(path).value().damage) told |= f.error.what == std::string("index: nodes overlap");
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace durra
