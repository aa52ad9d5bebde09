// How long an operation kept its caller waiting for something other than a CPU.
#include "tools/torture/stall.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "tools/clock.h"

namespace durra::tools {

StallClock::StallClock() : schedstat_(::open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC)) {}
StallClock::~StallClock() {
  if (schedstat_ >= 0) ::close(schedstat_);
}

std::uint64_t StallClock::queued_ns() const noexcept {
  char text[96];
  const ssize_t n = schedstat_ < 0 ? -1 : ::pread(schedstat_, text, sizeof text - 1, 0);
  if (n <= 0) return 0;
  text[n] = 0;
  char* end = nullptr;
  std::strtoull(text, &end, 10);
  return std::strtoull(end, nullptr, 10);
}

// Asking the kernel costs a microsecond, so an answer serves a burst: what was waited between two short operations of
// it is at most the burst's millisecond.
void StallClock::begin() noexcept {
  constexpr std::uint64_t kPause = 50'000, kBurst = 1'000'000;
  const std::uint64_t now = now_ns();
  if (now - ended_at_ > kPause || now - read_at_ > kBurst) {
    queued_ = queued_ns();
    read_at_ = now_ns();
  }
  began_at_ = now_ns();
}

void StallClock::end(std::atomic<std::uint64_t>& longest, std::atomic<std::uint64_t>& stalls) noexcept {
  ended_at_ = now_ns();
  std::uint64_t took = ended_at_ - began_at_;
  if (took > 1'000'000) {
    const std::uint64_t queued = queued_ns() - queued_;
    took -= queued < took ? queued : took;
    read_at_ = 0;
  }
  if (took > longest.load(std::memory_order_relaxed)) longest.store(took, std::memory_order_relaxed);
  if (took > kStall) stalls.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace durra::tools
