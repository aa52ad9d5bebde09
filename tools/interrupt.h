// ^C and SIGTERM for verbs that must tidy up first: they look at `interrupted` now and then, and end by the signal.
#pragma once

namespace durra::tools {

// While one lives, SIGINT and SIGTERM only set a flag, and calls that wait return EINTR.  One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();  // as it was; if a signal came: dies by it, so that a shell sees 128 + n
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

bool interrupted() noexcept;

// Returns when `fd` can be read without waiting, or when `interrupted`: also by a signal that comes just before.
void wait_to_read(int fd) noexcept;

}  // namespace durra::tools
