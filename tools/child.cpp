// Other processes of this very program.
#include "tools/child.h"

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "tools/failure.h"
#include "tools/interrupt.h"

namespace durra::tools {
namespace {

int status_of(int wait_status) noexcept {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

Result<pid_t> spawn_self(const std::vector<std::string>& arguments) {
  std::string name = "durra";
  std::vector<std::string> copies = arguments;
  std::vector<char*> argv{name.data()};
  for (auto& a : copies) argv.push_back(a.data());
  argv.push_back(nullptr);
  pid_t child = -1;
  if (const int e = ::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv.data(), environ); e != 0)
    return Error{Code::io, static_cast<std::uint16_t>(e), 0, "posix_spawn"};
  return child;
}

void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it had died before
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 1;
    if (interrupted()) ::kill(child, SIGKILL);
  }
  return status_of(status);
}

int ended(pid_t child) {
  int status = 0;
  return ::waitpid(child, &status, WNOHANG) == child ? status_of(status) : -1;
}

int kill_and_wait(pid_t child) {
  ::kill(child, SIGKILL);
  return wait_for(child);
}

void throw_if_interrupted() {
  if (interrupted()) throw Complaint{"", {Code::timeout, EINTR}, "interrupted"};
}

}  // namespace durra::tools
