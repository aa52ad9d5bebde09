// A compactor died between moving a record and writing the check of its new place. A read-only handle may not write it,
// so its scan counted the new place as no version, the old one as superseded, and left the record out without a word.
// The golden file `compact.swing` showed it.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "store/step.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

constexpr int kDied = 9;

void die_when_moved(const char* step) {
  if (std::string_view(step) == "compact.swing") std::_Exit(kDied);
}

TEST(MovedAndUnseen, a_read_only_scan_shows_what_a_dead_compactor_has_moved) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  const int status = run_child([&] {
    auto store = open(path, small()).value();
    store.put("kept", "value").value();
    for (unsigned i = 0; i < 40; ++i) store.put("over", noise(5'000, i)).value();
    step_hook = die_when_moved;
    (void)compact(store);
    return 0;
  });
  ASSERT_EQ(status >> 8, kDied);
  const auto reader = open(path, small(Mode::read_only)).value();
  int shown_ones = 0;
  auto all = reader.records();
  for (const Record& r : all) {
    EXPECT_TRUE(r.key() == "kept" || r.text() == noise(5'000, 39)) << r.key();
    ++shown_ones;
  }
  EXPECT_TRUE(all.status());
  EXPECT_EQ(shown_ones, 2);
}

}  // namespace
}  // namespace durra::test
