// What a power cut may leave in part, and a rebuild leaves as it is, was taken for damage later: half of the last
// region, of which all records were there (once closed in order the store never opened again: "the file has lost its
// end"); the tail of a region without its state word; a torn record that had lost its key and counted for nothing.
// Found by simulated power cuts.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>

#include "tests/support/disk.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

class CutInPart : public testing::Test {
 protected:
  // A file with "a" in region 0 and "b", "c" in the last one, which nobody closed in order.
  CutInPart() {
    const std::string path = scratch_ / "s.durra";
    auto first = open(path, small()).value();
    first.put("a", "a").value();
    auto second = open(path, small()).value();
    second.put("b", "b").value();
    second.put("c", "c").value();
    std::filesystem::copy_file(path, left_);
  }
  void expect_sound(const std::string& a, const std::string& b) {
    for (const auto how : {Opened::rebuilt, Opened::clean}) {
      auto store = open(left_, small());
      ASSERT_TRUE(store) << store.error().message();
      EXPECT_EQ(stats(*store).value().opened, how);
      EXPECT_EQ(shown(store->get("a")), a);
      EXPECT_EQ(shown(store->get("b")), b);
      auto records = store->records();
      for (const Record& r : records) EXPECT_FALSE(r.key().empty());
      EXPECT_EQ(outcome(records.status()), "ok");
      auto tail = Tail::open(*store, "reader").value();
      EXPECT_EQ(outcome(tail.next({})), "ok");
      EXPECT_TRUE(verify(left_).value().damage.empty());
    }
  }

  const TmpfsIsADisk power_;
  const Scratch scratch_;
  const std::string left_ = scratch_ / "left.durra";
};

TEST_F(CutInPart, half_of_a_region_with_all_its_records_is_enough) {
  const FileEdit file(left_);
  file.cut(file.region_at(file.find("b").region) + 8192);
  expect_sound("a", "b");
}

TEST_F(CutInPart, a_tail_without_a_state_word_is_of_no_region) {
  const FileEdit file(left_);
  const std::uint64_t r = file.find("b").region;
  file.set(file.descriptor_at(r), std::uint64_t{0});
  file.set(file.region_at(r), std::uint64_t{0});
  expect_sound("a", "<not_found>");
}

TEST_F(CutInPart, a_torn_record_may_have_lost_its_key) {
  const FileEdit file(left_);
  const FoundRecord b = file.find("b");
  constexpr std::size_t kStamp = offsetof(format::RecordHeader, stamp);
  file.write(b.at + kStamp, std::string(b.size - kStamp, '\0'));
  expect_sound("a", "<not_found>");
}

}  // namespace
}  // namespace durra::test
