// recover: sectors that cannot be read, rot in what tells where records are, files made to deceive it, and a store that
// moves its records while it is saved from.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "format/checksum.h"
#include "store/index.h"
#include "store/os.h"
#include "store/reclaim.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

// A disk on which these bytes cannot be read.
class BadSector final : public os::Faults {
 public:
  static constexpr std::uint64_t kSize = 4096;
  explicit BadSector(std::uint64_t at) : at_(at) { os::set_faults(this); }
  ~BadSector() override { os::set_faults(nullptr); }
  int before(os::Call c) override { return reads += c == os::Call::read, 0; }
  int before_read(std::uint64_t offset, std::size_t size) override {
    if (!touches(offset, size)) return 0;
    ++refused;
    return EIO;
  }
  bool touches(std::uint64_t offset, std::uint64_t size) const { return offset < at_ + kSize && at_ < offset + size; }
  std::uint64_t reads = 0, refused = 0;

 private:
  const std::uint64_t at_;
};

struct RecoverDamage : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra", fresh = scratch / "fresh.durra";
  static constexpr int kSmall = 1'000;
  static std::string value(const std::string& key) {
    return key == "large" ? noise(200'000) : noise(100, std::stoull(key.substr(1)));
  }

  void SetUp() override {
    auto store = open(path, small()).value();
    for (int i = 0; i < kSmall; ++i) store.put("k" + std::to_string(i), value("k" + std::to_string(i))).value();
    store.put("large", value("large")).value();
  }
  static bool says(const Salvage& salvage, std::uint64_t offset, const std::string& what) {
    for (const Finding& f : salvage.damage)
      if (f.error.detail == offset && f.error.what == what) return true;
    return false;
  }
  std::string in_fresh(const Key& key) const { return shown(open(fresh, small()).value().get(key)); }
  // The new store opens, and goes on.
  void expect_usable() const {
    auto store = open(fresh, small());
    ASSERT_EQ(outcome(store), "ok") << store.error().message();
    EXPECT_EQ(outcome(store->put("more", "x")), "ok");
    EXPECT_TRUE(verify(fresh).value().damage.empty());
  }
  static std::uint64_t region_seed(const FileEdit& edit, std::uint64_t region) {
    return format::region_seed(edit.seed(), region, edit.word(region).generation);
  }
  // Of a record at `at` in a region of this seed that ends at `end` and whose body is not what it says.
  static format::RecordHeader claim(std::uint64_t seed, std::uint64_t at, std::uint64_t end) {
    format::Shape shape;
    shape.payload_size = end - at - format::kRecordHeaderSize;
    format::RecordHeader h{};
    h.shape = format::pack(shape);
    h.tag = at;
    h.head_check = format::head_check(h, seed, at);
    return h;
  }
  // With a check that agrees.
  static void set_stamp(const FileEdit& edit, const FoundRecord& r, std::uint64_t stamp) {
    edit.set(r.at + offsetof(format::RecordHeader, stamp), stamp);
    edit.set(r.at + offsetof(format::RecordHeader, word),
             format::stamp_check(stamp, region_seed(edit, r.region), r.at));
  }
};

// ---- Sectors that cannot be read ----------------------------------------------------------------------------------

// It cost all of the 256 KiB that were read at once, or the region, and a read of 256 KiB for every 8 bytes.
TEST_F(RecoverDamage, a_sector_that_cannot_be_read_costs_the_records_in_it_and_no_others) {
  const FileEdit edit(path);
  const auto records = edit.records();
  const std::uint64_t first = edit.region_at(edit.find("k300").region), run = edit.region_at(edit.find("large").region);
  std::vector<std::uint64_t> sectors{run, run + 4096, run + 128 * 1024};
  for (std::uint64_t at = first; at < first + 64_KiB; at += 3 * BadSector::kSize) sectors.push_back(at);
  for (const std::uint64_t at : {first + 2 * 4096, first + 14 * 4096}) sectors.push_back(at);
  std::uint64_t healthy = 0;
  {
    const BadSector none(edit.size());
    EXPECT_TRUE(recover(path, fresh).value().damage.empty());
    healthy = none.reads;
  }
  for (const std::uint64_t at : sectors) {
    const std::string copy = scratch / ("copy" + std::to_string(at));
    std::uint64_t whole = 0;
    {
      BadSector sector(at);
      const auto salvage = recover(path, copy);
      ASSERT_EQ(outcome(salvage), "ok") << at;
      for (const auto& r : records) whole += !sector.touches(r.at, r.size);
      EXPECT_EQ(salvage->kept, whole) << at;
      EXPECT_FALSE(salvage->damage.empty()) << at;
      EXPECT_LT(sector.reads, healthy + 150) << at;
      EXPECT_LT(sector.refused, 20u) << at << ": each may take a disk seconds";
    }
    const Store store = open(copy, small()).value();
    for (const auto& r : records) {
      const bool lost = r.at < at + BadSector::kSize && at < r.at + r.size;
      ASSERT_TRUE(shown(store.get(r.key)) == (lost ? "<not_found>" : value(r.key))) << at << " " << r.key;
    }
  }
}

