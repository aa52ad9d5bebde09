// verify, of the index.
#include "store/verify_index.h"

#include <algorithm>
#include <bit>

#include "format/leaf.h"

namespace durra::detail {
namespace {

// Whether a search for this hash comes by slot i: no slot is empty from its first on.
bool comes_by(const std::vector<std::uint64_t>& slots, std::uint32_t hash, std::uint32_t i) noexcept {
  const auto count = static_cast<std::uint32_t>(slots.size());
  for (std::uint32_t k = format::first_slot(hash, count); k != i; k = k + 1 == count ? 0 : k + 1)
    if ((slots[k] & ~format::kFreeze) == 0) return false;
  return true;
}

}  // namespace

void IndexCheck::run(const Damage& damage) {
  damage_ = &damage;
  const auto bits = static_cast<std::uint32_t>(std::countr_zero(reader_.super().root_words));
  for (std::uint32_t i = 0; i < reader_.super().root_words; ++i) node(format::kRootOffset + i * 8ull, i, bits, 0);
  compare();
}

// Each node lies within the regions, and they do not overlap: so what is read of them is no more than the file.  Tags
// below it begin with the `bits` bits of `prefix`.
void IndexCheck::node(std::uint64_t parent, std::uint64_t prefix, std::uint32_t bits, std::uint32_t depth) {
  std::uint64_t word = 0;
  if (!reader_.read(parent, &word, 8) || word == 0) return;
  if (depth == 0 && (word & format::kFreeze) != 0) still_there(parent, word, "index root: frozen");
  if ((word & ~format::kFreeze) == 0) return;
  const auto n = format::unpack_node(word);
  const std::uint64_t size = n.slots * 8ull;
  const std::uint64_t begin = reader_.super().regions_offset;
  if (n.slots == 0 || n.slots > format::kLeafSlotsMax || n.offset % format::kLine != 0 || n.offset < begin ||
      !reader_.holds(n.offset, size) || (n.inner && (n.slots != format::kInnerWords || depth == format::kDepthMax)))
    return still_there(parent, word, "index: a node is outside the file");
  if (!met_.insert(n.offset).second) return still_there(parent, word, "index: a node is named twice");
  if ((met_bytes_ += size) > reader_.file_size()) return still_there(parent, word, "index: nodes overlap");
  if (n.inner) {
    for (std::uint32_t i = 0; i < n.slots; ++i)
      node(n.offset + i * 8ull, prefix << format::kInnerBits | i, bits + format::kInnerBits, depth + 1);
    return;
  }
  std::vector<std::uint64_t> slots(n.slots);
  if (reader_.read(n.offset, slots.data(), size)) leaf(n.offset, slots, prefix, bits);
}

// What the index names by the record at `offset`: itself, or what stood before a batch that is not FIXED.  Null:
// nothing.
std::optional<IndexCheck::Named> IndexCheck::named_by(std::uint64_t offset, const format::RecordHeader& header) {
  struct {
    format::RecordHeader header;
    format::BatchLink link;
  } head{};
  const Named itself{header.tag, header.stamp};
  const bool undecided = format::in_batch(format::unpack_shape(header.shape).kind) && header.stamp == 0;
  if (!undecided || !reader_.read(offset, &head, sizeof head) || head.link.envelope > offset) return itself;
  // In this order: while a batch is not FIXED, what it is to supersede is what counts.
  format::RecordHeader envelope{}, before{};
  if (!reader_.read(offset - head.link.envelope, &envelope, sizeof envelope) ||
      format::verdict_of(envelope.stamp) == format::Verdict::fixed)
    return itself;
  if (head.header.prev == 0) return {};
  if (!reader_.read(head.header.prev, &before, sizeof before) || before.tag != header.tag) return itself;
  return Named{before.tag, before.stamp};
}

// Each slot leads to where a record can be.  It counts if those who look for that record's key come by.
void IndexCheck::leaf(std::uint64_t at, const std::vector<std::uint64_t>& slots, std::uint64_t prefix,
                      std::uint32_t bits) {
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    const std::uint64_t bare = slots[i] & ~format::kFreeze;
    if (bare == 0 || bare == format::kDead) continue;
    const std::uint64_t offset = format::slot_offset(bare);
    format::RecordHeader header{};
    if (!can_hold_record(offset)) {
      still_there(at + i * 8ull, slots[i], "index: a slot points outside all records");
    } else if (reader_.read(offset, &header, sizeof header)) {
      const std::uint32_t hash = format::slot_hash_of(bare);
      if (hash == format::slot_hash(header.tag) && header.tag >> (64 - bits) == prefix && comes_by(slots, hash, i))
        if (const auto named = named_by(offset, header)) named_.push_back(*named);
    }
  }
}

void IndexCheck::compare() {
  const auto by_tag = [](const auto& a, const auto& b) { return a.tag < b.tag; };
  std::sort(named_.begin(), named_.end(), by_tag);
  std::stable_sort(versions_.begin(), versions_.end(), by_tag);  // of each key in the order of the file
  const auto region = [&](std::uint64_t at) { return "region " + std::to_string(reader_.region_of(at)); };
  auto first = named_.begin();
  for (auto v = versions_.begin(); v != versions_.end();) {
    const std::uint64_t tag = v->tag;
    const auto end = std::find_if(v, versions_.end(), [&](const Version& other) { return other.tag != tag; });
    first = std::find_if(first, named_.end(), [&](const Named& n) { return n.tag >= tag; });
    const auto last = std::find_if(first, named_.end(), [&](const Named& n) { return n.tag != tag; });
    const auto newest = std::max_element(v, end, [](auto& a, auto& b) { return a.stamp < b.stamp; });
    const auto put = std::find_if(v, end, [](const Version& one) { return !one.tombstone; });
    // A record without a stamp is being put: later than all that has one.
    const bool up_to_date = std::any_of(first, last, [&](const Named& n) { return n.stamp - 1 >= newest->stamp - 1; });
    if (first == last && put != end) (*damage_)(put->at, "index: a key is missing", region(put->at));
    if (first != last && newest->stamp != 0 && !up_to_date)
      (*damage_)(newest->at, "index: an older version is named", region(newest->at));
    v = end;
  }
}

bool IndexCheck::can_hold_record(std::uint64_t offset) {
  const auto& super = reader_.super();
  if (offset < super.regions_offset) return false;
  const std::uint64_t inside = (offset - super.regions_offset) % super.region_size;
  if (!reader_.holds(offset, format::kRecordHeaderSize)) return false;
  if (inside >= format::kRegionData) return true;
  const auto d = reader_.descriptor(reader_.region_of(offset));  // a run's body has no header
  return d && format::unpack(d->state).state == format::RegionState::body;
}

// In a live store a word may have moved on while we looked at what it said.
void IndexCheck::still_there(std::uint64_t offset, std::uint64_t word, format::Why why) {
  std::uint64_t now = 0;
  if (reader_.read(offset, &now, 8) && now == word) (*damage_)(offset, why, "index");
}

}  // namespace durra::detail
