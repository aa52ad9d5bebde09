// What lies at an offset of an image, as FORMAT.md has it.
#include <algorithm>
#include <cstring>
#include <string_view>

#include "format/fields.h"
#include "format/walk.h"
#include "tests/proof/flips/image.h"

namespace durra::test {
namespace {

std::string field(const char* structure, std::uint64_t inside) {
  for (const format::Field& f : format::kFields)
    if (std::string_view(f.structure) == structure && inside >= f.offset && inside < f.offset + f.size)
      return std::string(structure) + "." + f.name;
  return std::string(structure) + " gap";
}

std::string place_in_head(const Image& image, std::uint64_t at) {
  const auto& super = image.super();
  const auto in = [&](std::uint64_t begin, std::uint64_t size) { return at >= begin && at < begin + size; };
  if (in(0, sizeof super)) return field("Superblock", at);
  if (in(format::kControlOffset, sizeof(format::Control))) {
    const std::uint64_t inside = at - format::kControlOffset, identity = offsetof(format::Control, identity);
    return inside < identity ? field("Control", inside) : field("Identity", inside - identity);
  }
  if (in(format::kRootOffset, super.root_words * 8)) return "root";
  if (in(super.seats_offset, super.seat_count * sizeof(format::Seat)))
    return field("Seat", (at - super.seats_offset) % sizeof(format::Seat));
  if (in(super.descriptors_offset, super.region_count * sizeof(format::Descriptor)))
    return field("Descriptor", (at - super.descriptors_offset) % sizeof(format::Descriptor));
  return "gap";
}

std::string place_in_records(const Image& image, std::uint64_t r, std::uint64_t at, const format::RegionWord& w) {
  const auto& super = image.super();
  const std::uint64_t base = super.regions_offset + r * super.region_size, tail = image.descriptor(r).tail;
  const std::uint64_t seed = format::region_seed(format::store_seed(super.uuid), r, w.generation);
  format::Walk walk({&image.at<std::byte>(base), tail}, base, seed, tail);
  while (walk.next()) {
    if (at >= base + walk.end()) continue;
    const std::uint64_t inside = at - walk.record().at;
    if (inside >= sizeof(format::RecordHeader)) return "key or payload";
    const std::string name = field("RecordHeader", inside);
    const bool undecided =
        format::in_batch(walk.record().shape.kind) && image.at<format::RecordHeader>(walk.record().at).stamp == 0;
    return name == "RecordHeader.prev" && undecided ? "prev of an undecided batch" : name;
  }
  return "unreadable";
}

// The region whose record reaches here: itself, or the head of its run.
std::uint64_t home_of(const Image& image, std::uint64_t r) {
  while (r > 0 && format::unpack(image.descriptor(r).state).state == format::RegionState::body) --r;
  return r;
}

}  // namespace

std::string place_of(const Image& image, std::uint64_t at) {
  const auto& super = image.super();
  if (at < super.regions_offset) return place_in_head(image, at);
  const std::uint64_t r = home_of(image, (at - super.regions_offset) / super.region_size);
  const std::uint64_t base = super.regions_offset + r * super.region_size;
  const auto w = format::unpack(image.descriptor(r).state);
  if (w.state == format::RegionState::free) return "free region";
  if (at < base + format::kRegionData) return field("RegionHeader", at - base);
  if (w.type == format::RegionType::index) return "index node";
  if (at >= base + image.descriptor(r).tail) return "beyond tail";
  return place_in_records(image, r, at, w);
}

bool in_index(const Image& image, std::uint64_t at) {
  const std::string place = place_of(image, at);
  return place == "root" || place == "index node" || place == "prev of an undecided batch";
}

bool is_synced(const Image& image, std::uint64_t at) {
  const auto& super = image.super();
  if (at < super.regions_offset) return true;
  const std::uint64_t r = home_of(image, (at - super.regions_offset) / super.region_size);
  const auto& d = image.descriptor(r);
  const std::uint64_t synced = format::untag(d.synced, format::generation_of(d.state)) * 8;
  return at - super.regions_offset - r * super.region_size < synced;
}

}  // namespace durra::test
