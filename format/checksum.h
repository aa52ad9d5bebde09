// Checks and seeds.  XXH3 (Yann Collet) for runs of bytes, the finaliser of MurmurHash3 for single words.
//
// Every check of a region is seeded with store, region number and generation, and every check of a record also with
// its place, so bytes of an earlier life, of another place or of another store never parse.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace durra::format {

// A bijection of 64-bit words (MurmurHash3's fmix64): distinct in, distinct out.
constexpr std::uint64_t mix64(std::uint64_t x) noexcept {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  x ^= x >> 33;
  return x;
}
// The inverse of mix64.
constexpr std::uint64_t unmix64(std::uint64_t x) noexcept {
  x ^= x >> 33;
  x *= 0x9cb4b2f8129337dbULL;
  x ^= x >> 33;
  x *= 0x4f74430c22a54005ULL;
  x ^= x >> 33;
  return x;
}

// XXH3-64 of `bytes` with `seed`.
std::uint64_t hash64(const void* bytes, std::size_t size, std::uint64_t seed) noexcept;

// The same over bytes that come in pieces.
class Hash64 {
 public:
  explicit Hash64(std::uint64_t seed) noexcept;
  void update(const void* bytes, std::size_t size) noexcept;
  std::uint64_t digest() const noexcept;

 private:
  alignas(64) std::byte state_[576];
};

// XXH3-64 of the 16 bytes of the store's uuid: the seed that all others are made from.
std::uint64_t store_seed(std::span<const std::uint8_t, 16> uuid) noexcept;

// The seed of one life of one region.
constexpr std::uint64_t region_seed(std::uint64_t store_seed, std::uint64_t region, std::uint64_t generation) noexcept {
  return mix64(mix64(store_seed ^ region) + generation);
}

// H of a key: what the index orders by and the record keeps as its tag.  For integers it can be undone.
constexpr std::uint64_t tag_of(std::uint64_t id, std::uint64_t store_seed) noexcept { return mix64(id ^ store_seed); }
constexpr std::uint64_t id_of(std::uint64_t tag, std::uint64_t store_seed) noexcept {
  return unmix64(tag) ^ store_seed;
}
std::uint64_t tag_of(std::string_view text, std::uint64_t store_seed) noexcept;

// CRC-8 (polynomial 0x07, start 0) of the low 56 bits of `word`: 0 for 0.
std::uint8_t crc8(std::uint64_t word) noexcept;

}  // namespace durra::format
