// Time, and waiting for it to pass.
#pragma once
#include <chrono>
#include <cstdint>
#include <ctime>

namespace durra::tools {

// CLOCK_MONOTONIC: the same in all processes.
inline std::uint64_t now_ns() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

inline void nap(std::chrono::nanoseconds d) noexcept {
  if (d.count() <= 0) return;
  const timespec t{static_cast<time_t>(d.count() / 1'000'000'000), static_cast<long>(d.count() % 1'000'000'000)};
  ::nanosleep(&t, nullptr);
}

}  // namespace durra::tools
