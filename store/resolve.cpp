// Offsets from the file, judged before use.
#include "store/resolve.h"

#include <algorithm>
#include <cstring>

namespace durra::detail {

bool RecordRef::body_intact() const noexcept {
  const auto begin = format::kRecordHeaderSize;
  const auto end = format::payload_start(shape, at) + shape.payload_size;
  return format::body_check(bytes() + begin, end - begin, region_seed, at) == header->body_check;
}

Space::Space(const format::Superblock& super, std::byte* base, const os::File& file) noexcept
    : super_(super),
      base_(base),
      file_(file),
      seed_(format::store_seed(super.uuid)),
      region_shift_(static_cast<std::uint32_t>(std::countr_zero(super.region_size))),
      root_bits_(static_cast<std::uint32_t>(std::countr_zero(super.root_words))) {}

std::byte* Space::at_slow(std::uint64_t offset, std::uint64_t length) const noexcept {
  const auto now = os::info(file_);
  if (!now) return nullptr;
  const std::uint64_t size = std::min(now->size, format::file_size_max(super_));
  shared::mark_raise(known_size_, size);
  return offset <= size && length <= size - offset ? base_ + offset : nullptr;
}

std::uint64_t Space::run_length(std::uint64_t r, const format::RegionWord& w) const noexcept {
  if (!w.run) return 1;
  const std::uint64_t k = format::untag(shared::hint_load(descriptor(r).run), w.generation);
  return std::clamp<std::uint64_t>(k, 1, super_.region_count - r);
}

format::Why Space::locate(std::uint64_t offset, RecordRef& out) const noexcept {
  using format::RegionState;
  if (offset % 8 != 0 || !in_regions(offset)) return "offset is outside all regions";
  const std::uint64_t r = region_of(offset);
  const std::uint64_t inside = offset - region_offset(r);
  if (inside < format::kRegionData) return "offset is inside a region header";
  const auto w = format::unpack(shared::state_load(descriptor(r).state));
  if (w.state == RegionState::free || w.state == RegionState::claimed || w.state == RegionState::body ||
      w.type == format::RegionType::index)
    return "no record can be in this region";
  const std::uint64_t room = (run_length(r, w) << region_shift_) - inside;
  const std::byte* p = room >= format::kRecordHeaderSize ? at(offset, format::kRecordHeaderSize) : nullptr;
  if (p == nullptr) return "record is outside the file";
  format::RecordHeader h{};
  std::memcpy(&h, p, offsetof(format::RecordHeader, prev));
  const std::uint64_t seed = format::region_seed(seed_, r, w.generation);
  if (const auto why = format::check(h, seed, offset, room)) return why;
  const auto shape = format::unpack_shape(h.shape);
  if (at(offset, format::record_size(shape, offset)) == nullptr) return "record is outside the file";
  out = {reinterpret_cast<format::RecordHeader*>(base_ + offset), offset, seed, shape};
  return nullptr;
}

}  // namespace durra::detail