// Where its header can be read it is known which record was in the sector, and that it was the newest of its key.
TEST_F(RecoverDamage, the_record_that_a_sector_hides_is_named) {
  { open(path, small()).value().put("large", noise(150'000, 2)).value(); }
  const FileEdit edit(path);
  const auto r = edit.find("large");
  const BadSector sector(edit.region_at(r.region) + 64_KiB);
  const auto salvage = recover(path, fresh).value();
  EXPECT_EQ(salvage.lost, 1u);
  EXPECT_TRUE(says(salvage, r.at, "record checksum mismatch"));
  EXPECT_EQ(salvage.kept, kSmall) << "not the version before";
}

// Its users' memory is no part of what is checked: what can be read of it is worth more than none.
TEST_F(RecoverDamage, a_block_keeps_what_can_be_read_of_it) {
  {
    auto store = open(path, small()).value();
    auto block = Block::open(store, "memory", 100'000).value();
    std::fill(block.bytes().begin(), block.bytes().end(), std::byte{7});
  }
  std::uint64_t region = 0;
  const FileEdit edit(path);
  while (edit.word(region).type != format::RegionType::block) ++region;
  const std::uint64_t bad = edit.region_at(region) + 64_KiB;
  {
    const BadSector sector(bad);
    const auto salvage = recover(path, fresh);
    ASSERT_EQ(outcome(salvage), "ok");
    EXPECT_EQ(salvage->kept, kSmall + 2u);
    EXPECT_EQ(salvage->damage.size(), 2u) << "what the system said, and of which block";
  }
  auto store = open(fresh, small()).value();
  const auto block = Block::open(store, "memory", 100'000).value();
  EXPECT_EQ(std::count(block.bytes().begin(), block.bytes().end(), std::byte{7}), 100'000 - 4096);
}

// ---- Stamps ---------------------------------------------------------------------------------------------------------

// Taken for a time, such a stamp put the new store's clock where nobody can open it, or far ahead.
TEST_F(RecoverDamage, a_stamp_of_garbage_says_nothing_of_the_time) {
  const FileEdit edit(path);
  const auto r = edit.find("k300");
  edit.write(r.at + 24, std::string(r.payload_at + r.shape.payload_size - r.at - 24, '\xff'));
  const std::uint64_t ahead = 1ull << 44;
  for (const std::uint64_t stamp : {~std::uint64_t{0}, ahead << 16}) {
    edit.set(r.at + offsetof(format::RecordHeader, stamp), stamp);
    const auto salvage = recover(path, fresh).value();
    EXPECT_EQ(salvage.lost, 1u);
    EXPECT_EQ(salvage.kept, kSmall);
    ASSERT_EQ(salvage.damage.size(), 1u);
    EXPECT_EQ(salvage.damage[0].error.detail, r.at);
    expect_usable();
    const Store store = open(fresh, small()).value();
    EXPECT_LT(format::stamp_time(static_cast<std::uint64_t>(store.get("more").value().stamp())), ahead);
    std::filesystem::remove(fresh);
  }
}

// Its text may have been the damage: a version under the true key is not passed off as the newest.
TEST_F(RecoverDamage, a_lost_version_hides_older_ones_also_when_its_key_has_rotted) {
  const FileEdit edit(path);
  const auto first = edit.find("k300");
  { open(path, small()).value().put("k300", "older").value(); }
  set_stamp(edit, first, edit.find("k300").stamp + 1);  // as after a compaction: the newest does not lie last
  const auto newest = edit.find("k300");
  ASSERT_EQ(newest.at, first.at);
  edit.flip(newest.at + format::kRecordHeaderSize);
  const auto salvage = recover(path, fresh).value();
  EXPECT_EQ(salvage.lost, 1u);
  EXPECT_EQ(salvage.kept, kSmall);
  EXPECT_EQ(in_fresh("k300"), "<not_found>");
  ASSERT_EQ(salvage.damage.size(), 1u);
  EXPECT_EQ(salvage.damage[0].error.detail, newest.at);
  EXPECT_NE(salvage.damage[0].what.find("\"k300\""), std::string::npos) << salvage.damage[0].what;
}

// Checks that agree on what durra does not write: it was taken for a key of its own, and as many of one tag as a region
// holds were each compared with all the others.
TEST_F(RecoverDamage, a_record_under_the_tag_of_another_key_is_damage) {
  const FileEdit edit(path);
  const auto forged = edit.find("k300"), whose = edit.find("k301");
  auto h = edit.get<format::RecordHeader>(forged.at);
  h.tag = edit.get<format::RecordHeader>(whose.at).tag;
  h.head_check = format::head_check(h, region_seed(edit, forged.region), forged.at);
  edit.set(forged.at, h);
  const auto salvage = recover(path, fresh).value();
  EXPECT_TRUE(says(salvage, forged.at, "record tag: of another key"));
  EXPECT_EQ(salvage.kept, kSmall);
  EXPECT_EQ(in_fresh("k300"), "<not_found>");
  EXPECT_EQ(in_fresh("k301"), value("k301"));
}

// The check agrees, and no clock that may be gave it.
TEST_F(RecoverDamage, a_stamp_beyond_all_clocks_is_damage) {
  const FileEdit edit(path);
  const auto r = edit.find("k300");
  const std::uint64_t refused = format::kStampTimeMax - (1ull << 40);
  for (const std::uint64_t time : {refused - 1, refused, format::kStampTimeMax - 1}) {
    set_stamp(edit, r, time << 16);
    const auto salvage = recover(path, fresh).value();
    EXPECT_EQ(salvage.lost, 1u) << time;
    EXPECT_TRUE(says(salvage, r.at, "record stamp: out of range")) << time;
    expect_usable();
    std::filesystem::remove(fresh);
  }
}

// Of a batch the envelope's counts.
TEST_F(RecoverDamage, a_batch_beyond_all_clocks_is_damage) {
  { open(path, small()).value().put(Batch().put("k1", "new").put("k2", "new")).value(); }
  const FileEdit edit(path);
  FoundRecord envelope{};
  for (const auto& r : edit.records())
    if (r.shape.kind == format::RecordKind::envelope) envelope = r;
  set_stamp(edit, envelope, format::decision(format::Verdict::fixed, format::kStampTimeMax - 1));
  const auto salvage = recover(path, fresh).value();
  EXPECT_TRUE(says(salvage, envelope.at, "record stamp: out of range"));
  expect_usable();
}

// ---- What tells where records are
// -------------------------------------------------------------------------------------

// Of a run's header, which only its descriptor can stand in for: it says how many regions the record goes over.
TEST_F(RecoverDamage, a_run_without_its_header_is_read_by_its_descriptor) {
  const FileEdit edit(path);
  const std::uint64_t at = edit.region_at(edit.find("large").region);
  for (const std::uint64_t byte : {0u, 32u, 63u}) {
    edit.flip(at + byte);
    const auto salvage = recover(path, fresh).value();
    EXPECT_EQ(salvage.kept, kSmall + 1u) << byte;
    EXPECT_TRUE(says(salvage, at, "region header: checksum mismatch")) << byte;
    EXPECT_TRUE(in_fresh("large") == value("large")) << byte;
    std::filesystem::remove(fresh);
    edit.flip(at + byte);
  }
}

// Only what is whole proves that the others' lives are over.
TEST_F(RecoverDamage, a_run_whose_record_is_not_whole_covers_nothing) {
  const FileEdit edit(path);
  const auto& super = edit.super();
  std::uint64_t r = 0;
  while (edit.word(r).type != format::RegionType::index) ++r;
  ASSERT_LT(r, edit.find("large").region);
  const std::uint64_t at = edit.region_at(r) + format::kRegionData, end = edit.region_at(edit.find("large").region + 4);
  edit.write(super.descriptors_offset, std::string(super.regions_offset - super.descriptors_offset, '\xaa'));
  const std::uint64_t run = (end - edit.region_at(r)) / super.region_size;
  edit.set(edit.region_at(r), format::make_region_header(edit.seed(), r, 9, format::RegionType::data, run, 0));
  edit.set(at, claim(format::region_seed(edit.seed(), r, 9), at, end));
  EXPECT_EQ(recover(path, fresh).value().kept, kSmall + 1u);
}

// What a run claims beyond its bodies are others' lives.
TEST_F(RecoverDamage, the_length_of_a_run_may_have_rotted_too) {
  { open(path, small()).value().put("behind", "x").value(); }
  const FileEdit edit(path);
  const std::uint64_t region = edit.find("large").region;
  edit.flip(edit.region_at(region));
  auto d = edit.descriptor(region);
  d.run = format::tagged(edit.word(region).generation, 1 << 20);
  edit.set(edit.descriptor_at(region), d);
  EXPECT_EQ(recover(path, fresh).value().kept, kSmall + 2u);
}

// The life was over, or it was not: nobody can know.  What comes back of it may have been erased.
TEST_F(RecoverDamage, a_rotten_state_word_is_said_when_its_region_is_read) {
  const FileEdit edit(path);
  const auto region = edit.find("k300").region;
  auto w = edit.word(region);
  w.state = format::RegionState::free;
  edit.set_word(region, w);
  const std::string without = scratch / "without.durra";
  ASSERT_LT(recover(path, without).value().kept, kSmall) << "its records are over";
  edit.flip(edit.descriptor_at(region) + 7, 7);  // of the crc
  const auto salvage = recover(path, fresh).value();
  EXPECT_EQ(salvage.kept, kSmall + 1u);
  EXPECT_TRUE(says(salvage, edit.descriptor_at(region), "region state: checksum mismatch"));
}

// Nothing tells any more what was in it: all its records went without a word.
TEST_F(RecoverDamage, a_rotten_state_word_is_said_when_its_region_cannot_be_read) {
  const FileEdit edit(path);
  const auto region = edit.find("k300").region;
  edit.flip(edit.region_at(region));
  edit.flip(edit.descriptor_at(region) + 7, 7);
  const auto salvage = recover(path, fresh).value();
  EXPECT_LT(salvage.kept, kSmall);
  EXPECT_TRUE(says(salvage, edit.descriptor_at(region), "region state: checksum mismatch"));
}
TEST_F(RecoverDamage, a_state_word_that_has_rotted_to_zeros_is_said) {
  const FileEdit edit(path);
  const auto region = edit.find("k300").region;
  edit.flip(edit.region_at(region));
  edit.set(edit.descriptor_at(region), std::uint64_t{0});
  EXPECT_TRUE(says(recover(path, fresh).value(), edit.descriptor_at(region), "region state: never used, with a tail"));
}

// ---- Files made to deceive
// --------------------------------------------------------------------------------------------

struct RecoverHostile : RecoverDamage {
  static constexpr std::uint64_t kRegion = 2_MiB;
  void SetUp() override {
    Options o = small(64_MiB);
    o.region_size = kRegion;
    auto store = open(path, o).value();
    store.put("k", "v").value();
  }
  // A region's bytes: no record where the first should be, then every 48 bytes one that claims all the rest.
  static std::string claims(std::uint64_t base, std::uint64_t seed, bool stamped) {
    std::string bytes(kRegion - format::kRegionData, '\xee');
    const std::uint64_t end = base + kRegion;
    for (std::uint64_t i = 48; i + 48 < bytes.size(); i += 48) {
      const std::uint64_t at = base + format::kRegionData + i;
      auto h = claim(seed, at, end);
      if (stamped) h.stamp = 1 << 16, h.word = format::stamp_check(h.stamp, seed, at);
      __builtin_memcpy(bytes.data() + i, &h, sizeof h);
    }
    return bytes;
  }
  Duration time_of_recover() const {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(outcome(recover(path, fresh)), "ok");
    std::filesystem::remove(fresh);
    return std::chrono::steady_clock::now() - begin;
  }
};

// Each was hashed to its end: 40 GiB for one region.
TEST_F(RecoverHostile, headers_that_each_claim_the_rest_of_a_region_cost_no_more_than_it_has_bytes) {
  const FileEdit edit(path);
  const std::uint64_t region = edit.find("k").region, base = edit.region_at(region);
  for (const bool stamped : {false, true}) {
    edit.write(base + format::kRegionData, claims(base, region_seed(edit, region), stamped));
    EXPECT_LT(time_of_recover(), std::chrono::seconds(2)) << stamped;
  }
}

// Each was hashed for as many regions as it claims, and what it claims was searched.
TEST_F(RecoverHostile, runs_that_each_claim_the_rest_of_the_file_cost_no_more_than_a_few_times_its_bytes) {
  const FileEdit edit(path);
  const std::uint64_t regions = edit.super().region_count;
  edit.cut(edit.region_at(regions));
  edit.write(edit.super().descriptors_offset, std::string(regions * sizeof(format::Descriptor), '\xaa'));
  for (std::uint64_t r = 0; r < regions; ++r) {
    const std::uint64_t at = edit.region_at(r) + format::kRegionData, end = edit.region_at(regions) - kRegion;
    edit.set(edit.region_at(r),
             format::make_region_header(edit.seed(), r, 1, format::RegionType::data, regions - r, 0));
    if (at < end) edit.set(at, claim(format::region_seed(edit.seed(), r, 1), at, end));
  }
  std::uint64_t bytes = 0;
  struct Count final : os::Faults {
    explicit Count(std::uint64_t& n) : bytes(n) { os::set_faults(this); }
    ~Count() override { os::set_faults(nullptr); }
    int before(os::Call) override { return 0; }
    int before_read(std::uint64_t, std::size_t size) override { return bytes += size, 0; }
    std::uint64_t& bytes;
  };
  {
    const Count count(bytes);
    const auto salvage = recover(path, fresh).value();
    EXPECT_FALSE(salvage.damage.empty());
  }
  EXPECT_LT(bytes, 12 * edit.size());
}

// ---- A store that is in use
// -------------------------------------------------------------------------------------------

struct RecoverInUse : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra", fresh = scratch / "fresh.durra";
  Store store = open(path, small(2_MiB)).value();

  std::uint64_t region_of(const Key& key) {
    detail::Handle& h = *detail::handle_of(store);
    return h.space.region_of(detail::find(h, detail::view(h, key)).record.at);
  }
  std::uint64_t generation_of(std::uint64_t region) {
    return format::generation_of(detail::handle_of(store)->space.descriptor(region).state);
  }
  // As long as there is room.
  void put(const std::string& prefix, int count) {
    for (int i = 0; i < count && store.put(prefix + std::to_string(i), noise(8'000)); ++i) {
    }
  }
  void erase(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) store.erase(prefix + std::to_string(i)).value();
    CompactOptions at_once;
    at_once.keep_erased = std::chrono::milliseconds(0);
    for (int i = 0; i < 3; ++i) compact(store, at_once).value();
  }
};

// A compaction moves the only copy of a record from where recover has not been to where it has been, and the place it
// came from is used again.  It was nowhere, and nothing was said.
TEST_F(RecoverInUse, a_record_that_is_moved_meanwhile_is_found_where_it_was) {
  put("low", 80);
  put("near", 7);
  store.put("moves", "only copy").value();
  put("far", 7);
  put("high", 1'000);
  erase("low", 80);  // all the room there is lies before it
  const std::uint64_t source = region_of("moves"), generation = generation_of(source);
  bool moved = false;
  const auto salvage = recover(path, fresh, false, [&](std::uint64_t next, std::uint64_t) {
    if (next != source || moved) return true;
    erase("near", 7);
    erase("far", 7);
    moved = region_of("moves") < source;
    for (int i = 0; i < 4 && generation_of(source) == generation; ++i) {
      put("filler", 70);
      erase("filler", 0);
    }
    return true;
  });
  ASSERT_EQ(outcome(salvage), "ok");
  ASSERT_TRUE(moved) << "to where recover has been";
  EXPECT_EQ(generation_of(source), generation) << "while it may be read nobody uses its place";
  EXPECT_EQ(shown(open(fresh, small(2_MiB)).value().get("moves")), "only copy");
}

// A region that was RETIRED before recover pinned, and is freed under it.
struct RecoverBeside : RecoverInUse {
  std::optional<Snapshot> holds;
  std::uint64_t source = 0;
  void SetUp() override {
    store.put("moves", "only copy").value();
    put("near", 7);
    put("high", 20);
    detail::Handle& h = *detail::handle_of(store);
    detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
    source = region_of("moves");
    holds = store.snapshot().value();
    erase("near", 7);
    ASSERT_EQ(format::unpack(h.space.descriptor(source).state).state, format::RegionState::retired);
    ASSERT_GT(region_of("moves"), source);
  }
};

// Before the n-th read of recover.
struct RecoverBesideRead : RecoverBeside, testing::WithParamInterface<int> {};
TEST_P(RecoverBesideRead, what_goes_while_it_is_read_is_no_damage) {
  struct Goes final : os::Faults {
    explicit Goes(RecoverBeside& t) : test(t) { os::set_faults(this); }
    ~Goes() override { os::set_faults(nullptr); }
    int before(os::Call) override { return 0; }
    int before_read(std::uint64_t offset, std::size_t size) override {
      const std::uint64_t at = detail::handle_of(test.store)->space.descriptor_offset(test.source);
      seen = seen || (offset <= at && at < offset + size);
      if (!seen || reads++ != GetParam()) return 0;
      test.holds.reset();
      test.erase("none", 0);
      return 0;
    }
    RecoverBeside& test;
    bool seen = false;
    int reads = 0;
  };
  const auto salvage = [&] {
    const Goes goes(*this);
    return recover(path, fresh);
  }();
  ASSERT_EQ(outcome(salvage), "ok");
  EXPECT_FALSE(holds);
  for (const Finding& f : salvage->damage) ADD_FAILURE() << f.error.message() << ": " << f.what;
  EXPECT_EQ(shown(open(fresh, small(2_MiB)).value().get("moves")), "only copy");
}
INSTANTIATE_TEST_SUITE_P(Reads, RecoverBesideRead, testing::Range(0, 6));

// What was met there first is also elsewhere.
TEST_F(RecoverBeside, a_record_is_read_where_it_stays) {
  const auto salvage = recover(path, fresh, false, [&](std::uint64_t next, std::uint64_t) {
    if (next <= source || !holds) return true;
    holds.reset();
    erase("none", 0);
    put("filler", 70);
    return true;
  });
  EXPECT_FALSE(holds);
  ASSERT_EQ(outcome(salvage), "ok");
  EXPECT_EQ(shown(open(fresh, small(2_MiB)).value().get("moves")), "only copy");
}

// A power cut tore the record before it, a rebuild went by, and nobody has seen it since.
TEST_F(RecoverInUse, what_lies_behind_the_tail_of_who_left_is_nobodys) {
  store.put("a", "1").value();
  store.put("torn", "2").value();
  store.put("behind", "3").value();
  { const Store gone = std::move(store); }
  const FileEdit edit(path);
  const auto torn = edit.find("torn");
  auto d = edit.descriptor(torn.region);
  d.tail = d.settled = torn.at - edit.region_at(torn.region);
  d.synced = 0;
  edit.set(edit.descriptor_at(torn.region), d);
  edit.write(torn.at, std::string(48, '\0'));
  const auto salvage = recover(path, fresh).value();
  EXPECT_TRUE(salvage.damage.empty());
  EXPECT_EQ(salvage.kept, 1u);
}

// Somebody puts between two looks at his region: what was read before is not held against what came later.
TEST_F(RecoverInUse, what_is_put_meanwhile_is_no_damage) {
  store.put("first", "1").value();
  struct Puts final : os::Faults {
    explicit Puts(Store& s) : store(s) { os::set_faults(this); }
    ~Puts() override { os::set_faults(nullptr); }
    int before(os::Call) override { return 0; }
    int before_read(std::uint64_t, std::size_t) override {
      if (!inside) {
        inside = true;
        store.put(n++, "more").value();
        inside = false;
      }
      return 0;
    }
    Store& store;
    int n = 0;
    bool inside = false;
  };
  const Puts puts(store);
  const auto salvage = recover(path, fresh).value();
  EXPECT_GT(puts.n, 4);
  for (const Finding& f : salvage.damage) ADD_FAILURE() << f.error.message() << ": " << f.what;
}

// Where the epoch cannot be pinned all the rest is as before.
TEST_F(RecoverDamage, a_rotten_epoch_is_no_hindrance) {
  FileEdit(path).set(format::kControlOffset + offsetof(format::Control, epoch), ~std::uint64_t{0} >> 2);
  EXPECT_EQ(recover(path, fresh).value().kept, kSmall + 1u);
}

}  // namespace
}  // namespace durra::test
