// Keys that crowd one leaf.
#include "tests/support/crowd.h"

#include <durra/store.h>

#include "format/checksum.h"
#include "format/leaf.h"

namespace durra::test {

std::vector<std::string> crowded_names(std::size_t count, std::uint64_t seed) {
  std::vector<std::string> names;
  for (std::uint64_t i = 0; names.size() < count; ++i) {
    std::string name = "k" + std::to_string(i);
    const std::uint64_t tag = format::tag_of(name, seed);
    const bool first = format::first_slot(format::slot_hash(tag), format::leaf_slots_max(64_KiB)) == 0;
    if (format::root_slot(tag, 8) == kCrowdedRoot && first) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace durra::test
