// A file whose end was cut off, in the boot that wrote it: its index was trusted, a put into the rest of a region that
// was gone was SIGBUS, and when a claim had made the file longer again, index nodes that were gone read as zeros, as
// if their keys had never been.  And recover said that nothing was lost, where the cut left less than a header.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

class LostEnd : public testing::Test {
 protected:
  LostEnd() {
    auto store = open(path_, small()).value();
    for (int i = 0; i < 20; ++i) store.put(i, "value").value();
  }
  // Where the first region of this type begins.
  std::uint64_t begin_of(format::RegionType type) const {
    const FileEdit edit(path_);
    std::uint64_t r = 0;
    while (edit.word(r).state == format::RegionState::free || edit.word(r).type != type) ++r;
    return edit.region_at(r);
  }
  const Scratch scratch_;
  const std::string path_ = scratch_ / "s.durra";
};

TEST_F(LostEnd, its_index_is_not_used) {
  for (const auto type : {format::RegionType::index, format::RegionType::data}) {
    const std::uint64_t size = begin_of(type) + 1000;
    FileEdit(path_).cut(size);
    const auto store = open(path_, small(Mode::open));
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::damaged);
    EXPECT_EQ(store.error().detail, size);
  }
}

TEST_F(LostEnd, who_only_reads_is_told_what_is_missing) {
  FileEdit(path_).cut(begin_of(format::RegionType::data) + 1000);
  const auto store = open(path_, small(Mode::read_only)).value();
  EXPECT_EQ(outcome(store.get(19)), "damaged");
}

// At each length within the records.
TEST_F(LostEnd, recover_says_what_is_lost) {
  const std::uint64_t begin = begin_of(format::RegionType::data);
  const auto records = FileEdit(path_).records();
  for (std::uint64_t size = records.back().at + records.back().size - 1; size >= begin; --size) {
    FileEdit(path_).cut(size);
    const auto salvage = recover(path_, scratch_ / "fresh.durra").value();
    ASSERT_FALSE(salvage.damage.empty()) << size;
    std::filesystem::remove(scratch_ / "fresh.durra");
  }
}

}  // namespace
}  // namespace durra::test
