// A process with a time limit, and memory that it shares with its parent.
#pragma once
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

namespace durra::peers {

// Begins `body` in a process that ends with its value, or by SIGALRM after so many seconds.
template <class Body>
pid_t begin(double seconds, Body&& body) {
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const auto whole = static_cast<time_t>(seconds);
  const itimerval limit{{}, {whole, static_cast<suseconds_t>((seconds - static_cast<double>(whole)) * 1e6)}};
  ::setitimer(ITIMER_REAL, &limit, nullptr);
  int code = 125;
  try {
    code = body();
  } catch (const std::exception&) {
  }
  ::_exit(code);
}
// Its exit code, or minus the signal that ended it.
inline int end_of(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
template <class Body>
int ends_with(double seconds, Body&& body) {
  return end_of(begin(seconds, body));
}
inline void kill_now(pid_t pid) {
  ::kill(pid, SIGKILL);
  end_of(pid);
}

template <class T>
class Shared {
 public:
  Shared() : t_(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (t_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~Shared() { ::munmap(t_, sizeof(T)); }
  Shared(const Shared&) = delete;
  T* operator->() const { return static_cast<T*>(t_); }
  T& operator*() const { return *static_cast<T*>(t_); }

 private:
  void* t_;
};

}  // namespace durra::peers
