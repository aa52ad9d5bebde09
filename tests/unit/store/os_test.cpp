// The operating system seam: files and their space.
#include "store/os.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

#include "store/os_call.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"

namespace durra::os {
namespace {

using test::Scratch;
constexpr std::uint64_t kMiB = 1u << 20;

void expect_error(const Error& e, Code code, int errno_value, const std::string& what) {
  EXPECT_EQ(e.code, code) << e.message();
  EXPECT_EQ(e.errno_value, errno_value) << e.message();
  EXPECT_EQ(std::string(e.what ? e.what : ""), what);
}

File made(const std::string& path, std::uint64_t size = 0) {
  File f(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_TRUE(f) << path;
  EXPECT_EQ(::ftruncate(f.fd(), static_cast<off_t>(size)), 0);
  return f;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& e : std::filesystem::directory_iterator(folder)) names.push_back(e.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

void limit_file_size(std::uint64_t bytes) {
  const struct rlimit r {
    bytes, RLIM_INFINITY
  };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &r), 0);
}

// ---- Faults -------------------------------------------------------------------------------------------------------
TEST(OsFaults, every_kind_of_call_has_a_name_of_its_own) {
  std::set<std::string> names;
  for (int c = 0; c < static_cast<int>(Call::count_); ++c) names.insert(name(static_cast<Call>(c)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Call::count_));
  EXPECT_EQ(names.count("unknown"), 0u);
  EXPECT_STREQ(name(Call::count_), "unknown");
}

TEST(OsFaults, the_kth_call_fails_once_or_from_then_on) {
  const Scratch s;
  const File f = made(s / "f", 100);
  test::Faults faults;
  faults.fail(Call::stat, EIO, 2);
  EXPECT_TRUE(info(f));
  expect_error(info(f).error(), Code::io, EIO, "fstat");
  EXPECT_TRUE(info(f));
  faults.fail(Call::stat, ENOMEM, 1, true);
  EXPECT_FALSE(info(f));
  EXPECT_FALSE(info(f));
  faults.heal();
  EXPECT_TRUE(info(f));
  faults.fail_any(EDOM, 1);
  EXPECT_EQ(info(f).error().errno_value, EDOM);
  EXPECT_EQ(faults.count(Call::stat), 7u);
  EXPECT_EQ(faults.failed(), 4u);
}

TEST(OsFaults, an_interrupted_call_is_made_again) {
  const Scratch s;
  const File f = made(s / "f", 100);
  test::Faults faults;
  faults.fail(Call::stat, EINTR);
  EXPECT_TRUE(info(f));
  EXPECT_EQ(faults.count(Call::stat), 2u);
}

// ---- Opening ------------------------------------------------------------------------------------------------------
TEST(OsFile, is_moved_and_given_up) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  File a(pipe[0]), b(pipe[1]);
  a = std::move(b);
  EXPECT_EQ(a.fd(), pipe[1]);
  EXPECT_EQ(::fcntl(pipe[0], F_GETFD), -1) << "what it held before is closed";
  const File c(std::move(a));
  EXPECT_FALSE(a);
  File d(::dup(c.fd()));
  const int fd = d.release();
  EXPECT_FALSE(d);
  EXPECT_GE(::fcntl(fd, F_GETFD), 0);
  ::close(fd);
}

TEST(OsOpen, opens_regular_files_close_on_exec) {
  const Scratch s;
  made(s / "f", 100);
  for (const Access a : {Access::read, Access::read_write}) {
    const auto f = open(s / "f", a);
    ASSERT_TRUE(f) << f.error().message();
    EXPECT_EQ(::fcntl(f->fd(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(::fcntl(f->fd(), F_GETFL) & O_ACCMODE, a == Access::read ? O_RDONLY : O_RDWR);
    EXPECT_EQ(info(*f).value().size, 100u);
  }
}

TEST(OsOpen, refuses_everything_but_regular_files_and_says_which) {
  const Scratch s;
  made(s / "f");
  std::filesystem::create_symlink("f", s / "link");
  std::filesystem::create_symlink("nothing", s / "dangling");
  ASSERT_EQ(::mkfifo((s / "fifo").c_str(), 0600), 0);
  const File socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (s / "socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::vector<std::pair<std::string, std::string>> refused = {
      {s.path(), "is a directory"}, {s / "link", "is a symbolic link"}, {s / "dangling", "is a symbolic link"},
      {s / "fifo", "is a FIFO"},    {s / "socket", "is a socket"},      {"/dev/null", "is a device"},
  };
  for (const Access a : {Access::read, Access::read_write}) {
    for (const auto& [path, why] : refused) expect_error(open(path, a).error(), Code::unsupported, 0, why);
    expect_error(open(s / "nothing", a).error(), Code::not_found, ENOENT, "open");
    expect_error(open(s / "f/below", a).error(), Code::io, ENOTDIR, "open");
  }
}

TEST(OsOpen, tells_the_kernels_reason) {
  const Scratch s;
  made(s / "f");
  test::Faults faults;
  faults.fail(Call::open, EACCES);
  expect_error(open(s / "f", Access::read).error(), Code::io, EACCES, "open");
  faults.fail(Call::open, EROFS, 2);
  expect_error(open(s / "f", Access::read_write).error(), Code::io, EROFS, "open");
  faults.fail(Call::stat, EIO);
  expect_error(open(s / "f", Access::read).error(), Code::io, EIO, "fstat");
}

TEST(OsOpen, a_file_that_may_not_be_written_opens_for_reading) {
  const Scratch s;
  made(s / "f", 1);
  const int status = test::run_child([&] {
    EXPECT_EQ(::chmod(s.path().c_str(), 0755), 0);
    EXPECT_EQ(::chmod((s / "f").c_str(), 0444), 0);
    EXPECT_TRUE(::getuid() != 0 || ::setuid(65534) == 0);
    EXPECT_TRUE(open(s / "f", Access::read));
    expect_error(open(s / "f", Access::read_write).error(), Code::io, EACCES, "open");
    return 0;
  });
  EXPECT_EQ(status, 0);
}

TEST(OsReopen, is_another_open_file_of_the_same_inode_whatever_its_path_is_now) {
  const Scratch s;
  const File f = made(s / "f", 10);
  ASSERT_TRUE(*try_lock(f, 5));
  std::filesystem::rename(s / "f", s / "g");
  made(s / "f", 20);
  const auto again = reopen(f, s / "f", Access::read_write);
  ASSERT_TRUE(again);
  EXPECT_EQ(info(*again).value().inode, info(f).value().inode);
  EXPECT_FALSE(*try_lock(*again, 5)) << "locks belong to the other open file";
  std::filesystem::remove(s / "g");
  EXPECT_TRUE(reopen(f, s / "g", Access::read));
}

TEST(OsReopen, without_proc_the_path_must_lead_to_the_same_file) {
  const Scratch s;
  const File f = made(s / "f", 10);
  test::Faults faults;
  faults.fail(Call::open, ENOENT);
  const auto again = reopen(f, s / "f", Access::read_write);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(info(*again).value().inode, info(f).value().inode);
  for (const int which : {1, 2}) {
    faults.fail(Call::open, ENOENT);
    faults.fail(Call::stat, EIO, static_cast<std::uint64_t>(which));
    expect_error(reopen(f, s / "f", Access::read).error(), Code::io, EIO, "fstat");
  }
  std::filesystem::rename(s / "f", s / "g");
  faults.fail(Call::open, ENOENT);
  expect_error(reopen(f, s / "f", Access::read).error(), Code::io, ENOENT, "open");
  made(s / "f", 10);
  faults.fail(Call::open, ENOENT);
  expect_error(reopen(f, s / "f", Access::read).error(), Code::io, ESTALE, "the path leads to another file now");
}

TEST(OsReopen, a_container_without_proc_will_do) {
  const Scratch s;
  const int status = test::run_with_own_mounts([&] {
    made(s / "f", 10);
    if (::mount("tmpfs", "/proc", "tmpfs", 0, "size=1m") != 0) return test::kNoMounts;
    auto f = open(s / "f", Access::read_write);
    EXPECT_TRUE(f);
    EXPECT_TRUE(reopen(*f, s / "f", Access::read));
    EXPECT_EQ(identity(*f).value().boot_id, (std::array<std::uint8_t, 16>{}));
    auto n = NewFile::create(s / "n", 0600);
    EXPECT_TRUE(n);
    EXPECT_TRUE(n->publish() || ::getuid() != 0) << "without it and without capabilities Linux before 6.10 cannot";
    return 0;
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == test::kNoMounts) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(status, 0);
}

TEST(OsInfo, tells_size_place_and_what_it_takes_on_disk) {
  const Scratch s;
  const File f = made(s / "f", 8 * kMiB);
  ASSERT_TRUE(write_at(f, kMiB, "x", 1));
  struct stat st;
  ASSERT_EQ(::fstat(f.fd(), &st), 0);
  const auto i = info(f);
  ASSERT_TRUE(i);
  EXPECT_EQ(i->size, 8 * kMiB);
  EXPECT_EQ(i->inode, st.st_ino);
  EXPECT_EQ(i->device, st.st_dev);
  EXPECT_GT(i->disk_bytes, 0u);
  EXPECT_LT(i->disk_bytes, 8 * kMiB);
  EXPECT_LT(now_ns() - i->mtime_ns, 60'000'000'000u);
}

// ---- New files ----------------------------------------------------------------------------------------------------
// Once by O_TMPFILE and once, after the file system has refused that, by a temporary name.
class OsNewFile : public testing::TestWithParam<bool> {
 protected:
  Result<NewFile> create(const std::string& path, unsigned permissions = 0600) {
    if (GetParam()) faults_.fail(Call::open, EOPNOTSUPP);
    return NewFile::create(path, permissions);
  }
  const Scratch s_;
  test::Faults faults_;
};
INSTANTIATE_TEST_SUITE_P(, OsNewFile, testing::Bool(),
                         [](const auto& p) { return std::string(p.param ? "temporary_name" : "tmpfile"); });

TEST_P(OsNewFile, has_no_name_until_published) {
  auto n = create(s_ / "f");
  ASSERT_TRUE(n) << n.error().message();
  ASSERT_TRUE(write_at(n->file(), 0, "hello", 5));
  EXPECT_FALSE(std::filesystem::exists(s_ / "f"));
  ASSERT_TRUE(n->publish());
  EXPECT_EQ(names_in(s_.path()), std::vector<std::string>{"f"});
  const auto f = open(s_ / "f", Access::read);
  ASSERT_TRUE(f);
  char text[5];
  ASSERT_TRUE(read_at(*f, 0, text, 5));
  EXPECT_EQ(std::string(text, 5), "hello");
}

TEST_P(OsNewFile, leaves_nothing_behind_when_it_is_not_published) {
  {
    auto n = create(s_ / "f");
    ASSERT_TRUE(n);
  }
  EXPECT_EQ(names_in(s_.path()), std::vector<std::string>{});
}

TEST_P(OsNewFile, permissions_are_exact_whatever_the_umask) {
  for (const mode_t umask : {0077u, 0u, 0777u}) {
    for (const unsigned permissions : {0600u, 0644u, 0666u, 0660u, 0400u}) {
      const mode_t before = ::umask(umask);
      auto n = create(s_ / "f", permissions);
      ::umask(before);
      ASSERT_TRUE(n) << n.error().message();
      ASSERT_TRUE(n->publish());
      struct stat st;
      ASSERT_EQ(::stat((s_ / "f").c_str(), &st), 0);
      EXPECT_EQ(st.st_mode & 07777, permissions) << "umask " << umask;
      std::filesystem::remove(s_ / "f");
    }
  }
}

TEST_P(OsNewFile, of_two_creators_one_gets_the_name) {
  auto a = create(s_ / "f"), b = create(s_ / "f");
  ASSERT_TRUE(a && b);
  ASSERT_TRUE(a->publish());
  expect_error(b->publish().error(), Code::busy, EEXIST, "the name is taken");
  EXPECT_EQ(info(*open(s_ / "f", Access::read)).value().inode, info(a->file()).value().inode);
  { const NewFile gone(std::move(*b)); }
  EXPECT_EQ(names_in(s_.path()), std::vector<std::string>{"f"});
}

TEST_P(OsNewFile, a_dangling_symlink_takes_the_name_too) {
  std::filesystem::create_symlink("elsewhere", s_ / "f");
  auto n = create(s_ / "f");
  ASSERT_TRUE(n);
  expect_error(n->publish().error(), Code::busy, EEXIST, "the name is taken");
  EXPECT_FALSE(std::filesystem::exists(s_ / "elsewhere"));
}

TEST_P(OsNewFile, syncs_the_file_before_and_the_folder_after_it_gets_its_name) {
  auto n = create(s_ / "f");
  ASSERT_TRUE(n);
  faults_.fail(Call::sync, EIO);
  expect_error(n->publish().error(), Code::io, EIO, "fsync");
  EXPECT_FALSE(std::filesystem::exists(s_ / "f"));
  faults_.fail(Call::sync, EIO, 2);
  expect_error(n->publish().error(), Code::io, EIO, "fsync");
  EXPECT_TRUE(std::filesystem::exists(s_ / "f"));
}

TEST_P(OsNewFile, tells_why_it_cannot_be_named) {
  auto n = create(s_ / "f");
  ASSERT_TRUE(n);
  faults_.fail(Call::link, EPERM);
  expect_error(n->publish().error(), Code::io, EPERM, GetParam() ? "renameat2" : "linkat");
}

TEST_P(OsNewFile, tells_why_it_cannot_be_made) {
  expect_error(create(s_ / "no/f").error(), Code::io, ENOENT, "open");
  const std::uint64_t first = GetParam() ? 3 : 2;  // the calls that open it
  for (const auto& [k, call] : {std::pair{first - 1, "open"}, {first, "fchmod"}, {first + 1, "fstatfs"}}) {
    struct Two final : Faults {
      int before(Call c) override {
        if (c != Call::open) return 0;
        ++calls;
        return calls == 1 && refuse ? EOPNOTSUPP : calls == k ? EDOM : 0;
      }
      std::uint64_t calls = 0, k = 0;
      bool refuse = false;
    } two;
    two.k = k;
    two.refuse = GetParam();
    set_faults(&two);
    expect_error(NewFile::create(s_ / "f", 0600).error(), Code::io, EDOM, call);
    set_faults(nullptr);
  }
  EXPECT_EQ(names_in(s_.path()), std::vector<std::string>{});
}

TEST_P(OsNewFile, a_file_system_that_cannot_sync_a_folder_is_no_error) {
  for (const int e : {EINVAL, EOPNOTSUPP}) {
    auto n = create(s_ / std::to_string(e));
    ASSERT_TRUE(n);
    faults_.fail(Call::sync, e, 2);
    EXPECT_TRUE(n->publish());
  }
}

TEST(OsNewFileNames, a_temporary_name_needs_random_bits) {
  const Scratch s;
  test::Faults faults;
  faults.fail(Call::open, EOPNOTSUPP);
  faults.fail(Call::random, ENOSYS);
  expect_error(NewFile::create(s / "f", 0600).error(), Code::io, ENOSYS, "getrandom");
}

TEST(OsNewFileNames, a_path_without_a_folder_is_in_the_working_directory) {
  EXPECT_EQ(folder_of("f"), ".");
  EXPECT_EQ(folder_of("/f"), "/");
  EXPECT_EQ(folder_of("a/b/f"), "a/b");
  const Scratch s;
  EXPECT_EQ(test::run_child([&] {
              EXPECT_EQ(::chdir(s.path().c_str()), 0);
              auto n = NewFile::create("f", 0600);
              EXPECT_TRUE(n && n->publish());
              return 0;
            }),
            0);
  EXPECT_EQ(names_in(s.path()), std::vector<std::string>{"f"});
}

TEST(OsSyncDirectory, tells_why_not) {
  expect_error(sync_directory_of("/nowhere/at/all").error(), Code::io, ENOENT, "open");
  const Scratch s;
  test::Faults faults;
  faults.fail(Call::sync, EIO);
  expect_error(sync_directory_of(s / "f").error(), Code::io, EIO, "fsync");
  EXPECT_TRUE(sync_directory_of(s / "f"));
}

// ---- Reading and writing ------------------------------------------------------------------------------------------
TEST(OsReadWrite, reads_what_was_written_and_tells_where_the_file_ended) {
  const Scratch s;
  const File f = made(s / "f");
  std::vector<std::byte> out(3 * kMiB + 17), in(out.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i * 7 / 3);
  ASSERT_TRUE(write_at(f, 1000, out.data(), out.size()));
  ASSERT_TRUE(read_at(f, 1000, in.data(), in.size()));
  EXPECT_EQ(in, out);
  const auto past = read_at(f, 2000, in.data(), in.size());
  expect_error(past.error(), Code::damaged, 0, "the file ends here");
  EXPECT_EQ(past.error().detail, 1000 + out.size());
  EXPECT_TRUE(read_at(f, 1ull << 40, in.data(), 0)) << "nothing is everywhere";
}

TEST(OsReadWrite, tells_the_kernels_reason) {
  const Scratch s;
  const File f = made(s / "f", 100);
  char text[10] = {};
  test::Faults faults;
  faults.fail(Call::read, EIO);
  expect_error(read_at(f, 0, text, 10).error(), Code::io, EIO, "pread");
  faults.fail(Call::write, EIO);
  expect_error(write_at(f, 0, text, 10).error(), Code::io, EIO, "pwrite");
  faults.fail(Call::limit, EPERM);
  expect_error(write_at(f, 0, text, 10).error(), Code::io, EPERM, "getrlimit");
  for (const int e : {ENOSPC, EDQUOT, EFBIG}) {
    faults.fail(Call::write, e);
    const auto r = write_at(f, 0, text, 10);
    expect_error(r.error(), Code::full, e, "pwrite");
    EXPECT_EQ(r.error().detail, 10u);
    EXPECT_GT(r.error().available, 0u);
  }
  const auto only_read = open(s / "f", Access::read);
  expect_error(write_at(*only_read, 0, text, 10).error(), Code::io, EBADF, "pwrite");
}

// ---- Space --------------------------------------------------------------------------------------------------------
TEST(OsSpace, zeros_are_written_in_aligned_pieces) {
  const Scratch s;
  const File f = made(s / "f");
  const std::vector<char> ones(5 * kMiB, 1);
  ASSERT_TRUE(write_at(f, 0, ones.data(), ones.size()));
  test::Faults faults;
  ASSERT_TRUE(write_zeros(f, kMiB + 4096, 3 * kMiB));
  EXPECT_EQ(faults.count(Call::write), 3u) << "to 2 MiB, to 4 MiB, the rest";
  ASSERT_TRUE(write_zeros(f, 65536, 65536, 4096));
  EXPECT_EQ(faults.count(Call::write), 3u + 16u);
  ASSERT_TRUE(write_zeros(f, 5 * kMiB, 64 * kMiB, 1ull << 40));
  EXPECT_EQ(faults.count(Call::write), 3u + 16u + 33u) << "never more than 2 MiB at once";
  std::vector<char> now(5 * kMiB);
  ASSERT_TRUE(read_at(f, 0, now.data(), now.size()));
  for (std::size_t i = 0; i < now.size(); ++i) {
    const bool zero = (i >= 65536 && i < 131072) || (i >= kMiB + 4096 && i < 4 * kMiB + 4096);
    ASSERT_EQ(now[i], zero ? 0 : 1) << i;
  }
  EXPECT_TRUE(write_zeros(f, 77, 0));
  EXPECT_EQ(info(f).value().size, 69 * kMiB);
  EXPECT_GE(info(f).value().disk_bytes, 69 * kMiB);
}

TEST(OsSpace, allocation_changes_nothing_that_is_there) {
  const Scratch s;
  const File f = made(s / "f");
  ASSERT_TRUE(write_at(f, 5000, "hello", 5));
  ASSERT_TRUE(allocate(f, 0, kMiB));
  EXPECT_EQ(info(f).value().size, kMiB);
  EXPECT_GE(info(f).value().disk_bytes, kMiB);
  char text[5];
  ASSERT_TRUE(read_at(f, 5000, text, 5));
  EXPECT_EQ(std::string(text, 5), "hello");
}

TEST(OsSpace, allocation_tells_the_kernels_reason) {
  const Scratch s;
  const File f = made(s / "f");
  test::Faults faults;
  for (const int e : {EOPNOTSUPP, ENOSYS}) {
    faults.fail(Call::allocate, e);
    expect_error(allocate(f, 0, 4096).error(), Code::unsupported, e, "fallocate");
  }
  for (const int e : {ENOSPC, EDQUOT, EFBIG}) {
    faults.fail(Call::allocate, e);
    expect_error(allocate(f, 0, 4096).error(), Code::full, e, "fallocate");
  }
  faults.fail(Call::allocate, EIO);
  expect_error(allocate(f, 0, 4096).error(), Code::io, EIO, "fallocate");
  faults.fail(Call::limit, EPERM);
  expect_error(allocate(f, 0, 4096).error(), Code::io, EPERM, "getrlimit");
  EXPECT_EQ(info(f).value().size, 0u);
}

TEST(OsSpace, signals_without_end_do_not_keep_an_allocation_from_being_made) {
  const Scratch s;
  const File f = made(s / "f");
  test::Faults faults;
  faults.fail(Call::allocate, EINTR, 1);
  ASSERT_TRUE(allocate(f, 0, 8 * kMiB));
  EXPECT_EQ(faults.count(Call::allocate), 3u) << "one interrupted, then two halves";
  EXPECT_EQ(info(f).value().size, 8 * kMiB);
  struct sigaction tick {
  }, before{};
  tick.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGALRM, &tick, &before), 0);
  const struct itimerval often {
    {0, 500}, { 0, 500 }
  }, never{};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &often, nullptr), 0);
  EXPECT_TRUE(allocate(f, 0, 96 * kMiB));
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
  EXPECT_GE(info(f).value().disk_bytes, 96 * kMiB);
}

TEST(OsSpace, a_limit_on_file_size_is_full_and_no_signal) {
  const Scratch s;
  const File f = made(s / "f");
  EXPECT_EQ(test::run_child([&] {
              limit_file_size(kMiB);
              EXPECT_TRUE(write_zeros(f, 0, kMiB));
              const auto zeros = write_zeros(f, 0, 3 * kMiB + 1);
              expect_error(zeros.error(), Code::full, EFBIG, "RLIMIT_FSIZE");
              const auto more = write_at(f, kMiB - 3, "hello", 5);
              expect_error(more.error(), Code::full, EFBIG, "RLIMIT_FSIZE");
              EXPECT_EQ(more.error().detail, 5u);
              EXPECT_EQ(more.error().available, 3u);
              expect_error(write_at(f, 1ull << 62, "hello", 5).error(), Code::full, EFBIG, "RLIMIT_FSIZE");
              const auto grown = allocate(f, 0, 2 * kMiB);
              expect_error(grown.error(), Code::full, EFBIG, "RLIMIT_FSIZE");
              EXPECT_EQ(grown.error().available, kMiB);
              test::Faults faults;
              faults.fail(Call::stat, EIO);
              expect_error(allocate(f, 0, 2 * kMiB).error(), Code::io, EIO, "fstat");
              EXPECT_EQ(info(f).value().size, kMiB);
              return 0;
            }),
            0);
  ASSERT_EQ(::ftruncate(f.fd(), 4 * kMiB), 0);
  EXPECT_EQ(test::run_child([&] {
              limit_file_size(kMiB);
              EXPECT_TRUE(allocate(f, 2 * kMiB, kMiB)) << "others made it that long: it may be used";
              return 0;
            }),
            0);
}

TEST(OsSpace, zeros_tell_how_much_is_missing) {
  const Scratch s;
  const File f = made(s / "f");
  test::Faults faults;
  faults.fail(Call::write, ENOSPC, 3);
  const auto r = write_zeros(f, 0, 10 * kMiB);
  expect_error(r.error(), Code::full, ENOSPC, "pwrite");
  EXPECT_EQ(r.error().detail, 6 * kMiB);
  faults.fail(Call::write, EIO);
  expect_error(write_zeros(f, 0, kMiB).error(), Code::io, EIO, "pwrite");
}

TEST(OsSpace, a_full_disk_is_full_and_no_signal) {
  const Scratch s;
  const int status = test::run_with_own_mounts([&] {
    if (::mount("tmpfs", s.path().c_str(), "tmpfs", 0, "size=1m") != 0) return test::kNoMounts;
    const File f = made(s / "f"), hole = made(s / "hole", 256 << 10);
    EXPECT_EQ(*space_left(f), kMiB);
    EXPECT_TRUE(allocate(f, 0, kMiB / 2));
    EXPECT_EQ(*space_left(f), kMiB / 2);
    const auto r = allocate(f, kMiB / 2, kMiB);
    expect_error(r.error(), Code::full, ENOSPC, "fallocate");
    EXPECT_EQ(r.error().detail, kMiB);
    EXPECT_EQ(r.error().available, kMiB / 2);
    const auto z = write_zeros(f, kMiB / 2, kMiB);
    expect_error(z.error(), Code::full, ENOSPC, "pwrite");
    EXPECT_EQ(z.error().available, 0u);
    EXPECT_EQ(z.error().detail, kMiB / 2);

    auto m = map(hole, 0, 256 << 10, Access::read_write);
    EXPECT_TRUE(m);
    const auto p = populate(m->base(), m->size());
    expect_error(p.error(), Code::full, EFAULT, "madvise(MADV_POPULATE_WRITE)");
    EXPECT_EQ(p.error().detail, 256u << 10);
    EXPECT_EQ(::ftruncate(f.fd(), 0), 0);
    EXPECT_TRUE(populate(m->base(), m->size()));
    return 0;
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == test::kNoMounts) {
    GTEST_SKIP() << "this machine lets nobody mount a tmpfs; only injected errors are tested";
  }
  EXPECT_EQ(status, 0);
}

TEST(OsSpace, a_tmpfs_without_a_limit_has_room_without_end) {
  const Scratch s;
  const int status = test::run_with_own_mounts([&] {
    if (::mount("tmpfs", s.path().c_str(), "tmpfs", 0, "size=0") != 0) return test::kNoMounts;
    EXPECT_EQ(*space_left(made(s / "f")), ~std::uint64_t{0});
    return 0;
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == test::kNoMounts) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(status, 0);
}

TEST(OsSpace, populated_pages_are_there_and_unchanged) {
  const Scratch s;
  const File f = made(s / "f", kMiB);
  ASSERT_TRUE(write_at(f, 5000, "hello", 5));
  auto m = map(f, 0, 2 * kMiB, Access::read_write);
  ASSERT_TRUE(m);
  ASSERT_TRUE(populate(m->base(), kMiB));
  EXPECT_EQ(std::memcmp(m->base() + 5000, "hello", 5), 0);
  EXPECT_GE(info(f).value().disk_bytes, kMiB);
  expect_error(populate(m->base() + kMiB, kMiB).error(), Code::full, EFAULT, "madvise(MADV_POPULATE_WRITE)");
  test::Faults faults;
  faults.fail(Call::advise, ENOMEM);
  expect_error(populate(m->base(), kMiB).error(), Code::io, ENOMEM, "madvise(MADV_POPULATE_WRITE)");
  faults.fail(Call::advise, EINTR);
  EXPECT_TRUE(populate(m->base(), kMiB));
  faults.fail(Call::stat, EIO);
  expect_error(space_left(f).error(), Code::io, EIO, "fstatvfs");
}

TEST(OsSpace, where_something_is_is_told_or_why_it_cannot_be) {
  const Scratch s;
  const File f = made(s / "f");
  EXPECT_EQ(next_data(f, 0).value(), ~std::uint64_t{0}) << "an empty file";
  write_at(f, 1 << 20, "x", 1).value();
  EXPECT_LE(next_data(f, 0).value(), 1u << 20);
  EXPECT_EQ(next_data(f, 1 << 20).value(), 1u << 20);
  EXPECT_EQ(next_data(f, 2 << 20).value(), ~std::uint64_t{0});
  test::Faults faults;
  faults.fail(Call::stat, EIO);
  const auto failed = next_data(f, 0);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::io);
  EXPECT_EQ(failed.error().errno_value, EIO);
}

TEST(OsSync, tells_the_kernels_reason) {
  const Scratch s;
  const File f = made(s / "f", 10);
  EXPECT_TRUE(sync(f));
  test::Faults faults;
  faults.fail(Call::sync, ENOSPC);
  expect_error(sync(f).error(), Code::io, ENOSPC, "fsync");
}

}  // namespace
}  // namespace durra::os
