// A rebuild was asked for in the boot that wrote the file, and killed halfway.  The identity in the file still fitted,
// so the next open trusted the half-made index (`same_boot`) and found none of the records.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "store/step.h"
#include "tests/support/scratch.h"

namespace durra {
namespace {

constexpr int kKilled = 9;
constexpr const char* kSteps[] = {"rebuild.1", "rebuild.2", "rebuild.3"};

class HalfMadeIndex : public testing::TestWithParam<const char*> {
 protected:
  static inline std::string_view where_;
  static void die_there(const char* step) {
    if (step == where_) std::_Exit(kKilled);
  }
};

TEST_P(HalfMadeIndex, a_rebuild_that_died_is_begun_again) {
  const test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  {
    auto store = open(path).value();
    for (int i = 0; i < 1000; ++i) store.put(i, "value").value();
  }
  where_ = GetParam();
  const int status = test::run_child([&] {
    step_hook = die_there;
    Options options;
    options.rebuild = true;
    (void)open(path, options);
    return 0;
  });
  ASSERT_EQ(WEXITSTATUS(status), kKilled) << "the step was not reached";

  auto store = open(path).value();
  EXPECT_EQ(stats(store).value().opened, Opened::rebuilt);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(store.get(i)) << i;
}

INSTANTIATE_TEST_SUITE_P(Steps, HalfMadeIndex, testing::ValuesIn(kSteps),
                         [](const auto& step) { return "step_" + std::string(1, step.param[8]); });

}  // namespace
}  // namespace durra
