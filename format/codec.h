// The payload codec: a 32-bit little-endian raw size and one LZ4 block, exactly numcodecs' `lz4`, so that NumPy and
// Zarr read a payload in place.  Empty payloads are never compressed (numcodecs refuses a raw size of 0).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace durra::format {

inline constexpr std::size_t kCodecPrefix = 4;            // the raw size
inline constexpr std::size_t kCodecRawMax = 0x7e00'0000;  // what LZ4 takes in one block: a little under 2 GiB
inline constexpr std::size_t kCodecExpansionMax = 255;    // a byte of a block makes at most so many

// The most that `compress` writes for `raw` bytes; 0 when they cannot be compressed (none, or over kCodecRawMax).
std::size_t compress_bound(std::size_t raw) noexcept;

// Bytes written to `out`; 0 when `in` cannot be compressed or `out` is too small, which is a way to say "only if it
// pays": give less room than in.size().
std::size_t compress(std::span<const std::byte> in, std::span<std::byte> out) noexcept;

// How many bytes `in` unpacks to; 0 when it cannot be a compressed payload.  At most kCodecExpansionMax × in.size(),
// so it is safe to allocate what a hostile file claims.
std::size_t raw_size(std::span<const std::byte> in) noexcept;

// True when `in` unpacks to exactly out.size() bytes.  Otherwise `out` holds anything.
bool decompress(std::span<const std::byte> in, std::span<std::byte> out) noexcept;

}  // namespace durra::format
