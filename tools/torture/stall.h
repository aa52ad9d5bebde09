// How long an operation kept its caller waiting for something other than a CPU.
#pragma once
#include <atomic>
#include <cstdint>

namespace durra::tools {

inline constexpr std::uint64_t kStall = 100'000'000;  // ns; longer than this is a stall

// Times operations of the calling thread, which shall be the only one of its process: wall time less the time that it
// was ready to run but had no CPU (second word of /proc/self/schedstat).
class StallClock {
 public:
  StallClock();
  ~StallClock();
  StallClock(const StallClock&) = delete;
  StallClock& operator=(const StallClock&) = delete;

  void begin() noexcept;
  // Raises `longest` and counts in `stalls`.
  void end(std::atomic<std::uint64_t>& longest, std::atomic<std::uint64_t>& stalls) noexcept;

 private:
  std::uint64_t queued_ns() const noexcept;  // 0 where the kernel does not tell

  int schedstat_;
  std::uint64_t read_at_ = 0, ended_at_ = 0, began_at_ = 0, queued_ = 0;
};

}  // namespace durra::tools
