// The operating system seam: sleeping on a word of a file that several processes map.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "store/os_call.h"

namespace durra::os {
namespace {

// Never FUTEX_PRIVATE_FLAG: the word is the file's, and each process maps it elsewhere.
long futex(const std::uint32_t* word, int what, std::uint32_t value, const struct timespec* patience) noexcept {
  return ::syscall(SYS_futex, word, what, value, patience, nullptr, 0);
}

}  // namespace

// Not through attempt(): a signal ends the sleep like anything else does, and the caller looks again.
void futex_wait(const std::uint32_t* word, std::uint32_t value, std::chrono::nanoseconds patience) noexcept {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(patience);
  const struct timespec t = {static_cast<time_t>(whole.count()), static_cast<long>((patience - whole).count())};
  if (before(Call::futex) == 0) futex(word, FUTEX_WAIT, value, &t);
}

void futex_wake_all(const std::uint32_t* word) noexcept {
  if (before(Call::futex) == 0) futex(word, FUTEX_WAKE, INT32_MAX, nullptr);
}

}  // namespace durra::os
