// The numbers that every other structure of the file is built from.  FORMAT.md is the text of this folder.
//
//   0          superblock   immutable identity                          format/head.h
//   64 KiB     control      mutable shared words, index root, identity  format/head.h
//   128 KiB    seats        256 bytes per participant                   format/seat.h
//   …          descriptors  two cache lines per region                  format/region.h
//   …          regions      records, index nodes or blocks              format/region.h, format/record.h, format/leaf.h
#pragma once
#include <cstddef>
#include <cstdint>

namespace durra::format {

inline constexpr std::uint32_t kVersion = 0;              // 0 until the format is frozen as 1
inline constexpr std::uint64_t kSectionAlign = 64 << 10;  // every section starts at a multiple: pages up to 64 KiB
inline constexpr std::uint64_t kLine = 64;                // a cache line; region data and index nodes are aligned to it

inline constexpr std::uint64_t kRegionSizeMin = 64ull << 10;
inline constexpr std::uint64_t kRegionSizeMax = 1ull << 30;
inline constexpr std::uint64_t kRegionCountMax = 1ull << 24;
inline constexpr std::uint64_t kFileSizeMax = 1ull << 46;  // 64 TiB: what 43 bits of offset/8 can name
inline constexpr std::uint32_t kSeatCountMax = 1024;       // the owner field of a region's state has 10 bits
inline constexpr std::uint32_t kKeySizeMax = 1024;
inline constexpr std::uint32_t kAlignMax = 4096;  // of a payload's first byte
inline constexpr std::uint32_t kRootWordsMin = 64;
inline constexpr std::uint32_t kRootWordsMax = 4096;

constexpr std::uint64_t align_up(std::uint64_t n, std::uint64_t to) noexcept { return (n + to - 1) & ~(to - 1); }
constexpr bool power_of_two(std::uint64_t n) noexcept { return n != 0 && (n & (n - 1)) == 0; }

// What a damaged or foreign structure says of itself; null means valid.  Static storage, fit for Error::what.
using Why = const char*;

}  // namespace durra::format
