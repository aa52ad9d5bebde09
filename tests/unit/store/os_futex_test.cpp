// The operating system seam: sleeping on a word that several processes map.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "store/os.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"

namespace durra::os {
namespace {

using namespace std::chrono_literals;
using test::Child;
using test::Faults;
using test::Scratch;
using Clock = std::chrono::steady_clock;

struct Shared {
  explicit Shared(const std::string& path) : file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    EXPECT_EQ(::ftruncate(file.fd(), 4096), 0);
    map = os::map(file, 0, 4096, Access::read_write).value();
  }
  std::uint32_t* word() const { return reinterpret_cast<std::uint32_t*>(map.base()); }
  void set(std::uint32_t v) const { std::atomic_ref(*word()).store(v); }
  std::uint32_t get() const { return std::atomic_ref(*word()).load(); }
  File file;
  Mapping map;
};

TEST(OsFutex, a_word_that_has_changed_is_not_slept_on) {
  const Scratch scratch;
  const Shared s(scratch / "f");
  s.set(2);
  const auto begin = Clock::now();
  futex_wait(s.word(), 1, 10s);
  EXPECT_LT(Clock::now() - begin, 5s);
}

TEST(OsFutex, patience_ends) {
  const Scratch scratch;
  const Shared s(scratch / "f");
  const auto begin = Clock::now();
  futex_wait(s.word(), 0, 20ms);
  EXPECT_GE(Clock::now() - begin, 20ms);
  futex_wait(s.word(), 0, 0ns);
}

TEST(OsFutex, another_process_wakes_through_its_own_mapping_and_a_reader_may_sleep) {
  const Scratch scratch;
  const Shared s(scratch / "f");
  Child sleeper([&] {
    const File file = open(scratch / "f", Access::read).value();
    const Mapping map = os::map(file, 0, 4096, Access::read).value();
    futex_wait(reinterpret_cast<const std::uint32_t*>(map.base()), 0, 60s);
    return 0;
  });
  std::atomic<bool> over{false};
  std::thread waker([&] {  // again and again: the sleeper may not sleep yet
    while (!over) {
      futex_wake_all(s.word());
      nap(1ms);
    }
  });
  const auto begin = Clock::now();
  EXPECT_EQ(sleeper.wait(), 0);
  EXPECT_LT(Clock::now() - begin, 30s);
  over = true;
  waker.join();
}

TEST(OsFutex, faults_make_both_do_nothing) {
  const Scratch scratch;
  const Shared s(scratch / "f");
  Faults faults;
  faults.fail(Call::futex, ENOSYS, 1, true);
  const auto begin = Clock::now();
  futex_wait(s.word(), 0, 10s);
  EXPECT_LT(Clock::now() - begin, 5s);
  futex_wake_all(s.word());
  EXPECT_EQ(faults.count(Call::futex), 2u);
  EXPECT_EQ(s.get(), 0u);
}

}  // namespace
}  // namespace durra::os
