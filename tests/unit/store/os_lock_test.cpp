// The operating system seam: locks, and who keeps them when processes die, fork and close what is not theirs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "format/seat.h"
#include "store/os.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"

namespace durra::os {
namespace {

using format::kLockSeats;
using test::Child;
using test::Scratch;

File made(const std::string& path, std::uint64_t size = 65536) {
  File f(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_TRUE(f) << path;
  EXPECT_EQ(::ftruncate(f.fd(), static_cast<off_t>(size)), 0);
  return f;
}

int count_descriptors() {
  int n = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

// One process tells another that it has got somewhere.
class Gong {
 public:
  Gong() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  ~Gong() {
    for (const int e : ends_) ::close(e);
  }
  void strike() const { EXPECT_EQ(::write(ends_[1], "!", 1), 1); }
  void wait() const {
    char c;
    EXPECT_EQ(::read(ends_[0], &c, 1), 1);
  }

 private:
  std::array<int, 2> ends_{};
};

class OsLock : public testing::Test {
 protected:
  Result<HeldByte> take(std::uint64_t byte, Access a = Access::read_write, Lock l = Lock::exclusive) const {
    return HeldByte::take(file_, path_, byte, 4096, a, l);
  }
  bool held(std::uint64_t byte, std::uint64_t count = 1, Lock l = Lock::exclusive) const {
    return *is_held(file_, byte, count, l) != 0;
  }
  const Scratch s_;
  const std::string path_ = s_ / "f";
  const File file_ = made(path_);
};

// ---- Bytes --------------------------------------------------------------------------------------------------------
TEST_F(OsLock, excludes_other_open_files_also_of_the_same_process) {
  const File other = open(path_, Access::read_write).value();
  EXPECT_TRUE(*try_lock(file_, kLockSeats));
  EXPECT_TRUE(*try_lock(file_, kLockSeats)) << "again by the same";
  EXPECT_FALSE(*try_lock(other, kLockSeats));
  EXPECT_TRUE(*try_lock(other, kLockSeats + 1)) << "a byte is a byte";
  EXPECT_TRUE(*is_held(other, kLockSeats));
  EXPECT_FALSE(held(kLockSeats)) << "what one holds oneself does not count";
  EXPECT_TRUE(held(kLockSeats + 1));
  unlock(file_, kLockSeats);
  EXPECT_FALSE(*is_held(other, kLockSeats));
  EXPECT_TRUE(*try_lock(other, kLockSeats));
}

TEST_F(OsLock, shared_locks_exclude_exclusive_ones_alone) {
  const File a = open(path_, Access::read).value(), b = open(path_, Access::read).value();
  EXPECT_TRUE(*try_lock(a, format::kLockEpoch + 7, Lock::shared));
  EXPECT_TRUE(*try_lock(b, format::kLockEpoch + 7, Lock::shared));
  EXPECT_FALSE(*try_lock(file_, format::kLockEpoch + 7));
  EXPECT_TRUE(held(format::kLockEpoch + 7));
  EXPECT_FALSE(held(format::kLockEpoch + 7, 1, Lock::shared));
  EXPECT_TRUE(*is_held(a, format::kLockEpoch + 7)) << "asked through a file open for reading";
}

TEST_F(OsLock, a_range_is_held_if_one_byte_of_it_is) {
  const File other = open(path_, Access::read_write).value();
  ASSERT_TRUE(*try_lock(other, kLockSeats + 5));
  EXPECT_TRUE(held(kLockSeats, 6));
  EXPECT_TRUE(held(kLockSeats + 5, 100));
  EXPECT_FALSE(held(kLockSeats, 5));
  EXPECT_FALSE(held(kLockSeats + 6, 100));
  EXPECT_FALSE(held(kLockSeats, 0)) << "no byte, not all of them";
}

TEST_F(OsLock, tells_the_kernels_reason) {
  test::Faults faults;
  faults.fail(Call::lock, ENOLCK);
  EXPECT_EQ(try_lock(file_, 0).error().errno_value, ENOLCK);
  faults.fail(Call::lock, ENOLCK);
  const auto r = is_held(file_, 0);
  EXPECT_EQ(r.error().errno_value, ENOLCK);
  EXPECT_STREQ(r.error().what, "fcntl(F_OFD_GETLK)");
  for (const int e : {EAGAIN, EACCES}) {
    faults.fail(Call::lock, e);
    EXPECT_FALSE(*try_lock(file_, 0));
  }
  faults.heal();
  const File reader = open(path_, Access::read).value();
  const auto w = try_lock(reader, 0);
  EXPECT_EQ(w.error().errno_value, EBADF) << "an exclusive lock needs a file open for writing";
  EXPECT_STREQ(w.error().what, "fcntl(F_OFD_SETLK)");
}

// ---- HeldByte -----------------------------------------------------------------------------------------------------
TEST_F(OsLock, a_held_byte_has_no_descriptor_and_is_seen_by_all_others) {
  const int before = count_descriptors();
  auto a = take(kLockSeats);
  ASSERT_TRUE(a) << a.error().message();
  EXPECT_TRUE(*a);
  EXPECT_FALSE(a->by_descriptor());
  EXPECT_EQ(count_descriptors(), before);
  EXPECT_TRUE(held(kLockSeats));
  auto b = take(kLockSeats);
  ASSERT_TRUE(b);
  EXPECT_FALSE(*b) << "somebody else holds it";
  a->release();
  EXPECT_FALSE(*a);
  EXPECT_FALSE(held(kLockSeats));
  b = take(kLockSeats);
  EXPECT_TRUE(b && *b);
}

TEST_F(OsLock, a_held_byte_moves_and_is_released_by_the_last_to_have_it) {
  HeldByte a = take(kLockSeats).value(), b = take(kLockSeats + 1).value();
  a = std::move(b);
  EXPECT_FALSE(held(kLockSeats));
  EXPECT_TRUE(held(kLockSeats + 1));
  { const HeldByte c(std::move(a)); }
  EXPECT_FALSE(held(kLockSeats + 1));
}

TEST_F(OsLock, readers_hold_a_byte_together) {
  auto a = take(9, Access::read, Lock::shared), b = take(9, Access::read, Lock::shared);
  ASSERT_TRUE(a && *a && b && *b);
  EXPECT_FALSE(take(9).value()) << "a writer does not get it";
  a->release();
  EXPECT_TRUE(held(9));
  b->release();
  EXPECT_FALSE(held(9));
}

TEST_F(OsLock, a_held_byte_does_not_share_its_mapping_with_anybody) {
  share_mappings(true);
  auto a = take(1), b = take(2);
  share_mappings(false);
  ASSERT_TRUE(a && *a && b && *b);
  a->release();
  EXPECT_FALSE(held(1));
  EXPECT_TRUE(held(2));
}

TEST_F(OsLock, is_free_the_moment_its_holder_is_killed) {
  const Gong taken;
  Child holder([&] {
    const auto b = take(kLockSeats);
    EXPECT_TRUE(b && *b);
    taken.strike();
    return ::pause();
  });
  taken.wait();
  EXPECT_TRUE(held(kLockSeats));
  holder.kill();
  EXPECT_FALSE(held(kLockSeats));
}

// F29: it is the mapping that holds the byte, so that a daemon that closes everything stays alive for others.
TEST_F(OsLock, survives_closefrom) {
  const Gong taken, done;
  Child holder([&] {
    const auto b = take(kLockSeats);
    for (int fd = 3; fd < 1000; ++fd) {
      struct stat st;
      if (::fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) ::close(fd);
    }
    EXPECT_TRUE(b && *b);
    taken.strike();
    done.wait();
    return 0;
  });
  taken.wait();
  EXPECT_TRUE(held(kLockSeats));
  done.strike();
  EXPECT_EQ(holder.wait(), 0);
}

// H12: with what fork (a clone without its handlers) the holder made a child does not matter.
TEST_F(OsLock, a_forked_child_does_not_keep_its_parents_byte) {
  for (const bool raw : {false, true}) {
    const Gong forked, done;
    Child holder([&] {
      const auto b = take(kLockSeats);
      EXPECT_TRUE(b && *b);
      const long child = raw ? ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr) : ::fork();
      if (child == 0) {
        forked.strike();
        done.wait();
        ::_exit(0);
      }
      return ::pause();
    });
    forked.wait();
    EXPECT_TRUE(held(kLockSeats));
    holder.kill();
    EXPECT_FALSE(held(kLockSeats)) << (raw ? "raw clone" : "fork");
    done.strike();
  }
}

TEST_F(OsLock, a_child_forked_by_another_thread_at_any_moment_keeps_no_byte) {
  std::atomic<bool> stop{false};
  std::atomic<int> taken{0};
  std::thread taker([&] {
    while (!stop) {
      const auto b = take(kLockSeats);
      if (b && *b) ++taken;
    }
  });
  std::vector<pid_t> children;
  for (int i = 0; i < 200; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) ::pause();
    }
    children.push_back(child);
  }
  stop = true;
  taker.join();
  EXPECT_FALSE(held(kLockSeats)) << "after " << taken << " times";
  EXPECT_GT(taken, 0);
  for (const pid_t c : children) {
    ::kill(c, SIGKILL);
    ::waitpid(c, nullptr, 0);
  }
}

// A signal handler may fork, also while its own thread takes a byte.
struct ForkingAt final : Faults {
  explicit ForkingAt(Call c) : at(c) { set_faults(this); }
  ~ForkingAt() override {
    set_faults(nullptr);
    if (child > 0) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }
  int before(Call c) override {
    if (c != at || child != 0) return 0;
    child = ::fork();
    if (child == 0) {
      forked.strike();
      for (;;) ::pause();
    }
    forked.wait();  // its handler has run
    return 0;
  }
  Gong forked;
  Call at;
  pid_t child = 0;
};

TEST_F(OsLock, a_child_forked_while_a_byte_is_taken_does_not_keep_it) {
  for (const Call c : {Call::lock, Call::map, Call::identity}) {
    const ForkingAt forking(c);
    auto b = take(kLockSeats);
    ASSERT_TRUE(b && *b);
    EXPECT_GT(forking.child, 0);
    EXPECT_TRUE(held(kLockSeats));
    b->release();
    EXPECT_FALSE(held(kLockSeats)) << name(c);
  }
}

TEST_F(OsLock, whatever_call_fails_nothing_is_held_or_left_open) {
  const int before = count_descriptors();
  int failures = 0;
  for (std::uint64_t k = 1;; ++k) {
    test::Faults faults;
    faults.fail_any(EDOM, k);
    const auto b = take(kLockSeats);
    if (b) {
      EXPECT_EQ(faults.failed(), 0u);
      EXPECT_EQ(faults.count(), k - 1);
      break;
    }
    ++failures;
    EXPECT_EQ(b.error().code, Code::io);
    EXPECT_EQ(b.error().errno_value, EDOM);
    EXPECT_FALSE(held(kLockSeats)) << k;
    EXPECT_EQ(count_descriptors(), before) << k;
  }
  EXPECT_EQ(failures, 8) << "open, stat, lock, map, advise twice, identity, lock";
  EXPECT_FALSE(held(kLockSeats));
}

TEST_F(OsLock, a_child_forgets_and_takes_its_own) {
  auto b = take(kLockSeats);
  ASSERT_TRUE(b && *b);
  EXPECT_EQ(test::run_child([&] {
              b->forget();
              EXPECT_FALSE(*b);
              EXPECT_TRUE(held(kLockSeats)) << "the parent's is the parent's";
              const auto own = take(kLockSeats + 1);
              EXPECT_TRUE(own && *own);
              return 0;
            }),
            0);
  EXPECT_TRUE(held(kLockSeats));
  EXPECT_FALSE(held(kLockSeats + 1));
}

// ---- Where locks do not live with mappings -------------------------------------------------------------------------
// Makes this file system behave as overlayfs does: before the self-test the page that holds the lock is gone.
struct LikeOverlayfs final : Faults {
  explicit LikeOverlayfs(const std::string& p) : path(p) { set_faults(this); }
  ~LikeOverlayfs() override { set_faults(nullptr); }
  int before(Call c) override {
    if (c == Call::lock && ++locks == 2) unmap_page();
    if (c == Call::open && locks == 2 && rival) {
      EXPECT_TRUE(*try_lock_quietly());
    }
    return 0;
  }
  void unmap_page() {
    std::ifstream in("/proc/self/maps");
    for (std::string line; std::getline(in, line);) {
      unsigned long long from = 0, to = 0;
      if (line.find(path) == std::string::npos || std::sscanf(line.c_str(), "%llx-%llx", &from, &to) != 2) continue;
      ::munmap(reinterpret_cast<void*>(from), to - from);
    }
  }
  Result<std::uint8_t> try_lock_quietly() {
    set_faults(nullptr);
    auto r = try_lock(*rival, kLockSeats);
    set_faults(this);
    return r;
  }
  std::string path;
  const File* rival = nullptr;
  int locks = 0;
};

class OsLockByDescriptor : public OsLock {
 protected:
  HeldByte take_by_descriptor() {
    const LikeOverlayfs like(path_);
    auto b = take(kLockSeats);
    EXPECT_TRUE(b && *b && b->by_descriptor());
    return std::move(b).value();
  }
};

TEST_F(OsLockByDescriptor, the_self_test_finds_out) {
  const int before = count_descriptors();
  HeldByte b = take_by_descriptor();
  EXPECT_EQ(count_descriptors(), before + 1);
  EXPECT_TRUE(held(kLockSeats));
  HeldByte c(std::move(b));
  EXPECT_TRUE(held(kLockSeats));
  EXPECT_FALSE(b.by_descriptor());
  c.release();
  EXPECT_FALSE(held(kLockSeats));
  EXPECT_EQ(count_descriptors(), before);
}

TEST_F(OsLockByDescriptor, somebody_else_can_be_quicker_after_the_self_test) {
  const File rival = open(path_, Access::read_write).value();
  LikeOverlayfs like(path_);
  like.rival = &rival;
  const auto b = take(kLockSeats);
  ASSERT_TRUE(b);
  EXPECT_FALSE(*b);
  EXPECT_FALSE(b->by_descriptor());
}

TEST_F(OsLockByDescriptor, a_second_attempt_can_fail) {
  for (std::uint64_t k : {1u, 2u, 3u}) {  // open, stat, lock
    struct Failing final : Faults {
      explicit Failing(LikeOverlayfs& l) : like(l) { set_faults(this); }
      ~Failing() override { set_faults(nullptr); }
      int before(Call c) override {
        const bool second = like.locks >= 2;
        like.before(c);
        return second && ++calls == k ? EDOM : 0;
      }
      LikeOverlayfs& like;
      std::uint64_t calls = 0, k = 0;
    };
    LikeOverlayfs like(path_);
    Failing failing(like);
    failing.k = k;
    const auto b = take(kLockSeats);
    ASSERT_FALSE(b);
    EXPECT_EQ(b.error().errno_value, EDOM);
    EXPECT_FALSE(held(kLockSeats));
  }
}

TEST_F(OsLockByDescriptor, a_forked_child_lets_go_but_keeps_the_number_taken) {
  HeldByte b = take_by_descriptor();
  const Gong forked, done;
  Child child([&] {
    const int before = count_descriptors();
    const File own = made(s_ / "g");
    b.forget();
    EXPECT_EQ(count_descriptors(), before) << "one closed, one opened";
    EXPECT_EQ(info(own).value().size, 65536u) << "and not the new one";
    forked.strike();
    done.wait();
    return 0;
  });
  forked.wait();
  EXPECT_TRUE(held(kLockSeats));
  b.release();
  EXPECT_FALSE(held(kLockSeats));
  done.strike();
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(OsLockByDescriptor, a_raw_clone_that_forgets_does_not_unlock_its_parents_byte) {
  HeldByte b = take_by_descriptor();
  const long child = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) {
    b.forget();
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  ASSERT_EQ(::waitpid(static_cast<pid_t>(child), nullptr, 0), child);
  EXPECT_TRUE(held(kLockSeats));
}

TEST_F(OsLockByDescriptor, never_closes_what_others_have_got_under_its_number) {
  EXPECT_EQ(test::run_child([&] {
              HeldByte b = take_by_descriptor();
              int number = -1;
              for (const auto& e : std::filesystem::directory_iterator("/proc/self/fd")) {
                const int fd = std::stoi(e.path().filename());
                if (std::filesystem::exists(e.path()) && std::filesystem::read_symlink(e.path()) == path_ &&
                    fd != file_.fd()) {
                  number = fd;
                }
              }
              EXPECT_GE(number, 0);
              const File mine = made(s_ / "g");
              EXPECT_EQ(::dup2(mine.fd(), number), number);  // as closefrom() and a later open do
              EXPECT_FALSE(held(kLockSeats));
              const pid_t child = ::fork();
              if (child == 0) {
                struct stat st;
                ::_exit(::fstat(number, &st) == 0 && S_ISREG(st.st_mode) ? 0 : 1);
              }
              int status = -1;
              ::waitpid(child, &status, 0);
              EXPECT_EQ(status, 0) << "a child keeps it";
              b.release();
              EXPECT_EQ(info(mine).value().inode, info(File(::dup(number))).value().inode);
              return 0;
            }),
            0);
}

TEST(OsOverlayfs, a_byte_is_held_by_its_descriptor) {
  test::on_overlayfs([](const std::string& folder) {
    const std::string path = folder + "/f";
    const File f = made(path);
    EXPECT_EQ(file_system(f).value().name, "overlayfs");
    EXPECT_TRUE(file_system(f).value().locks_by_descriptor);
    auto b = HeldByte::take(f, path, kLockSeats, 0, Access::read_write);
    EXPECT_TRUE(b && *b && b->by_descriptor());
    EXPECT_TRUE(*is_held(f, kLockSeats));
    const auto rival = HeldByte::take(f, path, kLockSeats, 0, Access::read_write);
    EXPECT_TRUE(rival && !*rival);
    const Gong forked, done;
    const Child child([&] {
      forked.strike();
      done.wait();
      return 0;
    });
    forked.wait();
    b->release();
    EXPECT_FALSE(*is_held(f, kLockSeats)) << "a forked child does not keep it";
    {
      const Gong taken;
      Child holder([&] {
        const auto own = HeldByte::take(f, path, kLockSeats, 0, Access::read_write);
        taken.strike();
        return own && *own ? ::pause() : 1;
      });
      taken.wait();
      EXPECT_TRUE(*is_held(f, kLockSeats));
      holder.kill();
      EXPECT_FALSE(*is_held(f, kLockSeats));
    }
    done.strike();
    auto n = NewFile::create(folder + "/n", 0640);
    EXPECT_TRUE(n && n->publish());
  });
}

}  // namespace
}  // namespace durra::os
