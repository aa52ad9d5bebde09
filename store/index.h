// The index: which record is the newest of a key.  format/leaf.h has the layout, PROTOCOL.md INDEX and KEY the rules.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// A key as the index sees it.
struct KeyView {
  std::uint64_t tag;
  std::string_view text;  // "" for integers
};
KeyView view(const Handle&, const Key&) noexcept;

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
  std::uint64_t* slot = nullptr;  // record, empty
  std::uint64_t word = 0;         // what the slot held; for `empty` 0
  RecordRef record;               // for `record`
  std::uint64_t* parent = nullptr;  // crowded, frozen: the word that names the leaf, and what it held
  std::uint64_t parent_word = 0;
  std::uint32_t depth = 0;
  format::Why why = nullptr;
  std::uint64_t offset = 0;
  Error error() const noexcept { return Error{Code::damaged, 0, offset, why}; }
};

// For readers: never `crowded` or `frozen` (a frozen leaf's words are the truth until its parent word is swung).
// Wait-free: at most kDepthMax inner nodes and one leaf.  Precondition: pinned.
Lookup find(const Handle&, const KeyView&) noexcept;
// For writers.
Lookup find_for_change(const Handle&, const KeyView&) noexcept;

// Brings the cache lines that find will want.  Only a hint: two stages so that many keys can overlap.  The first needs no
// pin, for it reads nothing below the root: a get does it before it pins, and the miss runs meanwhile.
inline void prefetch_leaf(const Handle& h, const KeyView& key) noexcept {
  const auto node = format::unpack_node(shared::parent_load(h.space.root(format::root_slot(key.tag, h.space.root_bits()))));
  const std::uint32_t slot = node.inner ? format::inner_slot(key.tag, h.space.root_bits(), 1)
                                        : format::first_slot(format::slot_hash(key.tag), node.slots);
  __builtin_prefetch(h.space.base() + node.offset + slot * 8ull);
}
void prefetch_record(const Handle&, const KeyView&) noexcept;

// Makes the leaf of `lookup` (crowded or frozen) larger, or splits it, or finds that somebody did.  `full` without room.
Result<void> grow_leaf(Handle&, LocalSeat&, const Lookup&);

}  // namespace durra::detail
