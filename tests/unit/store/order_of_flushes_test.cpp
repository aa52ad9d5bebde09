// A mark says that something is on the disk, or will not be believed: it is stored after the flush that makes it true,
// or flushed before anything that it denies.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "store/handle.h"
#include "tests/support/disk.h"
#include "tests/support/faults.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::FileEdit;
using test::small;

struct OrderOfFlushes : testing::Test {
  const test::TmpfsIsADisk on_a_disk;
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  void make() const {
    auto store = open(path, small()).value();
    for (int i = 0; i < 100; ++i) store.put(i, "value").value();
  }
};

// What the file says at each flush of all of it.
template <class Word>
class AtEachFlush final : public os::Faults {
 public:
  explicit AtEachFlush(Word word) : word_(std::move(word)) { os::set_faults(this); }
  ~AtEachFlush() override { os::set_faults(nullptr); }
  int before(os::Call) override { return 0; }
  void flushed(const void* from, std::size_t) override {
    if (from == nullptr) said.push_back(word_());
  }
  std::vector<std::uint64_t> said;

 private:
  const Word word_;
};

TEST_F(OrderOfFlushes, clean_is_said_when_everything_else_is_on_the_disk) {
  make();
  auto store = std::make_optional(open(path, small()).value());
  store->put("k", "v").value();
  AtEachFlush marks(
      [this] { return FileEdit(path).get<std::uint64_t>(format::kControlOffset + offsetof(format::Control, clean)); });
  store.reset();
  EXPECT_EQ(marks.said, (std::vector<std::uint64_t>{format::kDirty, format::kClean}));
}

TEST_F(OrderOfFlushes, dirty_is_on_the_disk_before_anything_is_put) {
  make();
  AtEachFlush marks(
      [this] { return FileEdit(path).get<std::uint64_t>(format::kControlOffset + offsetof(format::Control, clean)); });
  const Store store = open(path, small()).value();
  ASSERT_EQ(stats(store).value().opened, Opened::clean);
  EXPECT_EQ(marks.said, (std::vector<std::uint64_t>{format::kDirty}));
}

// Its creator may have died before the folder was written back (F17).
TEST_F(OrderOfFlushes, a_name_that_may_not_be_on_the_disk_is_written_back_by_the_next_opener) {
  make();
  const auto flushes_of_an_open = [this] {
    test::Faults calls;
    open(path, small()).value();
    return calls.count(os::Call::sync);
  };
  const auto named = flushes_of_an_open();
  FileEdit(path).set(format::kControlOffset + offsetof(format::Control, named), std::uint64_t{0});
  EXPECT_EQ(flushes_of_an_open(), named + 1);
  EXPECT_EQ(flushes_of_an_open(), named);
}

// In a copy: in the boot and file of before a rebuild marks nothing, the page cache may have lost something.  Flushes
// before it is done, of the word DIRTY for one, do not count.
TEST_F(OrderOfFlushes, a_rebuild_marks_nothing_as_synced_before_it_is_flushed) {
  make();
  const std::string copy = scratch / "copy.durra";
  std::filesystem::copy_file(path, copy);
  const auto region = FileEdit(copy).records().front().region;
  const auto mark = [&] { return FileEdit(copy).descriptor(region).synced & 0xffff'ffff'ffffULL; };
  auto d = FileEdit(copy).descriptor(region);
  d.synced = 0;
  FileEdit(copy).set(FileEdit(copy).descriptor_at(region), d);
  const auto rebuilds = [&] {
    return FileEdit(copy).get<std::uint64_t>(format::kControlOffset + offsetof(format::Control, rebuilds));
  };
  const std::uint64_t before = rebuilds();
  AtEachFlush done_without_a_mark([&] { return std::uint64_t{rebuilds() == before + 1 && mark() == 0}; });
  const Store store = open(copy, small()).value();
  ASSERT_EQ(stats(store).value().opened, Opened::rebuilt);
  EXPECT_EQ(std::ranges::count(done_without_a_mark.said, 1u), 1);
  EXPECT_NE(mark(), 0u);
}

}  // namespace
}  // namespace durra
