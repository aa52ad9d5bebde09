// Checking records.
#include "format/record.h"

namespace durra::format {

std::uint32_t head_check(const RecordHeader& h, std::uint64_t region_seed, std::uint64_t at) noexcept {
  constexpr std::size_t first = offsetof(RecordHeader, body_check);
  constexpr std::size_t last = offsetof(RecordHeader, prev);
  return static_cast<std::uint32_t>(
      hash64(reinterpret_cast<const unsigned char*>(&h) + first, last - first, region_seed + at));
}

std::uint32_t body_check(const void* body, std::size_t size, std::uint64_t region_seed, std::uint64_t at) noexcept {
  return static_cast<std::uint32_t>(hash64(body, size, region_seed + at));
}

Why check(const RecordHeader& h, std::uint64_t region_seed, std::uint64_t at, std::uint64_t room) noexcept {
  if (h.head_check != head_check(h, region_seed, at)) return "record header checksum mismatch";
  const Shape s = unpack_shape(h.shape);
  if (s.kind < RecordKind::put || s.kind > RecordKind::block) return "record: unknown kind";
  if (1u << s.align_log2 > kAlignMax) return "record: unknown alignment";
  if (s.key_size > kKeySizeMax) return "record: key too long";
  if ((s.kind == RecordKind::tombstone || s.kind == RecordKind::batch_tombstone) && s.payload_size != 0)
    return "record: a tombstone has no payload";
  if (record_size(s, at) > room) return "record: longer than its region";
  return nullptr;
}

}  // namespace durra::format
