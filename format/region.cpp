// Packing and judging a region's state word and its header.
#include "format/region.h"

#include "format/checksum.h"

namespace durra::format {
namespace {

constexpr std::uint64_t kBelowCrc = (1ull << 56) - 1;

}  // namespace

std::uint64_t pack(const RegionWord& w) noexcept {
  const std::uint64_t low = static_cast<std::uint64_t>(w.state) | static_cast<std::uint64_t>(w.type) << 3 |
                            static_cast<std::uint64_t>(w.run) << 5 | static_cast<std::uint64_t>(w.owner & 0x3ff) << 6 |
                            (w.generation & kGenerationMax) << 16;
  return low | static_cast<std::uint64_t>(crc8(low)) << 56;
}

RegionWord unpack(std::uint64_t word) noexcept {
  return {static_cast<RegionState>(word & 7), static_cast<RegionType>(word >> 3 & 3), (word >> 5 & 1) != 0,
          static_cast<std::uint32_t>(word >> 6 & 0x3ff), word >> 16 & kGenerationMax};
}

bool intact(std::uint64_t word) noexcept {
  return crc8(word & kBelowCrc) == word >> 56 && (word >> 3 & 3) <= static_cast<std::uint64_t>(RegionType::block);
}

RegionHeader make_region_header(std::uint64_t store_seed, std::uint64_t number, std::uint64_t generation,
                                RegionType type, std::uint64_t run, std::uint64_t birth_ns) noexcept {
  RegionHeader h{kRegionMagic, generation, number, static_cast<std::uint64_t>(type), run, birth_ns, 0, 0};
  h.check = hash64(&h, offsetof(RegionHeader, check), region_seed(store_seed, number, generation));
  return h;
}

Why check(const RegionHeader& h, std::uint64_t store_seed, std::uint64_t number, std::uint64_t region_count) noexcept {
  if (h.magic != kRegionMagic) return "region header: no magic number";
  if (h.number != number) return "region header of another region";
  if (h.check != hash64(&h, offsetof(RegionHeader, check), region_seed(store_seed, number, h.generation)))
    return "region header checksum mismatch";
  if (h.generation < 1 || h.generation > kGenerationMax) return "region header: generation out of range";
  if (h.type > static_cast<std::uint64_t>(RegionType::block)) return "region header: unknown type";
  if (number >= region_count || h.run < 1 || h.run > region_count - number) return "region header: run out of range";
  return nullptr;
}

const char* name(RegionState s) noexcept {
  switch (s) {
    case RegionState::free: return "free";
    case RegionState::claimed: return "claimed";
    case RegionState::open: return "open";
    case RegionState::partial: return "partial";
    case RegionState::sealed: return "sealed";
    case RegionState::compacting: return "compacting";
    case RegionState::retired: return "retired";
    case RegionState::body: return "body";
  }
  return "unknown";
}

const char* name(RegionType t) noexcept {
  switch (t) {
    case RegionType::data: return "data";
    case RegionType::index: return "index";
    case RegionType::block: return "block";
  }
  return "unknown";
}

}  // namespace durra::format
