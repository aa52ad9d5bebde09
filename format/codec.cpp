// LZ4 with bounds that do not depend on what the file claims.
#include "format/codec.h"

#include <lz4.h>

#include <algorithm>
#include <climits>

namespace durra::format {
namespace {

static_assert(kCodecRawMax == LZ4_MAX_INPUT_SIZE);

const char* chars(const std::byte* p) noexcept { return reinterpret_cast<const char*>(p); }
char* chars(std::byte* p) noexcept { return reinterpret_cast<char*>(p); }

}  // namespace

std::size_t compress_bound(std::size_t raw) noexcept {
  if (raw == 0 || raw > kCodecRawMax) return 0;
  return kCodecPrefix + static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(raw)));
}

std::size_t compress(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  if (in.empty() || in.size() > kCodecRawMax || out.size() <= kCodecPrefix) return 0;
  const auto room = static_cast<int>(std::min<std::size_t>(out.size() - kCodecPrefix, INT_MAX));
  const int block =
      LZ4_compress_default(chars(in.data()), chars(out.data() + kCodecPrefix), static_cast<int>(in.size()), room);
  if (block <= 0) return 0;
  for (std::size_t i = 0; i < kCodecPrefix; ++i) out[i] = static_cast<std::byte>(in.size() >> (8 * i) & 0xff);
  return kCodecPrefix + static_cast<std::size_t>(block);
}

std::size_t raw_size(std::span<const std::byte> in) noexcept {
  if (in.size() <= kCodecPrefix) return 0;
  std::size_t raw = 0;
  for (std::size_t i = 0; i < kCodecPrefix; ++i) raw |= std::to_integer<std::size_t>(in[i]) << (8 * i);
  const std::size_t block = in.size() - kCodecPrefix;
  return block <= INT_MAX && raw <= kCodecRawMax && raw <= kCodecExpansionMax * block ? raw : 0;
}

bool decompress(std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  const std::size_t raw = raw_size(in);
  if (raw == 0 || raw != out.size()) return false;
  const int made = LZ4_decompress_safe(chars(in.data() + kCodecPrefix), chars(out.data()),
                                       static_cast<int>(in.size() - kCodecPrefix), static_cast<int>(raw));
  return made >= 0 && static_cast<std::size_t>(made) == raw;
}

}  // namespace durra::format
