// Blocks: one memory for all who open the name; kept by whoever has it open, gone with its name for those who come.
#include <durra/care.h>
#include <durra/types.h>
#include <gtest/gtest.h>

#include <cstring>

#include "store/block.h"
#include "tests/support/disk.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"

namespace durra::test {
namespace {

class BlockTest : public testing::Test {
 protected:
  Options small() const {
    Options o;
    o.max_size = 8_MiB;
    o.region_size = 64_KiB;
    o.participants = 16;
    return o;
  }
  Store open_store(const std::string& name = "s.durra") const { return open(scratch_ / name, small()).value(); }
  std::string text(const Block& b) const { return reinterpret_cast<const char*>(b.bytes().data()); }
  void write(Block& b, const std::string& words) const {
    std::memcpy(b.bytes().data(), words.c_str(), words.size() + 1);
  }
  std::uint64_t regions_of_blocks(Store& s) const {
    std::uint64_t n = 0;
    for (const RegionInfo& r : regions(s).value()) n += std::string(r.type) == "block" ? r.regions : 0;
    return n;
  }

  Scratch scratch_;
};

TEST_F(BlockTest, is_one_memory_for_all_who_open_it) {
  Store a = open_store(), b = open_store();
  Block mine = Block::open(a, "x", 1000).value(), theirs = Block::open(b, "x", 1000).value();
  EXPECT_EQ(mine.bytes().size(), 1000u);
  for (const std::byte one : theirs.bytes()) EXPECT_EQ(one, std::byte{0});
  write(mine, "hello");
  EXPECT_EQ(text(theirs), "hello");
}

TEST_F(BlockTest, stays_across_processes_and_days) {
  {
    Store s = open_store();
    Block b = Block::open(s, "x", 100).value();
    write(b, "kept");
  }
  Store s = open_store();
  EXPECT_EQ(text(Block::open(s, "x", 100).value()), "kept");
}

TEST_F(BlockTest, outlives_its_store) {
  std::optional<Block> b;
  {
    Store s = open_store();
    b = Block::open(s, "x", 100).value();
  }
  write(*b, "still here");
  EXPECT_EQ(text(*b), "still here");
}

TEST_F(BlockTest, that_is_assigned_drops_the_one_that_was_there) {
  Store s = open_store();
  Block a = Block::open(s, "a", 300'000).value(), b = Block::open(s, "b", 100).value();
  write(b, "b's");
  drop(s, "a").value();
  a = std::move(b);
  EXPECT_EQ(text(a), "b's");
  compact(s).value();
  EXPECT_EQ(regions_of_blocks(s), 1u) << "nobody has the first one open";
  Block& same = a;
  a = std::move(same);
  EXPECT_EQ(text(a), "b's");
}

TEST_F(BlockTest, lies_in_the_file_where_it_says) {
  Store s = open_store();
  Block b = Block::open(s, "x", 100).value();
  write(b, "here");
  const FileRange range = file_range(b);
  EXPECT_EQ(range.size, 100u);
  EXPECT_FALSE(range.packed);
  std::string bytes(4, '\0');
  const auto file = os::open(scratch_ / "s.durra", os::Access::read).value();
  os::read_at(file, range.offset, bytes.data(), bytes.size()).value();
  EXPECT_EQ(bytes, "here");
}

TEST_F(BlockTest, is_aligned_as_asked) {
  Store s = open_store();
  for (const std::size_t align : {8u, 64u, 512u, 4096u}) {
    Block b = Block::open(s, "a" + std::to_string(align), 24, align).value();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(b.bytes().data()) % align, 0u);
  }
}

// Zeros that were written would be in the page cache alone: a power cut may keep the page that names the block (H24).
TEST_F(BlockTest, its_zeros_are_the_disks_own) {
  Store s = open_store();
  s.put("the index", "has its region").value();
  const test::Faults calls;
  Block::open(s, "x", 50'000).value();
  EXPECT_EQ(calls.count(os::Call::write), 0u);
  EXPECT_GE(calls.count(os::Call::allocate), 2u);  // punched, and backed again
}

TEST_F(BlockTest, says_both_when_another_has_the_name) {
  Store s = open_store();
  Block b = Block::open(s, "x", 100).value();
  const auto other = Block::open(s, "x", 200);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::mismatch);
  EXPECT_EQ(other.error().message(), "mismatch: it is block, 100 bytes, not block, 200 bytes");
  const auto array = detail::Blocks::open(s, "x", {"array", "<f8", {5, 5}}, 200);
  ASSERT_FALSE(array);
  EXPECT_EQ(array.error().message(), "mismatch: it is block, 100 bytes, not array of <f8 (5, 5)");
}

TEST_F(BlockTest, refuses_what_cannot_be) {
  Store s = open_store();
  EXPECT_EQ(Block::open(s, "", 1).error().code, Code::invalid);
  EXPECT_EQ(Block::open(s, "x", 0).error().code, Code::invalid);
  EXPECT_EQ(Block::open(s, "x", 1, 3).error().code, Code::invalid);
  EXPECT_EQ(Block::open(s, "x", 1, 8192).error().code, Code::invalid);
  EXPECT_EQ(Block::open(s, "x", std::size_t(-8)).error().code, Code::too_large);
  EXPECT_EQ(Block::open(s, std::string(1020, 'n'), 1).error().code, Code::too_large);
  EXPECT_EQ(drop(s, "x").error().code, Code::not_found);
  Options read = small();
  read.mode = Mode::read_only;
  Store r = open(scratch_ / "s.durra", read).value();
  EXPECT_EQ(Block::open(r, "x", 1).error().code, Code::read_only);
}

TEST_F(BlockTest, small_ones_share_a_region_and_large_ones_have_a_run) {
  Store s = open_store();
  for (int i = 0; i < 100; ++i) Block::open(s, "small" + std::to_string(i), 64).value();
  EXPECT_EQ(regions_of_blocks(s), 1u);
  Block large = Block::open(s, "large", 300'000).value();
  EXPECT_EQ(regions_of_blocks(s), 6u);
  write(large, "x");
  EXPECT_TRUE(verify(scratch_ / "s.durra").value().damage.empty());
}

TEST_F(BlockTest, is_no_record) {
  Store s = open_store();
  Block b = Block::open(s, "x", 100).value();
  EXPECT_EQ(s.get("x").error().code, Code::not_found);
  s.put("x", "a record").value();
  EXPECT_EQ(s.get("x").value().str(), "a record");
  int shown = 0;
  for (const Record& r : s.records()) shown += r.key() == "x";
  EXPECT_EQ(shown, 1);
}

TEST_F(BlockTest, a_dropped_name_is_free_and_its_holder_keeps_the_memory) {
  Store a = open_store(), b = open_store();
  Block held = Block::open(a, "x", 50'000).value();
  write(held, "old");
  drop(b, "x").value();
  Block fresh = Block::open(b, "x", 100).value();
  EXPECT_EQ(text(fresh), "");
  write(fresh, "new");
  EXPECT_EQ(text(held), "old");
  for (int i = 0; i < 50; ++i) b.put("k" + std::to_string(i % 7), std::string(20'000, 'p')).value();
  compact(b).value();
  EXPECT_EQ(text(held), "old");
}

TEST_F(BlockTest, the_space_of_a_dropped_one_returns_when_nobody_has_it_open) {
  Store a = open_store(), b = open_store();
  std::optional<Block> held = Block::open(a, "x", 300'000).value();
  drop(b, "x").value();
  compact(b).value();
  EXPECT_EQ(regions_of_blocks(b), 5u) << "held";
  held.reset();
  compact(b).value();
  EXPECT_EQ(regions_of_blocks(b), 0u);
}

TEST_F(BlockTest, space_comes_round_without_anybody_compacting) {
  Store s = open_store();
  for (int i = 0; i < 300; ++i) {
    Block b = Block::open(s, "x", 1_MiB).value();
    EXPECT_EQ(text(b), "") << i;
    write(b, "was here");
    drop(s, "x").value();
  }
}

TEST_F(BlockTest, one_name_in_a_region_keeps_it) {
  Store s = open_store();
  for (int i = 0; i < 20; ++i) Block::open(s, "b" + std::to_string(i), 64).value();
  Block last = Block::open(s, "last", 64).value();
  write(last, "me");
  for (int i = 0; i < 20; ++i) drop(s, "b" + std::to_string(i)).value();
  compact(s).value();
  EXPECT_EQ(regions_of_blocks(s), 1u);
  EXPECT_EQ(text(last), "me");
}

TEST_F(BlockTest, a_dead_holder_holds_nothing) {
  { open_store(); }
  Child holder([&] {
    Store s = open_store();
    Block b = Block::open(s, "x", 300'000).value();
    write(b, "mine");
    ::raise(SIGKILL);
    return 0;
  });
  holder.wait();
  Store s = open_store();
  EXPECT_EQ(text(Block::open(s, "x", 300'000).value()), "mine");
  drop(s, "x").value();
  compact(s).value();
  EXPECT_EQ(regions_of_blocks(s), 0u);
}

TEST_F(BlockTest, a_rebuild_keeps_it) {
  {
    Store s = open_store();
    Block b = Block::open(s, "x", 100).value(), large = Block::open(s, "large", 200'000).value();
    write(b, "small");
    write(large, "large");
    Block::open(s, "gone", 100).value();
    drop(s, "gone").value();
  }
  Options o = small();
  o.rebuild = true;
  Store s = open(scratch_ / "s.durra", o).value();
  EXPECT_EQ(text(Block::open(s, "x", 100).value()), "small");
  EXPECT_EQ(text(Block::open(s, "large", 200'000).value()), "large");
  EXPECT_EQ(detail::Blocks::names(s, "block", "").value(), (std::vector<std::string>{"large", "x"}));
}

TEST_F(BlockTest, is_in_a_backup_and_in_what_recover_makes) {
  Store s = open_store();
  Block b = Block::open(s, "x", 100).value(), large = Block::open(s, "large", 200'000).value();
  write(b, "small");
  write(large, "large");
  backup(s, scratch_ / "backup.durra").value();
  s.sync().error();
  recover(scratch_ / "s.durra", scratch_ / "recovered.durra").value();
  for (const char* name : {"backup.durra", "recovered.durra"}) {
    Store copy = open_store(name);
    EXPECT_EQ(text(Block::open(copy, "x", 100).value()), "small") << name;
    EXPECT_EQ(text(Block::open(copy, "large", 200'000).value()), "large") << name;
    EXPECT_TRUE(verify(scratch_ / name).value().damage.empty());
  }
}

TEST_F(BlockTest, rot_in_what_never_changes_is_damage_and_rot_in_its_memory_is_its_users) {
  Store s = open_store();
  Block b = Block::open(s, "x", 100).value();
  std::byte* const memory = b.bytes().data();
  memory[5] ^= std::byte{1};
  EXPECT_TRUE(verify(scratch_ / "s.durra").value().damage.empty());
  auto* const head = memory - 64;  // somewhere in its head, key or gap
  *head ^= std::byte{1};
  EXPECT_FALSE(verify(scratch_ / "s.durra").value().damage.empty());
  EXPECT_EQ(Block::open(s, "x", 100).error().code, Code::damaged);
}

TEST_F(BlockTest, full_is_an_error_and_leaves_the_store_as_it_was) {
  Store s = open_store();
  std::vector<Block> all;
  for (int i = 0;; ++i) {
    auto b = Block::open(s, "b" + std::to_string(i), 1_MiB);
    if (!b) {
      EXPECT_EQ(b.error().code, Code::full);
      break;
    }
    all.push_back(*std::move(b));
  }
  EXPECT_GT(all.size(), 4u);
  s.put("k", "v").value();
  for (std::size_t i = 0; i < all.size(); ++i) drop(s, "b" + std::to_string(i)).value();
  all.clear();
  Block::open(s, "again", 1_MiB).value();
}

TEST_F(BlockTest, stays_when_its_neighbour_goes) {
  Store s = open_store();
  for (const char* name : {"a", "b"}) {
    Block b = Block::open(s, name, 100).value();
    write(b, name);
  }
  drop(s, "a").value();
  compact(s).value();
  compact(s).value();
  Block b = Block::open(s, "b", 100).value();
  EXPECT_EQ(text(b), "b");
}

// Blocks change below every mark: a sync writes what has changed since the last one too (H7).
TEST_F(BlockTest, is_on_the_disk_as_it_was_at_every_sync) {
  const TmpfsIsADisk on_a_disk;
  Store s = open_store();
  const Disk disk(scratch_ / "s.durra", detail::handle_of(s)->space.base(), 1);
  Block b = Block::open(s, "x", 100).value();
  for (const char* words : {"first", "second", "third"}) {
    write(b, words);
    s.sync().value();
    disk.cut_all(scratch_ / "left.durra");
    Store left = open_store("left.durra");
    EXPECT_EQ(text(Block::open(left, "x", 100).value()), words);
  }
}

}  // namespace
}  // namespace durra::test
