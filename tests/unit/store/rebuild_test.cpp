// A rebuild finds exactly what was there, and of what was cut short exactly what is whole.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "format/layout.h"
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

using Contents = std::map<std::string, std::pair<std::string, Stamp>>;

Contents contents(const Store& store) {
  Contents m;
  auto records = store.records();
  for (Record& r : records) {
    EXPECT_TRUE(r.intact());
    m[r.is_text() ? "\"" + std::string(r.key()) : std::to_string(r.id())] = {r.str(), r.stamp()};
  }
  EXPECT_TRUE(records.status());
  return m;
}

struct Rebuild : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";

  static Options rebuilding() {
    Options o = small();
    o.rebuild = true;
    return o;
  }
  Store rebuilt() const {
    auto store = open(path, rebuilding()).value();
    EXPECT_EQ(stats(store).value().opened, Opened::rebuilt);
    return store;
  }
  // Everything a store may hold: versions, tombstones, runs, compressed, aligned, void records.
  Contents make_rich() const {
    auto store = open(path, small()).value();
    for (int i = 0; i < 4'000; ++i) store.put(i % 1'500, noise(static_cast<std::size_t>(i % 90))).value();
    for (int i = 0; i < 1'500; i += 4) store.erase(i).value();
    for (int i = 0; i < 1'500; i += 8) store.put(i, "again").value();
    store.put("large", noise(200'000)).value();
    store.put("large", noise(300'000)).value();
    store.put("packed", std::string(100'000, 'p'), {.compress = true}).value();
    store.put("aligned", noise(5'000), {.align = 4096}).value();
    store.put("7", "text").value();
    (void)store.draft("dropped", 150'000).value();
    return contents(store);
  }
};

TEST_F(Rebuild, contents_and_stamps_are_the_same) {
  const Contents before = make_rich();
  const auto store = rebuilt();
  EXPECT_EQ(contents(store), before);
  for (const auto& [key, value] : before)
    ASSERT_EQ(shown(key[0] == '"' ? store.get(key.substr(1)) : store.get(std::stoull(key))), value.first);
  EXPECT_EQ(shown(store.get("dropped")), "<not_found>");
  EXPECT_EQ(shown(store.get(4)), "<not_found>");
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(Rebuild, again_and_again_changes_nothing_and_takes_no_more_space) {
  const Contents before = make_rich();
  std::uint64_t regions = 0;
  for (int i = 0; i < 10; ++i) {
    const auto store = rebuilt();
    ASSERT_EQ(contents(store), before);
    const auto s = stats(store).value();
    EXPECT_EQ(s.rebuilds, static_cast<std::uint64_t>(i + 1));
    if (i == 1) regions = s.region_count - s.regions_free;
    if (i > 1) {
      EXPECT_EQ(s.region_count - s.regions_free, regions);
    }
  }
}

TEST_F(Rebuild, versions_go_on_where_they_were) {
  Stamp before = absent;
  {
    auto store = open(path, small()).value();
    store.put("k", "1").value();
    before = store.put("k", "2").value();
    store.put("gone", "1").value();
    store.erase("gone").value();
  }
  auto store = rebuilt();
  EXPECT_EQ(outcome(store.put_if("gone", "x", absent)), "ok");
  const auto next = store.put_if("k", "3", before);
  ASSERT_EQ(outcome(next), "ok");
  EXPECT_GT(*next, before);
  const auto snapshot = store.snapshot().value();
  store.put("k", "4").value();
  EXPECT_EQ(shown(snapshot.get("k")), "3");
}

TEST_F(Rebuild, an_empty_store) {
  { const auto made = open(path, small()).value(); }
  auto store = rebuilt();
  EXPECT_TRUE(contents(store).empty());
  store.put("k", "v").value();
  EXPECT_EQ(shown(store.get("k")), "v");
}

// The bytes of an earlier life lie behind the records of the next one, and are not part of it.
TEST_F(Rebuild, space_that_had_a_life_before_shows_nothing_of_it) {
  {
    auto store = open(path, small()).value();
    for (int i = 0; i < 100; ++i) {
      auto draft = store.draft(i, 100'000).value();  // two regions, given back at once
      std::ranges::fill(draft.bytes(), std::byte{0x5a});
    }
    store.put("k", "v").value();
  }
  for (int i = 0; i < 3; ++i) {
    auto store = rebuilt();
    EXPECT_EQ(contents(store).size(), 1u + static_cast<std::size_t>(i));
    store.put(i, "x").value();
  }
}

// ---- Torn tails: what a power cut leaves ----------------------------------------------------------------------------
struct Torn : Rebuild {
  // 1,000 records of one key each, in file order; the descriptors say nothing was synced.
  void SetUp() override {
    {
      auto store = open(path, small()).value();
      for (int i = 0; i < 1'000; ++i)
        store.put("k" + std::to_string(i), noise(200, static_cast<std::uint64_t>(i))).value();
    }
    const FileEdit edit(path);
    all = edit.records();
    ASSERT_EQ(all.size(), 1'000u);
    for (std::uint64_t r = 0; r < edit.super().region_count; ++r) {
      auto d = edit.descriptor(r);
      d.synced = format::tagged(edit.word(r).generation, 0);
      edit.set(edit.descriptor_at(r), d);
    }
  }
  // The broken one is lost and, if it does not even say where the next begins, those behind it in its region.
  enum class Lost { one, rest_of_region };
  void expect_torn_at(std::size_t broken, Lost what) const {
    expect_gone(broken, what);
    expect_gone(broken, what);  // the next rebuild finds it below a mark, and knows that it is void
  }
  void expect_gone(std::size_t broken, Lost what) const {
    const auto store = rebuilt();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool behind = what == Lost::rest_of_region && all[i].region == all[broken].region && i > broken;
      const bool lost = i == broken || behind;
      ASSERT_EQ(shown(store.get(all[i].key)), lost ? "<not_found>" : noise(200, std::stoull(all[i].key.substr(1))))
          << i;
    }
    EXPECT_TRUE(verify(path).value().damage.empty());
  }
  std::vector<test::FoundRecord> all;
};

TEST_F(Torn, a_body_that_was_not_written) {
  const FileEdit edit(path);
  edit.write(all[300].payload_at, std::string(64, '\0'));
  expect_torn_at(300, Lost::one);
}

TEST_F(Torn, a_header_that_was_not_written) {
  const FileEdit edit(path);
  edit.write(all[500].at, std::string(48, '\0'));
  expect_torn_at(500, Lost::rest_of_region);
}

TEST_F(Torn, garbage_beyond_the_last_record) {
  const FileEdit edit(path);
  const auto& last = all.back();
  edit.write(last.at + last.size, noise(1'000));
  const auto store = rebuilt();
  for (const auto& r : all) ASSERT_EQ(shown(store.get(r.key)), noise(200, std::stoull(r.key.substr(1))));
}

TEST_F(Torn, a_file_that_lost_its_end) {
  const FileEdit edit(path);
  const std::size_t broken = 980;
  edit.cut(all[broken].at + 10);
  expect_torn_at(broken, Lost::rest_of_region);
}

TEST_F(Torn, a_stamp_that_was_not_written_is_no_version) {
  const FileEdit edit(path);
  auto header = edit.get<format::RecordHeader>(all[300].at);
  header.stamp = 0;
  header.word = 0;
  edit.set(all[300].at, header);
  const auto store = rebuilt();
  EXPECT_EQ(shown(store.get(all[300].key)), "<not_found>");
  EXPECT_EQ(shown(store.get(all[301].key)), noise(200, std::stoull(all[301].key.substr(1))));  // the walk goes on
}

TEST_F(Torn, an_older_version_shows_when_the_newer_was_cut) {
  {
    auto store = open(path, small()).value();
    store.put("k0", "newer").value();
    store.erase("k1").value();
  }
  const FileEdit edit(path);
  edit.write(edit.find("k0").at, std::string(8, '\0'));  // in the same region, before the tombstone
  for (std::uint64_t r = 0; r < edit.super().region_count; ++r) {
    auto d = edit.descriptor(r);
    d.synced = format::tagged(edit.word(r).generation, 0);
    edit.set(edit.descriptor_at(r), d);
  }
  const auto store = rebuilt();
  EXPECT_EQ(shown(store.get("k0")), noise(200, 0));
  EXPECT_EQ(shown(store.get("k1")), noise(200, 1));
}

// ---- Damage: below `synced` everything was on the disk --------------------------------------------------------------
struct Damaged : Torn {
  void SetUp() override {
    Torn::SetUp();
    FileEdit(path).declare_synced();
  }
  // The open fails, says where, and leaves the file as it was, for recover.
  void expect_refused(std::uint64_t least, std::uint64_t most) const {
    const auto before = FileEdit(path).records().size();
    const auto refused = open(path, rebuilding());
    ASSERT_EQ(outcome(refused), "damaged");
    EXPECT_GE(refused.error().detail, least);
    EXPECT_LE(refused.error().detail, most);
    EXPECT_EQ(FileEdit(path).records().size(), before);
    EXPECT_EQ(outcome(open(path, rebuilding())), "damaged");
    EXPECT_EQ(recover(path, scratch / "saved").value().kept + recover(path, scratch / "again").value().lost, 1'000u);
  }
};

TEST_F(Damaged, a_flipped_payload_below_synced) {
  FileEdit(path).flip(all[300].payload_at + 100, 3);
  expect_refused(all[300].at, all[300].at);
}

TEST_F(Damaged, a_state_word_that_does_not_check) {
  const FileEdit edit(path);
  const std::uint64_t at = edit.descriptor_at(all[300].region);
  edit.flip(at + 3);
  const auto refused = open(path, rebuilding());
  ASSERT_EQ(outcome(refused), "damaged");
}

// The mark and the identity had gone before all was judged: who asked for a rebuild of a store of which one record is
// rotten could not open it any more.
TEST_F(Damaged, a_rebuild_that_is_refused_changes_nothing) {
  FileEdit(path).flip(all[300].payload_at + 100, 3);
  const auto works = [&] {
    const auto store = open(path, small());
    return store ? shown(store->get("k301")) : outcome(store);
  };
  ASSERT_EQ(works(), noise(200, 301));
  const std::string before = FileEdit(path).read(0, FileEdit(path).size());
  const auto time = std::filesystem::last_write_time(path);
  EXPECT_EQ(outcome(open(path, rebuilding())), "damaged");
  EXPECT_EQ(std::filesystem::last_write_time(path), time) << "the next opener would rebuild";
  EXPECT_TRUE(FileEdit(path).read(0, FileEdit(path).size()) == before);
  EXPECT_EQ(works(), noise(200, 301));
}

// Of a run, room is asked for wherever its payload may come to lie; so its records may end before its last region.  A
// draft of the code took such a run for one that a hostile file had made longer, and gave it back.
TEST_F(Rebuild, runs_are_kept_whatever_their_size_and_alignment) {
  auto store = open(path, small(64_MiB)).value();
  std::map<std::string, std::size_t> sizes;
  for (std::size_t size = 61'000; size < 66'000; size += 56) {
    const std::string key = "k" + std::to_string(size);
    store.put(key, noise(size), {.align = 4096}).value();
    sizes[key] = size;
  }
  for (int i = 0; i < 20; ++i) {
    Batch b;
    for (int k = 0; k < 3; ++k)
      b.put("b" + std::to_string(3 * i + k), noise(20'000 + static_cast<std::size_t>(i * 100)));
    store.put(b).value();
  }
  const Contents before = contents(store);
  { const Store closed = std::move(store); }
  EXPECT_EQ(contents(rebuilt()), before);
}

TEST_F(Damaged, garbage_beyond_synced_is_no_damage) {
  const FileEdit edit(path);
  const auto& last = all.back();
  edit.write(last.at + last.size, noise(1'000));
  const auto store = rebuilt();
  EXPECT_EQ(contents(store).size(), 1'000u);
}

}  // namespace
}  // namespace durra
