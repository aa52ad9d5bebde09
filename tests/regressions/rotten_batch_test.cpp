// A batch that a death left undecided, and one rotten word of it: a get showed what was never put.  One bit of the last
// word of a record says "stamped" to the short way of a get; and a decision "fixed" at the time 0 was believed.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "format/batch.h"
#include "store/step.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

class RottenBatch : public testing::Test {
 protected:
  void SetUp() override {
    {
      auto store = open(path_, small()).value();
      store.put(1, "value").value();
    }
    const int status = run_child([&] {
      auto store = open(path_, small()).value();
      step_hook = [](const char* step) {
        if (step == std::string_view("batch.5")) std::_Exit(9);
      };
      (void)store.put(Batch().put(1, "never"));
      return 0;
    });
    ASSERT_EQ(WEXITSTATUS(status), 9);
    edit_.emplace(path_);
  }
  std::uint64_t at(format::RecordKind kind) const {
    for (const auto& r : edit_->records())
      if (r.shape.kind == kind) return r.at;
    throw std::runtime_error("no such record");
  }
  std::string seen(Mode mode) const { return shown(open(path_, small(mode)).value().get(1)); }
  const Scratch scratch_;
  const std::string path_ = scratch_ / "s.durra";
  std::optional<FileEdit> edit_;
};

TEST_F(RottenBatch, one_bit_does_not_make_it_a_version) {
  edit_->flip(at(format::RecordKind::batch_put) + offsetof(format::RecordHeader, word) + 7, 7);
  EXPECT_EQ(seen(Mode::read_only), "value");
  EXPECT_EQ(seen(Mode::open), "value");
}

TEST_F(RottenBatch, it_is_not_fixed_at_the_time_0) {
  const std::uint64_t envelope = at(format::RecordKind::envelope);
  edit_->set(envelope + offsetof(format::RecordHeader, stamp), format::decision(format::Verdict::fixed));
  EXPECT_EQ(seen(Mode::read_only), "<damaged>");
  EXPECT_EQ(seen(Mode::open), "<damaged>");
}

}  // namespace
}  // namespace durra::test
