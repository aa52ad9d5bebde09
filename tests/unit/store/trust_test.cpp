// How an opener comes to use the index: each row of the table that can be reached from outside, and that what it leads
// to is right.
#include <durra/care.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>

#include "store/os.h"
#include "tests/support/crash.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::outcome;
using test::shown;
using test::small;

struct Trust : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";

  static void fill(Store& s) {
    for (int i = 0; i < 3'000; ++i) s.put(i, std::to_string(i)).value();
    s.erase(5).value();
  }
  static void check(const Store& s) {
    for (int i = 0; i < 3'000; ++i) ASSERT_EQ(shown(s.get(i)), i == 5 ? "<not_found>" : std::to_string(i));
    EXPECT_EQ(stats(s).value().live_records, 2'999u);
  }
  void make_closed() const {
    auto store = open(path, small()).value();
    fill(store);
  }
  // A process that fills the store and is killed while it has it open.
  void make_killed() const {
    const int status = test::run_child([&] {
      auto store = open(path, small()).value();
      fill(store);
      ::kill(::getpid(), SIGKILL);
      return 1;
    });
    ASSERT_EQ(status, SIGKILL);
  }
  // Opens, says how, and checks that everything is there.
  Opened opened(const std::string& file, const Options& o = small()) const {
    const auto store = open(file, o).value();
    check(store);
    return stats(store).value().opened;
  }
  Opened opened() const { return opened(path); }
  // Whether this machine can tell that a file has been at its place all the time: needs Linux 6.8 (unique mount ids).
  bool knows_places() const { return os::identity(os::open(path, os::Access::read).value()).value().mount_id != 0; }
};

TEST_F(Trust, created_warm_clean) {
  {
    auto first = open(path, small()).value();
    EXPECT_EQ(stats(first).value().opened, Opened::created);
    fill(first);
    EXPECT_EQ(opened(), Opened::warm);
    EXPECT_EQ(opened(), Opened::warm);
  }
  EXPECT_EQ(opened(), Opened::clean);
  EXPECT_EQ(opened(), Opened::clean);
  EXPECT_EQ(stats(open(path, small()).value()).value().rebuilds, 0u);
}

TEST_F(Trust, a_living_process_makes_it_warm) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  test::Child other([&] {
    auto store = open(path, small()).value();
    fill(store);
    if (::write(ready[1], "x", 1) != 1) return 1;
    ::pause();
    return 0;
  });
  char c;
  ASSERT_EQ(::read(ready[0], &c, 1), 1);
  EXPECT_EQ(opened(), Opened::warm);
  other.kill();
  EXPECT_EQ(opened(), knows_places() ? Opened::same_boot : Opened::rebuilt);
  EXPECT_EQ(opened(), Opened::clean);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(Trust, after_a_kill_the_same_boot_is_trusted) {
  make_killed();
  EXPECT_EQ(opened(), knows_places() ? Opened::same_boot : Opened::rebuilt);
}

TEST_F(Trust, a_rename_changes_nothing) {
  make_killed();
  const Opened expected = knows_places() ? Opened::same_boot : Opened::rebuilt;
  std::filesystem::rename(path, scratch / "renamed");
  EXPECT_EQ(opened(scratch / "renamed"), expected);
  std::filesystem::rename(scratch / "renamed", path);
  EXPECT_EQ(opened(), Opened::clean);
}

TEST_F(Trust, a_copy_is_rebuilt_whatever_it_says_of_itself) {
  make_closed();
  std::filesystem::copy_file(path, scratch / "copy");
  EXPECT_EQ(opened(scratch / "copy"), Opened::rebuilt);
  EXPECT_EQ(opened(scratch / "copy"), Opened::clean);
  EXPECT_EQ(opened(), Opened::clean);
}

TEST_F(Trust, a_copy_of_a_living_store_is_rebuilt) {
  auto store = open(path, small()).value();
  fill(store);
  std::filesystem::copy_file(path, scratch / "copy");
  EXPECT_EQ(opened(scratch / "copy"), Opened::rebuilt);
}

// The inode is the same, its mark may say clean: only the time of the change tells.
TEST_F(Trust, a_copy_restored_in_place_is_rebuilt) {
  auto store = open(path, small()).value();
  fill(store);
  std::filesystem::copy_file(path, scratch / "copy");
  store.put("later", "x").value();
  { const Store closed = std::move(store); }
  {
    std::ifstream from(scratch / "copy", std::ios::binary);
    std::ofstream to(path, std::ios::binary | std::ios::trunc);
    to << from.rdbuf();
  }
  const timespec later[2] = {{0, UTIME_OMIT}, {::time(nullptr) + 10, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), later, 0), 0);
  EXPECT_EQ(opened(), Opened::rebuilt);
  EXPECT_EQ(opened(), Opened::clean);
}

TEST_F(Trust, a_stranger_who_touches_a_clean_file_costs_a_rebuild) {
  make_closed();
  const timespec later[2] = {{0, UTIME_OMIT}, {::time(nullptr) + 10, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), later, 0), 0);
  EXPECT_EQ(opened(), Opened::rebuilt);
}

