// What this machine can do at best.
#include "tools/bench/machine.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <new>

#include "tools/bench/workload.h"
#include "tools/clock.h"

namespace durra::bench {
namespace {

using tools::now_ns;

// Memory in pages of the usual size, as a mapped file has them.
class Pages {
 public:
  explicit Pages(std::size_t size) : size_(size) {
    at_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at_ == MAP_FAILED) throw std::bad_alloc();
    ::madvise(at_, size_, MADV_NOHUGEPAGE);
    std::memset(at_, 1, size_);
  }
  ~Pages() { ::munmap(at_, size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  std::byte* at(std::uint64_t offset) const noexcept { return static_cast<std::byte*>(at_) + offset; }
  std::uint64_t word(std::uint64_t offset) const noexcept {
    std::uint64_t w;
    std::memcpy(&w, at(offset), sizeof w);
    return w;
  }

 private:
  void* at_;
  std::size_t size_;
};

// The bare bones of a get: a table of record offsets, half full, and the records.
class TwoLines {
 public:
  TwoLines(std::uint64_t records, std::uint64_t size)
      : slots_(2 * records), index_(slots_ * 8), data_(records * stride(size)) {
    order_ = shuffled(records, 0, 1, 7);
    for (std::uint64_t r = 0; r < records; ++r) {
      const std::uint64_t offset = r * stride(size);
      std::memcpy(index_.at(slot(r) * 8), &offset, 8);
    }
  }
  double plain_ns() const {
    std::uint64_t sum = 0;
    return each_ns([&](std::size_t i) { sum += data_.word(index_.word(slot(order_[i]) * 8)); }, 1, sum);
  }
  double alone_ns() const {
    std::uint64_t sum = 0, last = 0;
    return each_ns(
        [&](std::size_t i) {
          const std::uint64_t record = order_[i] ^ (last & (last >> 63));  // nothing changes, but the CPU cannot know
          sum += last = data_.word(index_.word(slot(record) * 8));
        },
        1, sum);
  }
  double batched_ns() const {
    std::uint64_t sum = 0;
    return each_ns(
        [&](std::size_t i) {
          std::uint64_t offsets[16];
          for (std::size_t k = 0; k < 16; ++k) __builtin_prefetch(index_.at(slot(order_[i + k]) * 8));
          for (std::size_t k = 0; k < 16; ++k)
            __builtin_prefetch(data_.at(offsets[k] = index_.word(slot(order_[i + k]) * 8)));
          for (const std::uint64_t offset : offsets) sum += data_.word(offset);
        },
        16, sum);
  }

 private:
  static constexpr std::uint64_t stride(std::uint64_t size) noexcept { return (size + 48 + 7) & ~7ull; }
  // A bijection into the slots, near enough: every record's slot is its own hash's, collisions overwrite.
  std::uint64_t slot(std::uint64_t record) const noexcept {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(key_of(record)) * slots_) >> 64);
  }
  template <class F>
  double each_ns(F&& each, std::size_t step, std::uint64_t& sum) const {
    const std::size_t count = order_.size() / step * step;
    const std::uint64_t begun = now_ns();
    for (std::size_t i = 0; i < count; i += step) each(i);
    const std::uint64_t took = now_ns() - begun;
    asm volatile("" : : "r"(sum));
    return static_cast<double>(took) / static_cast<double>(count);
  }

  std::uint64_t slots_;
  Pages index_, data_;
  std::vector<std::uint32_t> order_;
};

double memcpy_gb_per_second() {
  constexpr std::size_t kSize = 64u << 20;
  const Pages from(kSize), to(kSize);
  const std::uint64_t begun = now_ns();
  for (int i = 0; i < 4; ++i) std::memcpy(to.at(0), from.at(0), kSize);
  return 4.0 * kSize / static_cast<double>(now_ns() - begun);
}

double clock_ns() {
  const std::uint64_t begun = now_ns();
  for (int i = 0; i < 1000; ++i) now_ns();
  return static_cast<double>(now_ns() - begun) / 1000;
}

}  // namespace

Machine measure_machine(std::uint64_t records, std::uint64_t size) {
  const TwoLines lines(records, size);
  lines.plain_ns();
  return {lines.plain_ns(), lines.alone_ns(), lines.batched_ns(), memcpy_gb_per_second(), clock_ns()};
}

std::string machine_text() {
  std::string model;
  std::ifstream cpus("/proc/cpuinfo");
  for (std::string line; model.empty() && std::getline(cpus, line);)
    if (line.starts_with("model name")) model = " (" + line.substr(line.find(':') + 2) + ")";
  utsname kernel{};
  ::uname(&kernel);
  return fmt::format("{} cpus{}, Linux {}", ::sysconf(_SC_NPROCESSORS_ONLN), model, kernel.release);
}

}  // namespace durra::bench
