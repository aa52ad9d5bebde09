// XXH3, and the CRC-8 that guards a region's state word.
#include "format/checksum.h"

#include <array>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace durra::format {
namespace {

constexpr std::array<std::uint8_t, 256> make_crc8_table() noexcept {
  std::array<std::uint8_t, 256> table{};
  for (unsigned i = 0; i < 256; ++i) {
    unsigned c = i;
    for (int bit = 0; bit < 8; ++bit) c = c & 0x80 ? (c << 1 ^ 0x07) & 0xff : c << 1;
    table[i] = static_cast<std::uint8_t>(c);
  }
  return table;
}
constexpr auto kCrc8 = make_crc8_table();

}  // namespace

std::uint64_t hash64(const void* bytes, std::size_t size, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes, size, seed);
}

static_assert(sizeof(XXH3_state_t) <= 576 && alignof(XXH3_state_t) <= 64);

Hash64::Hash64(std::uint64_t seed) noexcept {
  auto* state = reinterpret_cast<XXH3_state_t*>(state_);
  XXH3_INITSTATE(state);  // else reset believes a seed that an earlier state left on the stack, and keeps its secret
  XXH3_64bits_reset_withSeed(state, seed);
}
void Hash64::update(const void* bytes, std::size_t size) noexcept {
  XXH3_64bits_update(reinterpret_cast<XXH3_state_t*>(state_), bytes, size);
}
std::uint64_t Hash64::digest() const noexcept {
  return XXH3_64bits_digest(reinterpret_cast<const XXH3_state_t*>(state_));
}

std::uint64_t store_seed(std::span<const std::uint8_t, 16> uuid) noexcept {
  return hash64(uuid.data(), uuid.size(), 0);
}

std::uint64_t tag_of(std::string_view text, std::uint64_t store_seed) noexcept {
  return hash64(text.data(), text.size(), store_seed);
}

// In the order of the file's bytes, so that a reader may run any CRC-8 over the first seven of them.
std::uint8_t crc8(std::uint64_t word) noexcept {
  std::uint8_t c = 0;
  for (int byte = 0; byte < 7; ++byte) c = kCrc8[c ^ (word >> (8 * byte) & 0xff)];
  return c;
}

}  // namespace durra::format
