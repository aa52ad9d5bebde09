// The words that a rebuild sets: nothing of before is met again, nothing that a power cut may have torn is believed.
#include <durra/care.h>
#include <gtest/gtest.h>

#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::FileEdit;
using test::shown;
using test::small;

struct RebuildWords : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  RebuildWords() { open(path, small()).value().put("k", "v").value(); }
  static Options rebuilding() {
    Options o = small();
    o.rebuild = true;
    return o;
  }
  template <class T>
  void set_control(std::size_t offset, T value) const {
    FileEdit(path).set(format::kControlOffset + offset, value);
  }
  std::uint64_t generation_of_the_next_life() const {
    open(path, rebuilding()).value().put("k", "v").value();
    const FileEdit edit(path);
    return edit.word(edit.find("k").region).generation;
  }
};

TEST_F(RebuildWords, the_clock_is_beyond_stamps_that_were_given_and_lost) {  // F41
  const auto before = static_cast<std::uint64_t>(open(path, small()).value().get("k").value().stamp()) >> 16;
  auto store = open(path, rebuilding()).value();
  const auto after = static_cast<std::uint64_t>(store.put("new", "v").value()) >> 16;
  EXPECT_GE(after, before + (1 << 16));
}

TEST_F(RebuildWords, a_life_begins_beyond_generations_that_were_used_and_lost) {  // H3
  const auto before = FileEdit(path).word(FileEdit(path).find("k").region).generation;
  const auto first = generation_of_the_next_life();
  EXPECT_GT(first, before + (1 << 20));
  const auto second = generation_of_the_next_life();
  EXPECT_GT(second, first + (1 << 20));
  EXPECT_NE(first & 0xffff, second & 0xffff) << "words of one count in the other";  // H2
}

TEST_F(RebuildWords, how_many_regions_there_are_is_not_believed) {  // F17
  set_control(offsetof(format::Control, region_hint), std::uint64_t{0});
  EXPECT_EQ(shown(open(path, rebuilding()).value().get("k")), "v");
}

// Of a region that was claimed the disk has a tail and nothing else, behind all that it knows (proof `power`): once the
// store has grown so far it looked like one that rot has taken the state from.
TEST_F(RebuildWords, a_tail_alone_is_cleared) {
  {
    const FileEdit edit(path);
    auto d = edit.descriptor(20);
    ASSERT_EQ(d.state, 0u);
    d.tail = format::kRegionData;
    edit.set(edit.descriptor_at(20), d);
  }
  EXPECT_EQ(shown(open(path, rebuilding()).value().get("k")), "v");
  EXPECT_EQ(FileEdit(path).descriptor(20).tail, 0u);
  auto store = open(path, small()).value();
  for (int i = 0; store.put(i, test::noise(30'000)); ++i) {
  }
  EXPECT_LE(stats(store).value().regions_free, 1u) << "but for what is kept for erases";
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(RebuildWords, what_is_retired_still_counts) {  // F12
  const FileEdit edit(path);
  const auto region = edit.find("k").region;
  auto word = edit.word(region);
  word.state = format::RegionState::retired;
  edit.set_word(region, word);
  EXPECT_EQ(shown(open(path, rebuilding()).value().get("k")), "v");
}

TEST_F(RebuildWords, nobody_goes_on_behind_a_torn_tail) {  // F17b
  const auto region = FileEdit(path).find("k").region;
  ASSERT_EQ(FileEdit(path).word(region).state, format::RegionState::partial);
  open(path, rebuilding()).value().put("next", "v").value();
  const FileEdit edit(path);
  EXPECT_EQ(edit.word(region).state, format::RegionState::sealed);
  EXPECT_NE(edit.find("next").region, region);
}

}  // namespace
}  // namespace durra
