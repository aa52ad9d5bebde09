// The progress line.
#include "tools/progress.h"

#include <gtest/gtest.h>

namespace durra::tools {
namespace {

TEST(Progress, one_line_says_how_far_how_fast_and_how_long) {
  EXPECT_EQ(progress_line("verify", 42'000'000'000, 100'000'000'000, 13.5),
            "verify  42 %  [######..........]  3.1 GB/s  19 s left");
  EXPECT_EQ(progress_line("backup", 0, 100, 1), "backup  0 %  [................]  0 B/s");
  EXPECT_EQ(progress_line("backup", 200, 100, 1), "backup  100 %  [################]  200 B/s  0 s left");
}

TEST(Progress, of_an_endless_input_only_what_is_known) {
  EXPECT_EQ(progress_line("import", 5'200'000, 0, 2), "import  2.6 MB/s");
}

}  // namespace
}  // namespace durra::tools
