// A folder for a test's files, and processes for a test's bodies.
#include "tests/support/scratch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace durra::test {
namespace {

std::string parent_of_scratch(Scratch::Where where) {
  struct statvfs s;
  const char* named = std::getenv("DURRA_TEST_MEMORY");  // whoever may kill this process removes what it leaves
  const char* memory = named && *named ? named : "/dev/shm";
  if (where == Scratch::Where::fast && ::access(memory, W_OK) == 0 && ::statvfs(memory, &s) == 0 &&
      s.f_bavail * s.f_frsize >= 256u << 20) {
    return memory;
  }
  const char* tmp = std::getenv("TMPDIR");
  return tmp && *tmp ? tmp : "/tmp";
}

bool write_text(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool all = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return all;
}

}  // namespace

Scratch::Scratch(Where where) : path_(parent_of_scratch(where) + "/durra-test-XXXXXX"), owner_(::getpid()) {
  if (!::mkdtemp(path_.data())) throw std::runtime_error("mkdtemp " + path_);
}

Scratch::~Scratch() {
  if (::getpid() != owner_) return;
  std::error_code failed;
  std::filesystem::remove_all(path_, failed);
  if (!failed) return;
  // Not root, and a folder that nobody may enter (overlayfs leaves one).
  const auto skip = std::filesystem::directory_options::skip_permission_denied;
  for (const auto& e : std::filesystem::recursive_directory_iterator(path_, skip, failed)) {
    if (e.is_directory() && !e.is_symlink()) ::chmod(e.path().c_str(), 0700);
  }
  std::filesystem::remove_all(path_, failed);
}

Child::Child(const std::function<int()>& body) {
  std::fflush(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ > 0) return;
  int result = 125;
  try {
    result = body();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "child: %s\n", e.what());
  }
  if (result == 0 && testing::Test::HasFailure()) result = 1;
  std::fflush(nullptr);
  ::_exit(result);
}

Child::~Child() { kill(); }

void Child::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  wait();
}

int Child::wait() {
  int status = -1;
  if (pid_ >= 0 && ::waitpid(std::exchange(pid_, -1), &status, 0) < 0) status = -1;
  return status;
}

int run_child(const std::function<int()>& body) { return Child(body).wait(); }

bool get_own_mounts() {
  const auto uid = ::getuid(), gid = ::getgid();
  if (uid == 0) {
    if (::unshare(CLONE_NEWNS) != 0) return false;
  } else {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    if (!write_text("/proc/self/setgroups", "deny") ||
        !write_text("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1") ||
        !write_text("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1")) {
      return false;
    }
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

int run_with_own_mounts(const std::function<int()>& body) {
  return run_child([&] { return get_own_mounts() ? body() : kNoMounts; });
}

namespace {

// At scratch/all.
bool mount_overlay(const Scratch& scratch) {
  for (const char* d : {"lower", "upper", "work", "all"}) std::filesystem::create_directory(scratch / d);
  const std::string how =
      "lowerdir=" + (scratch / "lower") + ",upperdir=" + (scratch / "upper") + ",workdir=" + (scratch / "work");
  const std::string all = scratch / "all";
  return ::mount("overlay", all.c_str(), "overlay", 0, how.c_str()) == 0 ||
         ::mount("overlay", all.c_str(), "overlay", 0, (how + ",userxattr").c_str()) == 0;
}

}  // namespace

void on_overlayfs(const std::function<void(const std::string& folder)>& body) {
  const Scratch scratch;
  const int status = run_with_own_mounts([&] {
    if (!mount_overlay(scratch)) return kNoMounts;
    body(scratch / "all");
    return 0;
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoMounts) GTEST_SKIP() << "this machine lets nobody mount overlayfs";
  EXPECT_EQ(status, 0);
}

}  // namespace durra::test
