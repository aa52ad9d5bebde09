// Checking records.
#include "format/record.h"

namespace durra::format {

std::uint32_t body_check(const void* body, std::size_t size, std::uint64_t region_seed, std::uint64_t at) noexcept {
  return static_cast<std::uint32_t>(hash64(body, size, region_seed + at));
}

Why check(const RecordHeader& h, std::uint64_t region_seed, std::uint64_t at, std::uint64_t room) noexcept {
  if (h.head_check != head_check(h, region_seed, at)) return "record header checksum mismatch";
  return check(unpack_shape(h.shape), at, room);
}

}  // namespace durra::format
