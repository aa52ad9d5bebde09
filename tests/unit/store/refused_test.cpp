// What a store refuses because of where its file lies, or by whom it must be written.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <filesystem>

#include "format/checksum.h"
#include "store/os.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct Refused : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra";
  void SetUp() override {
    auto store = open(path, small()).value();
    store.put("k", "v").value();
  }
};

// FORMAT.md §10: a flag of the second kind, which this build does not know.
TEST_F(Refused, a_file_that_a_newer_build_must_write_is_only_read) {
  const FileEdit edit(path);
  format::Superblock super = edit.super();
  super.features_read_only = 1;
  super.check = format::hash64(&super, offsetof(format::Superblock, check), 0);
  edit.set(0, super);
  const std::string before = edit.read(0, edit.size());
  const auto writer = open(path, small());
  ASSERT_EQ(outcome(writer), "unsupported");
  EXPECT_STREQ(writer.error().what, "a newer build must write this file: read-only here");
  EXPECT_EQ(shown(open(path, small(Mode::read_only)).value().get("k")), "v");
  EXPECT_TRUE(edit.read(0, edit.size()) == before);
}

// Two mappings of one file of a ramfs are one memory, but nothing bounds it and no size can be asked for.
TEST_F(Refused, a_file_system_that_is_not_on_the_list_gets_no_store_and_opens_none) {
  const int status = run_with_own_mounts([&] {
    const std::string there = scratch / "there";
    std::filesystem::create_directory(there);
    if (::mount("none", there.c_str(), "ramfs", 0, nullptr) != 0) return kNoMounts;
    EXPECT_EQ(outcome(open(there + "/new.durra", small())), "unsupported");
    EXPECT_TRUE(std::filesystem::is_empty(there));
    std::filesystem::copy_file(path, there + "/copy.durra");
    for (const Mode mode : {Mode::create, Mode::open, Mode::read_only})
      EXPECT_EQ(outcome(open(there + "/copy.durra", small(mode))), "unsupported");
    return 0;
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoMounts) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(status, 0);
}

TEST_F(Refused, nothing_is_promised_against_a_power_cut_where_all_is_in_memory) {
  if (!os::file_system(os::open(path, os::Access::read).value()).value().volatile_) GTEST_SKIP() << "on a disk";
  for (const Durability wanted : {Durability::interval, Durability::power}) {
    Options o = small();
    o.durability = wanted;
    for (const char* name : {"s.durra", "new.durra"}) {
      const auto store = open(scratch / name, o);
      ASSERT_EQ(outcome(store), "unsupported") << name;
      EXPECT_STREQ(store.error().what, "this file system's files do not survive a power cut");
    }
  }
  EXPECT_FALSE(std::filesystem::exists(scratch / "new.durra"));
  EXPECT_EQ(shown(open(path, small()).value().get("k")), "v");
}

}  // namespace
}  // namespace durra::test
