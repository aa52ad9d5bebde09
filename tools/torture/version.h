// What a torture worker puts: bytes that follow from who wrote which version of which key, so that any reader can tell
// a torn one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "tools/random.h"

namespace durra::tools {

struct Version {
  std::uint32_t owner, key;
  std::uint64_t sequence;
  friend bool operator==(const Version&, const Version&) = default;

  std::uint64_t seed() const noexcept { return mix(mix(std::uint64_t{owner} << 32 | key) ^ sequence); }
  // Some versions of a key are erases.
  bool erases() const noexcept { return sequence == 0 || seed() % 16 == 0; }
  // Mostly small, now and then some pages, rarely more than a region of the default size holds.
  std::size_t size() const noexcept {
    const std::uint64_t h = mix(seed());
    const std::uint64_t rest = h >> 16;
    if (h % 8192 == 0) return (1u << 20) + rest % (1u << 20);
    if (h % 128 == 0) return 1024 + rest % (16u << 10);
    return sizeof(Version) + rest % 240;
  }
};
static_assert(sizeof(Version) == 16);

inline void fill(std::span<std::byte> to, const Version& v) noexcept {
  std::memcpy(to.data(), &v, sizeof v);
  std::uint64_t word = v.seed();
  for (std::size_t i = sizeof v; i < to.size(); i += sizeof word) {
    word = word * 6364136223846793005u + 1442695040888963407u;
    std::memcpy(to.data() + i, &word, to.size() - i < sizeof word ? to.size() - i : sizeof word);
  }
}

// The version that these bytes are, if they are exactly that.
inline std::optional<Version> whole(std::span<const std::byte> bytes) noexcept {
  Version v;
  if (bytes.size() < sizeof v) return std::nullopt;
  std::memcpy(&v, bytes.data(), sizeof v);
  if (bytes.size() != v.size()) return std::nullopt;
  std::uint64_t word = v.seed();
  for (std::size_t i = sizeof v; i < bytes.size(); i += sizeof word) {
    word = word * 6364136223846793005u + 1442695040888963407u;
    const std::size_t n = bytes.size() - i < sizeof word ? bytes.size() - i : sizeof word;
    if (std::memcmp(bytes.data() + i, &word, n) != 0) return std::nullopt;
  }
  return v;
}

}  // namespace durra::tools
