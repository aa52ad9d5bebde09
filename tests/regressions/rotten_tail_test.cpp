// A tail that rotted to a lower place: the next writer adopted the region and wrote over acknowledged records,
// compaction retired the region with them, a scan left them out; and nobody said a word.  Whoever leaves a region has
// settled all of it, so tail and `settled` of such a region are two copies of one number.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "store/step.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

class RottenTail : public testing::Test {
 protected:
  RottenTail() {
    auto store = open(path_, small()).value();
    for (int i = 0; i < 20; ++i) store.put(i, "value").value();
    for (int i = 0; i < 10; ++i) store.put(i, "value").value();  // garbage, so that compaction is worth it
  }
  std::uint64_t data_region() const {
    const FileEdit edit(path_);
    std::uint64_t r = 0;
    while (edit.word(r).state == format::RegionState::free || edit.word(r).type != format::RegionType::data) ++r;
    return r;
  }
  void expect_told() {
    {
      const auto store = open(path_, small(Mode::read_only)).value();
      Records all = store.records();
      for (const Record& r : all) EXPECT_EQ(r.text(), "value");
      EXPECT_EQ(outcome(all.status()), "damaged");
    }
  }
  const Scratch scratch_;
  const std::string path_ = scratch_ / "s.durra";
};

TEST_F(RottenTail, nothing_is_written_over) {
  const std::uint64_t r = data_region();
  FileEdit edit(path_);
  auto d = edit.descriptor(r);
  d.tail = format::kRegionData;
  edit.set(edit.descriptor_at(r), d);
  expect_told();
  EXPECT_FALSE(verify(path_).value().damage.empty());
  auto store = open(path_, small()).value();
  for (int i = 100; i < 120; ++i) store.put(i, "new").value();
  compact(store).value();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(shown(store.get(i)), "value") << i;
}

TEST_F(RottenTail, a_rotten_settled_is_told) {
  const std::uint64_t r = data_region();
  FileEdit edit(path_);
  auto d = edit.descriptor(r);
  d.settled = 1;
  edit.set(edit.descriptor_at(r), d);
  expect_told();
  EXPECT_FALSE(verify(path_).value().damage.empty());
}

// A scan left out what it could not resolve: a record of a batch that is not decided, and leads to no envelope.
TEST_F(RottenTail, a_lost_envelope_is_told_by_a_scan) {
  const int status = run_child([&] {
    auto store = open(path_, small()).value();
    step_hook = [](const char* step) {
      if (step == std::string_view("batch.5")) std::_Exit(9);
    };
    (void)store.put(Batch().put(1, "never").put(2, "never"));
    return 0;
  });
  ASSERT_EQ(WEXITSTATUS(status), 9);
  FileEdit edit(path_);
  for (const auto& found : edit.records()) {
    if (!format::in_batch(found.shape.kind)) continue;
    edit.flip(found.at + sizeof(format::RecordHeader));  // how far back its envelope is
    break;
  }
  expect_told();
}

}  // namespace
}  // namespace durra::test
