// The walk and the codec over any bytes: never beyond them, and the same answer twice.
#include "format/walk.h"

#include <cstdlib>
#include <cstring>
#include <vector>

#include "format/codec.h"

using namespace durra::format;

namespace {

// With right header checks where the bytes ask for a record, so that shapes are reached.
void mend(std::vector<std::byte>& region, std::uint64_t seed) {
  for (std::size_t at = kRegionData; at + sizeof(RecordHeader) <= region.size();) {
    RecordHeader h;
    std::memcpy(&h, region.data() + at, sizeof h);
    h.head_check = head_check(h, seed, at);
    std::memcpy(region.data() + at, &h, sizeof h);
    if (check(h, seed, at, region.size() - at) != nullptr) return;
    at += record_size(unpack_shape(h.shape), at);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::vector<std::byte> region(size);
  std::memcpy(region.data(), data, size);
  constexpr std::uint64_t kSeed = 42;
  if (data[0] & 1) mend(region, kSeed);
  const std::uint64_t end = data[1] & 1 ? region.size() : region.size() / 2;
  Walk walk(region, 0, kSeed, end);
  std::uint64_t last = kRegionData;
  while (walk.next()) {
    const WalkRecord& r = walk.record();
    if (r.at < last || walk.end() > end || walk.end() <= r.at) std::abort();
    last = walk.end();
    (void)walk.intact();
    for (const auto& part : {r.key, r.payload})
      if (!part.empty() && (part.data() < region.data() || part.data() + part.size() > region.data() + end))
        std::abort();
    if (const std::size_t raw = raw_size(r.payload); raw != 0 && raw < (1 << 20)) {
      std::vector<std::byte> out(raw);
      (void)decompress(r.payload, out);
    }
  }
  if (walk.next()) std::abort();
  return 0;
}
