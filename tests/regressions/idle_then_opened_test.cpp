// An opener made the head of the file writable before it compared the time of the file's last change with the last beat
// of a participant: so its own change made it distrust every store that had been idle for two seconds, and rebuild it.
#include <durra/care.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>

#include "format/head.h"
#include "format/seat.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

// As if everything in and about the file had happened so long ago.
void age(const std::string& path, std::uint64_t seconds) {
  const FileEdit file(path);
  for (std::uint32_t n = 0; n < file.super().seat_count; ++n) {
    const std::uint64_t at = file.super().seats_offset + n * sizeof(format::Seat) + offsetof(format::Seat, beat_ns);
    if (const auto beat = file.get<std::uint64_t>(at); beat != 0) file.set(at, beat - seconds * 1'000'000'000);
  }
  struct stat s {};
  ASSERT_EQ(::stat(path.c_str(), &s), 0);
  const timespec then{s.st_mtim.tv_sec - static_cast<time_t>(seconds), s.st_mtim.tv_nsec};
  const timespec times[] = {then, then};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

class IdleThenOpened : public testing::TestWithParam<Scratch::Where> {};

TEST_P(IdleThenOpened, is_trusted_as_much_as_before) {
  const Scratch scratch(GetParam());
  const std::string path = scratch / "s.durra";
  { open(path, small()).value().put("key", "value").value(); }
  const auto opened_at_once = stats(open(path).value()).value().opened;
  age(path, 3'600);
  EXPECT_EQ(stats(open(path).value()).value().opened, opened_at_once);
  const auto dies = [&] {
    Store s = open(path).value();
    s.put("key", "value").value();
    return ::raise(SIGKILL);
  };
  run_child(dies);
  const Opened after_a_kill = [&] {
    run_child(dies);
    return stats(open(path).value()).value().opened;
  }();
  run_child(dies);
  age(path, 3'600);
  EXPECT_EQ(stats(open(path).value()).value().opened, after_a_kill);
}

TEST_P(IdleThenOpened, but_not_when_a_stranger_has_changed_it) {
  const Scratch scratch(GetParam());
  const std::string path = scratch / "s.durra";
  { open(path, small()).value().put("key", "value").value(); }
  age(path, 3'600);
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), nullptr, 0), 0);
  EXPECT_EQ(stats(open(path).value()).value().opened, Opened::rebuilt);
}

INSTANTIATE_TEST_SUITE_P(Where, IdleThenOpened, testing::Values(Scratch::Where::fast, Scratch::Where::disk),
                         [](const auto& w) { return w.param == Scratch::Where::fast ? "memory" : "disk"; });

}  // namespace
}  // namespace durra::test
