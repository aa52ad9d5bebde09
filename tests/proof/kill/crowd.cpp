// Keys that all go to one leaf of the index.
#include "tests/proof/kill/crowd.h"

#include <array>

#include "format/checksum.h"
#include "format/head.h"
#include "store/os.h"

namespace durra::test {
namespace {

std::array<std::uint8_t, 16> fixed_uuid() {
  std::array<std::uint8_t, 16> uuid;
  uuid.fill(7);
  return uuid;
}

}  // namespace

std::string crowded_key(std::uint32_t i, std::uint8_t top) {
  const std::uint64_t tag = static_cast<std::uint64_t>(top) << 56 | static_cast<std::uint64_t>(i % 64) << 50 |
                            static_cast<std::uint64_t>(i) << 24;
  return "#" + std::to_string(format::id_of(tag, format::store_seed(fixed_uuid())));
}

void crowd(Store& s, Model& m, std::uint32_t from, std::uint32_t to, std::uint8_t top) {
  for (std::uint32_t i = from; i < to; ++i) {
    s.put(key_of(crowded_key(i, top)), "crowd").value();
    m[crowded_key(i, top)] = "crowd";
  }
}

Store fixed_store(const std::string& path, const Options& options) {
  { const Store made = open(path, options).value(); }
  const auto file = os::open(path, os::Access::read_write).value();
  format::Superblock super;
  os::read_at(file, 0, &super, sizeof super).value();
  super.uuid = fixed_uuid();
  super.check = format::hash64(&super, offsetof(format::Superblock, check), 0);
  os::write_at(file, 0, &super, sizeof super).value();
  return open(path, options).value();
}

}  // namespace durra::test
