// What the words of a file may not make the library do: read beyond the file, or what is over.
#include <gtest/gtest.h>
#include <unistd.h>

#include "format/leaf.h"
#include "store/copy.h"
#include "store/handle.h"
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

struct Bounds : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  void put(const std::string& key, std::size_t size) const {
    open(path, small()).value().put(key, noise(size)).value();
  }
  // What was changed in the file looks like what its participants left.
  Store reopen() const {
    auto store = open(path, small()).value();
    EXPECT_EQ(stats(store).value().opened, Opened::clean);
    return store;
  }
};

TEST_F(Bounds, an_index_that_leads_beyond_the_file_is_damage_and_no_signal) {
  put("k", 100);
  const FileEdit edit(path);
  const std::uint64_t last = edit.region_at(edit.super().region_count - 1);
  ASSERT_GT(last, edit.size());
  for (std::uint32_t i = 0; i < edit.super().root_words; ++i) {
    const std::uint64_t root = format::kRootOffset + i * 8ull;
    if (edit.get<std::uint64_t>(root) != 0) edit.set(root, format::pack(format::NodeWord{last + 64, 16, false}));
  }
  EXPECT_EQ(shown(reopen().get("k")), "<damaged>");
}

TEST_F(Bounds, nothing_is_found_in_a_region_that_is_free) {
  put("k", 100);
  const FileEdit edit(path);
  const auto region = edit.find("k").region;
  auto word = edit.word(region);
  word.state = format::RegionState::free;
  edit.set_word(region, word);
  EXPECT_EQ(shown(reopen().get("k")), "<damaged>");
}

TEST_F(Bounds, a_run_ends_with_the_file_whatever_its_word_says) {
  put("large", 200'000);
  const FileEdit edit(path);
  const auto region = edit.find("large").region;
  auto d = edit.descriptor(region);
  d.run = format::tagged(edit.word(region).generation, 1ull << 40);
  edit.set(edit.descriptor_at(region), d);
  const Store store = reopen();
  const detail::Space& space = detail::handle_of(store)->space;
  EXPECT_EQ(space.run_length(region, edit.word(region)), space.region_count() - region);
  EXPECT_EQ(shown(store.get("large")), noise(200'000));
}

// A root word that leads to a node which leads to itself, or to one with fewer words than an inner node has.
TEST_F(Bounds, an_index_that_goes_round_in_circles_is_damage) {
  for (const std::uint32_t slots : {format::kInnerWords, 8u}) {
    ::unlink(path.c_str());
    put("k", 100);
    const FileEdit edit(path);
    for (std::uint32_t i = 0; i < edit.super().root_words; ++i) {
      const std::uint64_t root = format::kRootOffset + i * 8ull;
      if (edit.get<std::uint64_t>(root) == 0) continue;
      const std::uint64_t node = format::unpack_node(edit.get<std::uint64_t>(root)).offset;
      const std::uint64_t itself = format::pack(format::NodeWord{node, slots, true});
      for (std::uint32_t k = 0; k < format::kInnerWords; ++k)
        edit.set(node + k * 8ull, slots == format::kInnerWords ? itself : 0);
      edit.set(root, itself);
    }
    EXPECT_EQ(shown(reopen().get("k")), "<damaged>") << slots;
  }
}

// What a version superseded is an older version of its key, or nothing.
struct Chain : Bounds {
  Store store = open(path, small()).value();
  Chain() {
    store.put("other", "other").value();
    store.put("k", "old").value();
  }
  format::RecordHeader& header(const char* key) const {
    const auto& space = detail::handle_of(store)->space;
    return *reinterpret_cast<format::RecordHeader*>(space.base() + FileEdit(path).find(key).at);
  }
  std::uint64_t place(const char* key) const { return FileEdit(path).find(key).at; }
};

TEST_F(Chain, that_leads_to_itself_is_damage) {
  const Snapshot then = store.snapshot().value();
  store.put("k", "new").value();
  EXPECT_EQ(shown(then.get("k")), "old");
  header("k").prev = place("k");
  EXPECT_EQ(shown(then.get("k")), "<damaged>");
}

TEST_F(Chain, that_leads_to_another_key_is_damage) {
  const Snapshot then = store.snapshot().value();
  store.put("k", "new").value();
  header("k").prev = place("other");
  EXPECT_EQ(shown(then.get("k")), "<damaged>");
}

TEST_F(Chain, that_leads_to_what_is_no_version_is_damage) {
  format::RecordHeader& old = header("k");
  const Snapshot then = store.snapshot().value();
  store.put("k", "new").value();
  old.stamp = old.word = 0;
  EXPECT_EQ(shown(then.get("k")), "<damaged>");
}

// A backup or a recovery never has an older version to add after a newer one; if it had, the newer would stay.
TEST_F(Bounds, a_copy_with_an_older_stamp_does_not_replace_a_newer) {
  put("k", 1);
  {
    const Store store = reopen();
    auto fresh = detail::FreshStore::create(scratch / "copy.durra", detail::handle_of(store)->space.super()).value();
    const auto add = [&](char text, std::uint64_t time) {
      const auto fill = [text](std::span<std::byte> to) -> Result<void> {
        return to[0] = std::byte(text), Result<void>{};
      };
      return fresh.add("k", {.payload_size = 1, .key_size = 1}, time << 16, fill);
    };
    EXPECT_EQ(outcome(add('2', 200)), "ok");
    EXPECT_EQ(outcome(add('1', 100)), "conflict");
    EXPECT_EQ(outcome(add('3', 300)), "ok");
    EXPECT_EQ(outcome(add('2', 300)), "conflict");
    EXPECT_EQ(outcome(fresh.finish(1'000, 0)), "ok");
  }
  EXPECT_EQ(shown(open(scratch / "copy.durra", small()).value().get("k")), "3");
}

}  // namespace
}  // namespace durra
