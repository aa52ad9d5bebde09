// Latencies in buckets of 6 %: quantiles of any number of samples in 4 KiB, which several processes fill and add up.
#pragma once
#include <array>
#include <bit>
#include <cstdint>

namespace durra::bench {

class Histogram {
 public:
  void add(std::uint64_t ns) noexcept { ++counts_[bucket(ns)]; }
  void add(const Histogram& other) noexcept {
    for (unsigned i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  }
  // The upper edge of the bucket that holds the sample at `part` of all, 0 when there is none.
  std::uint64_t quantile(double part) const noexcept {
    std::uint64_t total = 0, below = 0;
    for (const std::uint64_t n : counts_) total += n;
    const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(total));
    for (unsigned i = 0; i < kBuckets; ++i)
      if ((below += counts_[i]) > wanted) return upper_edge(i);
    return 0;
  }

 private:
  // 16 buckets for each power of two; below 16 ns one for each.
  static constexpr unsigned kBuckets = 16 * 32;
  static constexpr unsigned bucket(std::uint64_t ns) noexcept {
    if (ns < 16) return static_cast<unsigned>(ns);
    const auto power = static_cast<unsigned>(std::bit_width(ns)) - 5;
    const auto i = power * 16 + static_cast<unsigned>(ns >> power);
    return i < kBuckets ? i : kBuckets - 1;
  }
  static constexpr std::uint64_t upper_edge(unsigned i) noexcept {
    if (i < 32) return i;
    const unsigned power = i / 16 - 1;
    return (std::uint64_t{i % 16 + 17} << power) - 1;
  }
  std::array<std::uint64_t, kBuckets> counts_{};
};

}  // namespace durra::bench
