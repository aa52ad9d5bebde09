// A folder for a test's files, and processes for a test's bodies.
#pragma once
#include <sys/types.h>

#include <functional>
#include <string>

namespace durra::test {

// Made by the constructor; removed, with all in it, by the destructor in the same process.  In /dev/shm where that has
// 256 MiB left (fast), else or if asked for `disk` in $TMPDIR or /tmp.
class Scratch {
 public:
  enum class Where { fast, disk };
  explicit Scratch(Where = Where::fast);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  pid_t owner_;
};

// A forked process that runs `body` and ends with its value; with 1 if that is 0 and an expectation has failed there,
// with 125 after an exception.  Whoever is still running when the Child is destroyed is killed.
class Child {
 public:
  explicit Child(const std::function<int()>& body);
  ~Child();
  Child(Child&& o) noexcept : pid_(o.pid_) { o.pid_ = -1; }
  Child& operator=(Child&&) = delete;
  pid_t pid() const { return pid_; }
  void kill();  // SIGKILL, and waits
  int wait();   // the wait status

 private:
  pid_t pid_;
};

// Runs `body` in a child and returns the wait status: 0 is all well.
int run_child(const std::function<int()>& body);

// From now on this process, which has one thread, may mount what it likes, also where the tests do not run as root;
// what it mounts ends with it.  False: the kernel does not allow it.
bool get_own_mounts();
// A child that does so first; kNoMounts (an exit code) where that is not allowed.
inline constexpr int kNoMounts = 77;
int run_with_own_mounts(const std::function<int()>& body);
// The test's body is run there, in a new folder on an overlayfs; the test is skipped where nobody may mount one.
void on_overlayfs(const std::function<void(const std::string& folder)>& body);

}  // namespace durra::test
