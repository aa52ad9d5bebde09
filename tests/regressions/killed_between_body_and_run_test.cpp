// A claim of a run takes its bodies, and then says of each which head it belongs to.  Killed between the two, behind
// the end of the file, it left a BODY that belonged to nobody, and every later open said "the file has lost its end":
// one instruction in the life of a put after which nobody could open the store.  So did an open while somebody was just
// there.  Found by killing a put of a run at every instruction.
#include <durra/care.h>
#include <gtest/gtest.h>

#include "tests/support/crash.h"
#include "tests/support/file_edit.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

TEST(KilledBetweenBodyAndRun, the_store_opens_and_the_body_is_given_back) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  open(path, small()).value().put("k", "v").value();
  const Body puts_a_run = [&] {
    auto s = open(path, small()).value();
    arm();
    s.put("large", noise(150'000)).value();
  };
  ASSERT_TRUE(ends_at(puts_a_run, {"run.2"}));
  const FileEdit edit(path);
  std::uint64_t body = 0;
  while (edit.word(body).state != format::RegionState::body) ++body;
  ASSERT_GE(edit.region_at(body), edit.size());
  auto descriptor = edit.descriptor(body);
  descriptor.run = 0;  // as it was one instruction before
  edit.set(edit.descriptor_at(body), descriptor);

  auto s = open(path, small()).value();
  EXPECT_EQ(shown(s.get("k")), "v");
  EXPECT_EQ(edit.word(body).state, format::RegionState::free);
  EXPECT_TRUE(s.put("large", noise(150'000)));
}

}  // namespace
}  // namespace durra::test
