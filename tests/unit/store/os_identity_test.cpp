// The operating system seam: who a file is, what it lies on, and what this process is.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "store/os.h"
#include "store/os_call.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"

namespace durra::os {
namespace {

using format::Identity;
using test::Scratch;

File made(const std::string& path) {
  File f(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_TRUE(f) << path;
  return f;
}

bool same(const Identity& a, const Identity& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// ---- The file -----------------------------------------------------------------------------------------------------
TEST(OsIdentity, is_what_the_kernel_says) {
  const Scratch s(Scratch::Where::disk);
  const File f = made(s / "f");
  const Identity id = identity(f).value();
  std::string text, digits = "0123456789abcdef", hex;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> text;
  for (const std::uint8_t b : id.boot_id) hex += {digits[b >> 4], digits[b & 15]};
  text.erase(std::remove(text.begin(), text.end(), '-'), text.end());
  EXPECT_EQ(hex, text);
  struct stat st;
  ASSERT_EQ(::fstat(f.fd(), &st), 0);
  EXPECT_EQ(id.device, st.st_dev);
  EXPECT_EQ(id.inode, st.st_ino);
  EXPECT_TRUE(id.birth_ns == 0 || now_ns() - id.birth_ns < 60'000'000'000u);
  EXPECT_LE(id.handle_size, id.handle.size());
  EXPECT_EQ(id.check, 0u);
}

TEST(OsIdentity, is_the_same_for_every_open_file_of_an_inode_and_for_no_other) {
  const Scratch s;
  const File f = made(s / "f"), g = made(s / "g");
  const Identity a = identity(f).value();
  ASSERT_TRUE(write_at(f, 0, "x", 1));
  EXPECT_TRUE(same(a, identity(open(s / "f", Access::read).value()).value()));
  const Identity b = identity(g).value();
  EXPECT_FALSE(same(a, b));
  EXPECT_EQ(a.mount_id, b.mount_id);
  EXPECT_NE(a.inode, b.inode);
}

// F8: a file that went away with its mount and came back is not trusted.
TEST(OsIdentity, differs_at_another_mount_of_the_same_folder) {
  const Scratch s;
  const int status = test::run_with_own_mounts([&] {
    const File f = made(s / "f");
    const Identity a = identity(f).value();
    ::mkdir((s / "there").c_str(), 0700);
    if (::mount(s.path().c_str(), (s / "there").c_str(), nullptr, MS_BIND, nullptr) != 0) return test::kNoMounts;
    const Identity b = identity(open(s / "there/f", Access::read).value()).value();
    EXPECT_EQ(a.inode, b.inode);
    EXPECT_EQ(a.device, b.device);
    EXPECT_TRUE(a.mount_id != b.mount_id || (a.mount_id == 0 && b.mount_id == 0)) << "0: before Linux 6.8";
    return 0;
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == test::kNoMounts) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(status, 0);
}

TEST(OsIdentity, what_cannot_be_told_is_zero) {
  const Scratch s;
  const File f = made(s / "f");
  const Identity whole = identity(f).value();
  test::Faults faults;
  faults.fail(Call::identity, ENOSYS, 1);
  const auto none = identity(f);
  EXPECT_EQ(none.error().errno_value, ENOSYS);
  EXPECT_STREQ(none.error().what, "statx");
  for (const std::uint64_t k : {2u, 3u}) {  // opening boot_id, reading it
    faults.fail(Call::identity, EACCES, k);
    const Identity id = identity(f).value();
    EXPECT_EQ(id.boot_id, (std::array<std::uint8_t, 16>{}));
    EXPECT_EQ(id.mount_id, 0u) << "in the next boot another mount may have the same";
    EXPECT_EQ(id.inode, whole.inode);
  }
  faults.fail(Call::identity, EOPNOTSUPP, 4);
  const Identity id = identity(f).value();
  EXPECT_EQ(id.handle_size, 0u);
  EXPECT_EQ(id.handle, (std::array<std::uint8_t, 128>{}));
  EXPECT_EQ(id.boot_id, whole.boot_id);
}

TEST(OsFileSystem, is_named_and_judged) {
  const auto judge = [](std::uint32_t magic) {
    const FileSystem fs = file_system_of(magic);
    return fs.name + (fs.supported ? " supported" : "") + (fs.volatile_ ? " volatile" : "") +
           (fs.locks_by_descriptor ? " by_descriptor" : "");
  };
  EXPECT_EQ(judge(EXT4_SUPER_MAGIC), "ext4 supported");
  EXPECT_EQ(judge(XFS_SUPER_MAGIC), "xfs supported");
  EXPECT_EQ(judge(BTRFS_SUPER_MAGIC), "btrfs supported");
  EXPECT_EQ(judge(TMPFS_MAGIC), "tmpfs supported volatile");
  EXPECT_EQ(judge(OVERLAYFS_SUPER_MAGIC), "overlayfs supported by_descriptor");
  EXPECT_EQ(judge(RAMFS_MAGIC), "ramfs volatile");
  EXPECT_EQ(judge(NFS_SUPER_MAGIC), "nfs");
  EXPECT_EQ(judge(V9FS_MAGIC), "9p");
  EXPECT_EQ(judge(FUSE_SUPER_MAGIC), "fuse");
  EXPECT_EQ(judge(0xabcd1234), "0xabcd1234");
}

TEST(OsFileSystem, of_an_open_file) {
  const File boot_id = open("/proc/sys/kernel/random/boot_id", Access::read).value();
  EXPECT_EQ(file_system(boot_id).value().name, "proc");
  EXPECT_FALSE(file_system(boot_id).value().supported);
  test::Faults faults;
  faults.fail(Call::identity, EIO);
  const auto r = file_system(boot_id);
  EXPECT_EQ(r.error().errno_value, EIO);
  EXPECT_STREQ(r.error().what, "fstatfs");
}

// ---- Fork cookie --------------------------------------------------------------------------------------------------
TEST(OsForkCookie, is_one_for_all_threads_of_a_process) {
  const std::uint64_t mine = fork_cookie();
  EXPECT_NE(mine, 0u);
  EXPECT_EQ(fork_cookie(), mine);
  std::uint64_t other = 0;
  std::thread([&] { other = fork_cookie(); }).join();
  EXPECT_EQ(other, mine);
}

TEST(OsForkCookie, differs_from_all_ancestors) {
  EXPECT_EQ(test::run_child([parent = fork_cookie()] {
              const std::uint64_t child = fork_cookie();
              EXPECT_NE(child, parent);
              EXPECT_EQ(fork_cookie(), child);
              return test::run_child([&] {
                EXPECT_NE(fork_cookie(), child);
                EXPECT_NE(fork_cookie(), parent);
                return 0;
              });
            }),
            0);
}

TEST(OsForkCookie, differs_after_a_raw_clone) {
  const std::uint64_t parent = fork_cookie();
  const long child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) ::_exit(fork_cookie() == parent || fork_cookie() == 0);
  int status = -1;
  ASSERT_EQ(::waitpid(static_cast<pid_t>(child), &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(OsForkCookie, differs_also_where_no_page_can_be_wiped) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // a process that has no cookie yet
  for (const Call c : {Call::map, Call::advise}) {
    EXPECT_EXIT(
        {
          test::Faults faults;
          faults.fail(c, ENOMEM, 1, true);
          const std::uint64_t parent = fork_cookie();
          const int child = test::run_child([&] { return fork_cookie() == parent; });
          ::_exit(parent != 0 && fork_cookie() == parent && child == 0 && faults.failed() >= 2 ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
  }
}

TEST(OsForkCookie, threads_that_ask_first_at_once_agree) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::vector<std::uint64_t> seen(4);
        std::vector<std::thread> threads;
        for (auto& cookie : seen) threads.emplace_back([&cookie] { cookie = fork_cookie(); });
        for (auto& t : threads) t.join();
        ::_exit(std::set<std::uint64_t>(seen.begin(), seen.end()).size() == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

// ---- This process -------------------------------------------------------------------------------------------------
TEST(OsProcess, clocks_agree_and_move) {
  const std::uint64_t utc = now_ns(), coarse = coarse_now_ns(), steady = steady_ns();
  EXPECT_GT(utc, 1'700'000'000'000'000'000u);
  EXPECT_LT(std::max(utc, coarse) - std::min(utc, coarse), 1'000'000'000u);
  nap(std::chrono::milliseconds(2));
  EXPECT_GE(steady_ns() - steady, 1'500'000u);
  nap(std::chrono::nanoseconds(-1));
}

TEST(OsProcess, knows_its_numbers_and_name) {
  EXPECT_EQ(pid(), static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(tid(), pid());
  std::array<char, 16> name{};
  std::thread([&] {
    EXPECT_NE(tid(), pid());
    ::prctl(PR_SET_NAME, "a-name-of-15-ch");
    name = command();
  }).join();
  EXPECT_STREQ(name.data(), "a-name-of-15-ch");
}

TEST(OsProcess, random_bits_are_not_all_the_same) {
  std::array<std::uint64_t, 64> r{};
  ASSERT_TRUE(random(r.data(), sizeof r));
  EXPECT_EQ(std::set<std::uint64_t>(r.begin(), r.end()).size(), r.size());
  test::Faults faults;
  faults.fail(Call::random, ENOSYS);
  EXPECT_STREQ(random(r.data(), 8).error().what, "getrandom");
}

TEST(OsProcess, machines_are_judged) {
  EXPECT_EQ(check_machine(), nullptr);
  for (const char* old : {"5.13.19", "4.4.0", "2.6.32-754", "5", "", "x"}) EXPECT_FALSE(recent_enough(old)) << old;
  for (const char* good : {"5.14.0-362.el9", "5.15", "6.1.0-13-amd64", "10.0"})
    EXPECT_TRUE(recent_enough(good)) << good;
}

}  // namespace
}  // namespace durra::os
