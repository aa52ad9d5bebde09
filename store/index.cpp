// Looking up: root word, inner words if any, one leaf, the record.
#include "store/index.h"

#include <algorithm>

namespace durra::detail {
namespace {

// An insertion this far from its first slot asks for a larger leaf.  The bound stands in for a count of used slots: a
// counter would be one more line for every insertion to write, and the length of a probe is what counts for a reader.
constexpr std::uint32_t kProbeMax = 32;

struct Leaf {
  std::uint64_t* slots = nullptr;
  std::uint32_t count = 0;
  std::uint64_t* parent = nullptr;
  std::uint64_t parent_word = 0;
  std::uint32_t depth = 0;
  format::Why why = nullptr;
  std::uint64_t offset = 0;
};

// From the root to the leaf.  `count` = 0: nothing below yet.
[[gnu::always_inline]] inline Leaf descend(const Handle& h, std::uint64_t tag) noexcept {
  const Space& space = h.space;
  Leaf leaf;
  leaf.parent = &space.root(format::root_slot(tag, space.root_bits()));
  for (;; ++leaf.depth) {
    leaf.parent_word = shared::parent_load(*leaf.parent);
    if ((leaf.parent_word & ~format::kFreeze) == 0) return leaf;
    const auto node = format::unpack_node(leaf.parent_word);
    leaf.offset = node.offset;
    const std::uint64_t size = static_cast<std::uint64_t>(node.slots) * 8;
    auto* words = reinterpret_cast<std::uint64_t*>(space.at(node.offset, size));
    if (words == nullptr || node.offset % format::kLine != 0 || !space.in_regions(node.offset) || node.slots == 0 ||
        node.slots > format::kLeafSlotsMax || (node.inner && node.slots != format::kInnerWords)) {
      leaf.why = "index node is outside the file";
      return leaf;
    }
    if (!node.inner) {
      leaf.slots = words;
      leaf.count = node.slots;
      return leaf;
    }
    if (leaf.depth == format::kDepthMax) {
      leaf.why = "index is deeper than it can be";
      return leaf;
    }
    leaf.parent = &words[format::inner_slot(tag, space.root_bits(), leaf.depth + 1)];
  }
}

enum class Match { yes, no, damaged };

// Whether the record named by a slot with our 20 bits is of our key.  A record whose header is damaged might have been:
// the caller says `damaged` rather than not_found.
[[gnu::always_inline]] inline Match match(const Handle& h, const KeyView& key, std::uint64_t word, RecordRef& record,
                                          format::Why& why) noexcept {
  why = h.space.locate(format::slot_offset(word), record);
  if (why != nullptr) return Match::damaged;
  if (record.tag() != key.tag) return Match::no;
  if (record.key() == key.text) [[likely]]
    return Match::yes;
  // The same 64 bits but another text: a collision of hashes, or rot in the key.
  if (record.body_intact()) return Match::no;
  why = "record checksum mismatch";
  return Match::damaged;
}

Lookup from(const Leaf& leaf, Found found, std::uint64_t tag) noexcept {
  Lookup l(found);
  l.tag = tag;
  l.parent = leaf.parent;
  l.parent_word = leaf.parent_word;
  l.depth = leaf.depth;
  l.why = leaf.why;
  l.offset = leaf.offset;
  return l;
}

template <bool kForChange>
Lookup search(const Handle& h, const KeyView& key) noexcept {
  const Leaf leaf = descend(h, key.tag);
  if (leaf.why != nullptr) return from(leaf, Found::damaged, key.tag);
  if (leaf.count == 0) return from(leaf, kForChange ? Found::crowded : Found::empty, key.tag);
  const std::uint32_t hash = format::slot_hash(key.tag);
  const std::uint32_t first = format::first_slot(hash, leaf.count);
  Lookup damaged(Found::record);
  for (std::uint32_t probe = 0, i = first; probe < leaf.count; ++probe, i = i + 1 == leaf.count ? 0 : i + 1) {
    const std::uint64_t word = shared::index_load(leaf.slots[i]);
    const std::uint64_t bare = word & ~format::kFreeze;
    if (kForChange && bare != word) return from(leaf, Found::frozen, key.tag);
    if (bare == 0) {
      if (damaged.found == Found::damaged) return damaged;
      if (kForChange && leaf.depth < format::kDepthMax && probe >= std::min(kProbeMax, leaf.count - 2))
        return from(leaf, Found::crowded, key.tag);
      Lookup l = from(leaf, Found::empty, key.tag);
      l.slot = &leaf.slots[i];
      return l;
    }
    if (bare == format::kDead || format::slot_hash_of(bare) != hash) continue;
    Lookup l(Found::record);
    l.slot = &leaf.slots[i];
    l.word = word;
    format::Why why = nullptr;
    switch (match(h, key, bare, l.record, why)) {
      case Match::yes: return l;
      case Match::no: break;
      case Match::damaged:
        damaged.found = Found::damaged;
        damaged.why = why;
        damaged.offset = format::slot_offset(bare);
        break;
    }
  }
  if (damaged.found == Found::damaged) return damaged;
  return from(leaf, kForChange ? Found::crowded : Found::empty, key.tag);
}

}  // namespace

Lookup find(const Handle& h, const KeyView& key) noexcept { return search<false>(h, key); }
Lookup find_for_change(const Handle& h, const KeyView& key) noexcept { return search<true>(h, key); }

void prefetch_record(const Handle& h, const KeyView& key) noexcept {
  const Leaf leaf = descend(h, key.tag);
  if (leaf.count == 0) return;
  const std::uint32_t hash = format::slot_hash(key.tag);
  const std::uint32_t first = format::first_slot(hash, leaf.count);
  for (std::uint32_t i = first; i < std::min(first + 8, leaf.count); ++i) {
    const std::uint64_t word = shared::index_load(leaf.slots[i]) & ~format::kFreeze;
    if (word == 0) return;
    if (format::slot_hash_of(word) != hash) continue;
    const std::byte* p = h.space.base() + format::slot_offset(word);
    __builtin_prefetch(p);
    __builtin_prefetch(p + format::kRecordHeaderSize - 1);
    return;
  }
}

}  // namespace durra::detail
