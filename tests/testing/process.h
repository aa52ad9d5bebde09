// What the processes have in common that the harness forks: an end of their own, and one with their parent.
#pragma once
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

namespace durra::testing {

// In the child, first of all: it goes with its parent, and an alarm ends it, whatever its parent did with SIGALRM.
inline void begin_child() noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGALRM, SIG_DFL);
  sigset_t alarm;
  ::sigemptyset(&alarm);
  ::sigaddset(&alarm, SIGALRM);
  ::sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
}

// In the child: SIGALRM after so long; 0: not any more.
inline void end_after(std::chrono::seconds time) noexcept { ::alarm(static_cast<unsigned>(time.count())); }

// Waits for its end.  False: it cannot be known (errno), as where SIGCHLD is ignored.
inline bool wait_for(pid_t child, int& status) noexcept {
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return false;
  return true;
}

}  // namespace durra::testing
