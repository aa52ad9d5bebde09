// The index: which record is the newest of a key.  format/leaf.h has the layout, PROTOCOL.md INDEX and KEY the rules.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// A key as the index sees it.
struct KeyView {
  std::uint64_t tag;
  std::string_view text;  // "" for integers
};
inline KeyView view(const Handle& h, const Key& key) noexcept {
  if (key.is_text()) return {format::tag_of(key.text(), h.space.seed()), key.text()};
  return {format::tag_of(key.id(), h.space.seed()), {}};
}

// Answer to "where is the newest version of this key, or where would it go?"
enum class Found : std::uint8_t {
  record,   // `word` names it
  empty,    // no version; an insertion swings `slot` from 0
  crowded,  // no version, and the leaf must grow before one can be inserted
  frozen,   // the leaf is being copied: whoever needs to change it finishes that first
  damaged,  // something on the way contradicts FORMAT.md: `why` at `offset`
};
struct Lookup {
  explicit Lookup(Found f) noexcept : found(f) {}
  Found found;
  std::uint64_t* slot = nullptr;    // record, empty
  std::uint64_t word = 0;           // what the slot held; for `empty` 0
  RecordRef record;                 // for `record`
  std::uint64_t* parent = nullptr;  // crowded, frozen: the word that names the leaf, and what it held
  std::uint64_t parent_word = 0;
  std::uint32_t depth = 0;
  std::uint64_t tag = 0;  // whose look-up this was
  format::Why why = nullptr;
  std::uint64_t offset = 0;
  Error error() const noexcept { return Error{Code::damaged, 0, offset, why}; }
};

// For readers: never `crowded` or `frozen` (a frozen leaf's words are the truth until its parent word is swung).
// Wait-free: at most kDepthMax inner nodes and one leaf.  Precondition: pinned.
Lookup find(const Handle&, const KeyView&) noexcept;
// The common case of find in a few dozen instructions: a leaf right below the root, a sound record.  False says
// nothing: ask find.
[[gnu::always_inline]] inline bool find_quickly(const Handle& h, const KeyView& key, RecordRef& record) noexcept {
  const Space& space = h.space;
  const auto node = format::unpack_node(shared::parent_load(space.root(format::root_slot(key.tag, space.root_bits()))));
  const auto* slots = reinterpret_cast<std::uint64_t*>(space.at(node.offset, node.slots * 8ull));
  if (slots == nullptr || node.inner || node.slots == 0 || node.offset % 8 != 0) [[unlikely]]
    return false;
  const std::uint32_t hash = format::slot_hash(key.tag);
  std::uint32_t i = format::first_slot(hash, node.slots);
  for (; i < node.slots; ++i) {
    const std::uint64_t word = shared::index_load(const_cast<std::uint64_t&>(slots[i]));
    if ((word & ~format::kFreeze) == 0) return false;
    if (format::slot_hash_of(word) != hash) continue;
    if (space.locate(format::slot_offset(word), record) != nullptr || record.tag() != key.tag) [[unlikely]]
      return false;
    return record.shape.key_size == key.text.size() && (key.text.empty() || record.key() == key.text);
  }
  return false;
}
// For writers.
Lookup find_for_change(const Handle&, const KeyView&) noexcept;

// Brings the cache lines that find will want.  Only a hint: two stages so that many keys can overlap.  The first needs
// no pin, for it reads nothing below the root: a get does it before it pins, and the miss runs meanwhile.
inline void prefetch_leaf(const Handle& h, const KeyView& key) noexcept {
  const auto node =
      format::unpack_node(shared::parent_load(h.space.root(format::root_slot(key.tag, h.space.root_bits()))));
  const std::uint32_t slot = node.inner ? format::inner_slot(key.tag, h.space.root_bits(), 1)
                                        : format::first_slot(format::slot_hash(key.tag), node.slots);
  __builtin_prefetch(h.space.base() + node.offset + slot * 8ull);
}
void prefetch_record(const Handle&, const KeyView&) noexcept;

// A newest version, for pack_index.
struct IndexEntry {
  std::uint64_t tag, at;
};
// The whole index at once and as small as it can be, for a store that has no room to let it grow.  One entry per key,
// sorted by tag; the root is empty and nobody else is alive.
Result<void> pack_index(Handle&, LocalSeat&, std::span<const IndexEntry>);

// Gives index regions back: those of which nothing is linked any more are retired.  Where nodes use less than `share`
// 256ths of a sealed region, they are copied elsewhere first, leaves as small as `pack` allows; at most `nodes` of
// them. Returns how many regions were retired.  Precondition: no pin of the caller's own.
struct IndexTidying {
  std::uint32_t share = 128;
  std::uint32_t nodes = 8;
  bool pack = false;
};
std::uint64_t reclaim_index(Handle&, LocalSeat&, const IndexTidying&);

// Makes the leaf of `lookup` (crowded or frozen) larger, or splits it, or finds that somebody did.  `full` without
// room.
Result<void> grow_leaf(Handle&, LocalSeat&, const Lookup&);

}  // namespace durra::detail
