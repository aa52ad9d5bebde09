// Making and judging a superblock.  What a hostile one says is compared with what its sizes imply, never added up
// first.
#include "format/head.h"

#include <algorithm>
#include <iterator>

#include "format/checksum.h"
#include "format/fields.h"
#include "format/record.h"
#include "format/region.h"

namespace durra::format {
namespace {

constexpr std::uint64_t kRegionCountMin = 4;  // data, index, and the two that ordinary writers leave free

constexpr std::uint64_t descriptors_offset(std::uint32_t seat_count) noexcept {
  return align_up(kSeatsOffset + seat_count * sizeof(Seat), kSectionAlign);
}
// Regions are congruent with huge pages where they are large enough to hold one.
constexpr std::uint64_t regions_offset(std::uint32_t seat_count, std::uint64_t region_count,
                                       std::uint64_t region_size) noexcept {
  const std::uint64_t align = std::max(kSectionAlign, std::min<std::uint64_t>(region_size, 2 << 20));
  return align_up(descriptors_offset(seat_count) + region_count * sizeof(Descriptor), align);
}
constexpr std::uint64_t end_of(const Geometry& g, std::uint64_t region_count) noexcept {
  return regions_offset(g.seat_count, region_count, g.region_size) + region_count * g.region_size;
}

// As many regions as were asked for, less what the head or a limit takes.
std::uint64_t region_count_of(const Geometry& g) noexcept {
  std::uint64_t count = std::min(g.max_size / g.region_size, kRegionCountMax);
  while (count > 0 && end_of(g, count) > kFileSizeMax)
    count -= std::min(count, (end_of(g, count) - kFileSizeMax + g.region_size - 1) / g.region_size);
  return count;
}

bool region_size_ok(std::uint64_t size) noexcept {
  return power_of_two(size) && size >= kRegionSizeMin && size <= kRegionSizeMax;
}

SuperblockCheck reject(SuperblockVerdict verdict, std::size_t offset, Why why) noexcept {
  return {verdict, why, offset, false};
}

}  // namespace

Why check(const Geometry& g) noexcept {
  if (!region_size_ok(g.region_size)) return "region_size must be a power of two from 64 KiB to 1 GiB";
  if (g.seat_count < 1 || g.seat_count > kSeatCountMax) return "participants must be 1 to 1024";
  if (g.max_size > kFileSizeMax) return "max_size must be at most 64 TiB";
  if (region_count_of(g) < kRegionCountMin) return "max_size must be at least 4 regions";
  return nullptr;
}

Superblock make_superblock(const Geometry& g, const std::array<std::uint8_t, 16>& uuid,
                           std::uint64_t created_ns) noexcept {
  Superblock s{};
  s.magic = kMagic;
  s.version = kVersion;
  s.byte_order = kByteOrder;
  s.uuid = uuid;
  s.created_ns = created_ns;
  s.region_size = g.region_size;
  s.region_count = region_count_of(g);
  s.seat_count = g.seat_count;
  s.root_words =
      static_cast<std::uint32_t>(std::clamp<std::uint64_t>(g.region_size / 256, kRootWordsMin, kRootWordsMax));
  s.seats_offset = kSeatsOffset;
  s.descriptors_offset = descriptors_offset(s.seat_count);
  s.regions_offset = regions_offset(s.seat_count, s.region_count, s.region_size);
  s.layout_fingerprint = layout_fingerprint();
  s.check = hash64(&s, offsetof(Superblock, check), 0);
  return s;
}

SuperblockCheck check(const Superblock& s) noexcept {
  using V = SuperblockVerdict;
  if (s.magic == __builtin_bswap64(kMagic))
    return reject(V::other_byte_order, 0, "the file was written on a machine of the other byte order");
  if (s.magic != kMagic) return reject(V::not_durra, 0, "not a durra file");
  if (s.byte_order == __builtin_bswap32(kByteOrder))
    return reject(V::other_byte_order, offsetof(Superblock, byte_order),
                  "the file was written on a machine of the other byte order");
  if (s.byte_order != kByteOrder)
    return reject(V::damaged, offsetof(Superblock, byte_order), "superblock: unknown byte order");
  if (s.version != kVersion)
    return reject(V::other_version, offsetof(Superblock, version),
                  "the file has another format version; read it with the build that wrote it");
  if (s.check != hash64(&s, offsetof(Superblock, check), 0))
    return reject(V::damaged, offsetof(Superblock, check), "superblock checksum mismatch");
  if ((s.features_incompatible & ~kFeaturesIncompatKnown) != 0)
    return reject(V::unknown_feature, offsetof(Superblock, features_incompatible),
                  "the file needs a feature that this build does not have");

  if (!region_size_ok(s.region_size))
    return reject(V::damaged, offsetof(Superblock, region_size), "superblock: region size out of range");
  if (s.region_count < kRegionCountMin || s.region_count > kRegionCountMax)
    return reject(V::damaged, offsetof(Superblock, region_count), "superblock: region count out of range");
  if (s.seat_count < 1 || s.seat_count > kSeatCountMax)
    return reject(V::damaged, offsetof(Superblock, seat_count), "superblock: seat count out of range");
  if (!power_of_two(s.root_words) || s.root_words < kRootWordsMin || s.root_words > kRootWordsMax)
    return reject(V::damaged, offsetof(Superblock, root_words), "superblock: root size out of range");
  if (s.seats_offset != kSeatsOffset)
    return reject(V::damaged, offsetof(Superblock, seats_offset), "superblock: seats are not where they belong");
  if (s.descriptors_offset != descriptors_offset(s.seat_count))
    return reject(V::damaged, offsetof(Superblock, descriptors_offset),
                  "superblock: descriptors are not where they belong");
  if (s.regions_offset != regions_offset(s.seat_count, s.region_count, s.region_size))
    return reject(V::damaged, offsetof(Superblock, regions_offset), "superblock: regions are not where they belong");
  if (file_size_max(s) > kFileSizeMax)
    return reject(V::damaged, offsetof(Superblock, region_count), "superblock: more than 64 TiB");
  if (s.layout_fingerprint != layout_fingerprint())
    return reject(V::other_version, offsetof(Superblock, layout_fingerprint),
                  "the file has another layout of format 0; read it with the build that wrote it");
  return {V::valid, nullptr, 0, (s.features_read_only & ~kFeaturesReadOnlyKnown) == 0};
}

Why check(const Control& c) noexcept {
  if (c.clock < 1 || c.clock >= kStampTimeMax - (1ull << 40)) return "control block: clock out of range";
  if (c.epoch < 1 || c.epoch >= 1ull << 47) return "control block: epoch out of range";
  if (c.gen_floor > kGenerationMax - (1ull << 32)) return "control block: generation out of range";
  if (c.sync_done > c.sync_request || c.sync_request >= 1ull << 47) return "control block: sync tickets out of range";
  return nullptr;
}

std::uint64_t layout_fingerprint() noexcept {
  std::uint64_t words[std::size(kFields)];
  std::transform(std::begin(kFields), std::end(kFields), words,
                 [](const Field& f) { return static_cast<std::uint64_t>(f.offset) << 32 | f.size; });
  return hash64(words, sizeof words, kVersion);
}

std::uint64_t identity_check(const Identity& i, std::uint64_t store_seed) noexcept {
  return hash64(&i, offsetof(Identity, check), store_seed);
}

}  // namespace durra::format
