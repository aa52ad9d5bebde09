// Regions and records made by hand, as a store would write them.
#pragma once
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/batch.h"
#include "format/record.h"
#include "format/region.h"

namespace durra::format {

struct Put {
  std::optional<std::uint64_t> id = {};  // else `key`
  std::string key = {};
  std::string payload = {};
  std::uint64_t stamp = 1 << 16;  // 0: never published
  RecordKind kind = RecordKind::put;
  std::uint8_t align_log2 = 3;
  bool compressed = false;
  std::optional<BatchLink> link = {};  // of a batch record
};

// The bytes of one life of one region (or run), records appended in order.
class MadeRegion {
 public:
  MadeRegion(std::uint64_t store_seed, std::uint64_t number, std::uint64_t generation, std::uint64_t offset,
             std::uint64_t size, std::uint64_t run = 1)
      : bytes(size), base(offset), seed(region_seed(store_seed, number, generation)), store_seed_(store_seed) {
    const RegionHeader h = make_region_header(store_seed, number, generation, RegionType::data, run, 0);
    std::memcpy(bytes.data(), &h, sizeof h);
  }

  // Returns where it begins in the region.
  std::uint64_t append(const Put& p) {
    const std::uint64_t at = base + tail;
    const Shape shape{
        p.payload.size(), static_cast<std::uint32_t>(p.key.size()), p.kind, p.align_log2, p.compressed, false};
    std::byte* start = bytes.data() + tail;
    std::byte* payload = start + payload_start(shape, at);
    if (p.link) std::memcpy(start + kRecordHeaderSize, &*p.link, sizeof *p.link);
    std::memcpy(start + header_size(shape), p.key.data(), p.key.size());
    std::memcpy(payload, p.payload.data(), p.payload.size());

    RecordHeader h{};
    h.shape = pack(shape);
    h.tag = p.id ? tag_of(*p.id, store_seed_) : tag_of(p.key, store_seed_);
    h.body_check =
        body_check(start + kRecordHeaderSize,
                   static_cast<std::size_t>(payload + p.payload.size() - start) - kRecordHeaderSize, seed, at);
    h.head_check = head_check(h, seed, at);
    if (p.stamp != 0) {
      h.stamp = p.stamp;
      h.word = stamp_check(p.stamp, seed, at);
    }
    std::memcpy(start, &h, sizeof h);
    const std::uint64_t begin = tail;
    tail += record_size(shape, at);
    return begin;
  }

  // A batch of these, decided so.  Returns where its envelope begins in the region.
  std::uint64_t append_batch(std::vector<Put> puts, std::uint64_t decision) {
    const std::uint64_t begin =
        append({.payload = std::string(sizeof(Envelope), '\0'), .stamp = decision, .kind = RecordKind::envelope});
    Envelope e{puts.size(), 0, 0};
    Hash64 whole(seed + base + begin);
    const std::uint64_t first = tail;
    for (Put& p : puts) {
      p.kind = p.kind == RecordKind::tombstone ? RecordKind::batch_tombstone : RecordKind::batch_put;
      p.link = BatchLink{tail - begin, kUnconditional};
      whole.update(bytes.data() + append(p), kWholePiece);
    }
    e.size = tail - first;
    e.whole = whole.digest();
    RecordHeader h;
    std::memcpy(&h, bytes.data() + begin, sizeof h);
    std::memcpy(bytes.data() + begin + kRecordHeaderSize, &e, sizeof e);
    h.tag = 0;
    h.body_check = body_check(bytes.data() + begin + kRecordHeaderSize, sizeof e, seed, base + begin);
    h.head_check = head_check(h, seed, base + begin);
    std::memcpy(bytes.data() + begin, &h, sizeof h);
    return begin;
  }

  std::vector<std::byte> bytes;
  std::uint64_t base, seed;
  std::uint64_t tail = kRegionData;

 private:
  std::uint64_t store_seed_;
};

inline std::string text_of(std::span<const std::byte> b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

}  // namespace durra::format
