// Which regions hold garbage is a hint that each writer counts for itself at first.  One that was killed took it along,
// and those who came later answered `full` in a store that held nothing but garbage.
#include <durra/store.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/scratch.h"

namespace durra::test {
namespace {

TEST(FullAfterLostHints, what_a_dead_writer_erased_makes_room) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  Options o;
  o.region_size = 64_KiB;
  o.max_size = 2_MiB;
  o.participants = 8;
  const std::string large(50'000, 'x');
  Child child([&] {
    Store s = open(path, o).value();
    int n = 0;
    while (s.put(n, large)) ++n;
    for (int i = 0; i < n; ++i) s.erase(i).value();
    ::raise(SIGKILL);
    return 0;
  });
  child.wait();
  Store s = open(path, o).value();
  for (int i = 0; i < 10; ++i) {
    const auto done = s.put(i, large);
    ASSERT_TRUE(done) << i << ": " << done.error().message();
  }
}

}  // namespace
}  // namespace durra::test
