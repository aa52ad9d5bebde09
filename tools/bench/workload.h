// The records of a benchmark: their keys, their values and the order they are visited in.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <vector>

#include "tools/random.h"

namespace durra::bench {

constexpr std::uint64_t key_of(std::uint64_t record) noexcept { return tools::mix(record); }

// One value after the other in the same bytes: {key, round, noise}.  Every value of every round is another, because
// some peers skip a put that changes nothing.
class Value {
 public:
  explicit Value(std::uint64_t size) : bytes_(std::max<std::uint64_t>(size, 16)) {
    tools::Random random(size);
    for (std::byte& b : bytes_) b = static_cast<std::byte>(random.next());
  }
  std::span<const std::byte> of(std::uint64_t key, std::uint64_t round) noexcept {
    std::memcpy(bytes_.data(), &key, 8);
    std::memcpy(bytes_.data() + 8, &round, 8);
    return bytes_;
  }

 private:
  std::vector<std::byte> bytes_;
};

// Whether these bytes begin as a value of `key` does.  Reads one cache line of them.
inline bool is_value_of(std::uint64_t key, const void* bytes) noexcept { return std::memcmp(bytes, &key, 8) == 0; }

// Reads all bytes; the sum keeps the compiler from skipping any.
inline std::uint64_t sum_of(const void* bytes, std::size_t size) noexcept {
  const auto* at = static_cast<const unsigned char*>(bytes);
  std::uint64_t sum = 0, word = 0;
  for (; size >= 8; at += 8, size -= 8) {
    std::memcpy(&word, at, 8);
    sum += word;
  }
  for (; size > 0; ++at, --size) sum += *at;
  return sum;
}

// The records of part `part` of `parts`, in random order.
inline std::vector<std::uint32_t> shuffled(std::uint64_t records, unsigned part, unsigned parts, std::uint64_t seed) {
  const std::uint64_t from = records * part / parts, to = records * (part + 1) / parts;
  std::vector<std::uint32_t> order(to - from);
  std::iota(order.begin(), order.end(), static_cast<std::uint32_t>(from));
  tools::Random random(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace durra::bench