TEST_F(Trust, a_dirty_file_of_another_boot_is_rebuilt) {
  make_killed();
  const test::FileEdit edit(path);
  const std::uint64_t at = format::kControlOffset + offsetof(format::Control, identity);
  auto identity = edit.get<format::Identity>(at);
  identity.boot_id[0] ^= 1;
  identity.check = format::identity_check(identity, edit.seed());
  edit.set(at, identity);
  EXPECT_EQ(opened(), Opened::rebuilt);
}

TEST_F(Trust, a_clean_file_of_another_boot_is_clean) {
  make_closed();
  const test::FileEdit edit(path);
  const std::uint64_t at = format::kControlOffset + offsetof(format::Control, identity);
  auto identity = edit.get<format::Identity>(at);
  identity.boot_id[0] ^= 1;
  identity.check = format::identity_check(identity, edit.seed());
  edit.set(at, identity);
  EXPECT_EQ(opened(), Opened::clean);
}

TEST_F(Trust, an_identity_that_does_not_check_is_none) {
  make_closed();
  const test::FileEdit edit(path);
  edit.flip(format::kControlOffset + offsetof(format::Control, identity) + 100);
  EXPECT_EQ(opened(), Opened::rebuilt);
}

TEST_F(Trust, a_rebuild_that_is_asked_for) {
  make_closed();
  Options o = small();
  o.rebuild = true;
  EXPECT_EQ(opened(path, o), Opened::rebuilt);
  EXPECT_EQ(opened(), Opened::clean);
  const auto store = open(path, small()).value();
  EXPECT_EQ(stats(store).value().rebuilds, 1u);
  EXPECT_EQ(outcome(open(path, o)), "busy");  // nobody may live
  EXPECT_EQ(stats(store).value().rebuilds, 1u);
  check(store);
}

TEST_F(Trust, what_only_records_hold_open_is_alive) {
  auto store = open(path, small()).value();
  fill(store);
  Options o = small();
  o.rebuild = true;
  {
    const auto record = store.get(7).value();
    { const Store closed = std::move(store); }
    EXPECT_EQ(outcome(open(path, o)), "busy");
    EXPECT_EQ(opened(), Opened::warm);
    EXPECT_EQ(record.text(), "7");
  }
  EXPECT_EQ(opened(path, o), Opened::rebuilt);
}

TEST_F(Trust, a_handle_that_another_outlives_leaves_no_clean_mark) {
  make_closed();
  const int status = test::run_child([&] {
    auto first = open(path, small()).value();
    { auto second = open(path, small()).value(); }
    ::kill(::getpid(), SIGKILL);
    return 1;
  });
  ASSERT_EQ(status, SIGKILL);
  EXPECT_EQ(opened(), knows_places() ? Opened::same_boot : Opened::rebuilt);
}

// The last who closes has its seat for a moment after the CLEAN mark, so that who opens then is no first opener.  That
// one left the mark as it was: after a power cut an index with torn lines would have been trusted.
TEST_F(Trust, a_store_in_use_bears_no_clean_mark) {
  test::Stopped closes(
      [&] {
        std::optional<Store> last = open(path, small()).value();
        fill(*last);
        std::binary_semaphore has_a_seat(0), is_closed(0);
        std::thread other([&] {
          last->put(7, "7").value();
          has_a_seat.release();
          is_closed.acquire();
        });
        has_a_seat.acquire();
        test::arm();
        last.reset();
        test::disarm();
        is_closed.release();
        other.join();
      },
      {"close.free", 0});
  ASSERT_TRUE(closes.reached());
  const auto clean = [&] {
    return test::FileEdit(path).get<std::uint64_t>(format::kControlOffset + offsetof(format::Control, clean));
  };
  ASSERT_EQ(clean(), format::kClean);
  const auto next = open(path, small()).value();
  EXPECT_EQ(stats(next).value().opened, Opened::warm);
  EXPECT_EQ(clean(), format::kDirty);
  EXPECT_EQ(closes.finish(), 0);
  EXPECT_EQ(clean(), format::kDirty);
  check(next);
}

}  // namespace
}  // namespace durra
