// A region was retired, and the ticket of the sync that it waited for stood in its descriptor, when the power failed.
// The rebuild sealed it again in the same life and began the tickets anew, so the next time it was retired it waited
// for a sync of long ago: a put in a full store never came back, as no sync answered for that ticket; and where the
// ticket was small, the region was used again before what superseded its records was on the disk.  Found by power cuts
// while a writer frees space for itself.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <string>

#include "tests/support/disk.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

TEST(GateOfBefore, is_over_after_a_rebuild) {
  const Scratch scratch;
  const TmpfsIsADisk power;
  const std::string path = scratch / "s.durra";
  Options options = small(640_KiB, 8);
  const auto fill = [](Store& s, int times) {
    for (int i = 0; i < times; ++i)
      ASSERT_EQ(outcome(s.put("k" + std::to_string(i % 3), noise(24'000, static_cast<std::uint64_t>(i)))), "ok") << i;
  };
  {
    auto store = open(path, options).value();
    fill(store, 6);
  }
  const FileEdit file(path);
  for (std::uint64_t r = 0; file.word(r).state != format::RegionState::free; ++r)
    file.set(file.descriptor_at(r) + offsetof(format::Descriptor, gate), format::tagged(file.word(r).generation, 40));

  options.rebuild = true;
  auto store = open(path, options).value();
  ::alarm(20);
  fill(store, 40);
  ::alarm(0);
  EXPECT_LT(stats(store).value().syncs, 40u) << "a ticket of before is waited for";
  EXPECT_TRUE(verify(path).value().damage.empty());
}

}  // namespace
}  // namespace durra::test
