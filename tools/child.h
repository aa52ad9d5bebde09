// Other processes of this very program.  They are started anew rather than forked, so that no open handle is inherited.
#pragma once
#include <durra/result.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace durra::tools {

// Starts `durra ARGUMENTS…`.
Result<pid_t> spawn_self(const std::vector<std::string>& arguments);

// For the child's first line: it dies with `parent`, whatever kills that.
void die_with(pid_t parent);

// Waits for its end: the exit status, or 128 + the signal that ended it.  ^C ends it.
int wait_for(pid_t child);
// The same, without waiting: -1 while it lives.
int ended(pid_t child);
// kill -9, and waits until the kernel has taken everything back from it.
int kill_and_wait(pid_t child);

// Throws a Complaint after ^C, if an InterruptGuard lives.
void throw_if_interrupted();

}  // namespace durra::tools
