// Growth of the index: freeze, copy, swing (PROTOCOL.md INDEX GROWTH).  A death anywhere leaves garbage, never work:
// the frozen leaf stays the truth for readers, and whoever must change it copies it again.
#include <algorithm>
#include <vector>

#include "store/index_node.h"
#include "store/region_table.h"
#include "store/step.h"

namespace durra::detail {
namespace {

using format::NodeWord;

// Another leaf in the place of the old one: larger, or swept clean.
Result<NodeWord> copy_leaf(Handle& h, LocalSeat& seat, const LeafSlots& old, const Census& census, std::uint32_t max) {
  std::uint64_t wanted = std::max<std::uint64_t>(leaf_size(census.live + 1, max), census.live + 8);
  if (census.dead <= census.live) wanted = std::max<std::uint64_t>(wanted, old.count + old.count / 4);
  const auto size = static_cast<std::uint32_t>(std::min<std::uint64_t>(format::align_up(wanted, 8), max));
  auto space = allocate_node(h, seat, size * 8ull);  // step 0, before freezing (H15)
  if (!space) return space.error();
  step("grow.0");  // † dead space in an index region
  const auto kept = freeze_all(old);
  for (const std::uint64_t word : kept)
    if (!place(words(h, *space, size), size, word)) return NodeWord{};  // filled up while we counted: once more
  return NodeWord{*space, size, false};
}

// The words of a leaf by the next 6 bits of H: only their records have those.
using Groups = std::array<std::vector<std::uint64_t>, format::kInnerWords>;
Result<void> group(Handle& h, const std::vector<std::uint64_t>& words, std::uint32_t depth, Groups& groups) {
  for (const std::uint64_t word : words) {
    RecordRef record;
    if (const auto why = h.space.locate(format::slot_offset(word), record))
      return Error{Code::damaged, 0, format::slot_offset(word), why};
    groups[format::inner_slot(record.tag(), h.space.root_bits(), depth + 1)].push_back(word);
  }
  return {};
}

std::vector<std::uint64_t> live_words(const LeafSlots& old) {
  std::vector<std::uint64_t> kept;
  for (std::uint32_t i = 0; i < old.count; ++i)
    if (const std::uint64_t bare = shared::index_load(old.slots[i]) & ~format::kFreeze; live(bare))
      kept.push_back(bare);
  return kept;
}

// An inner node of 64 words, each with a leaf of its own.  All space comes first (H15): what is frozen in a full store
// could not even be erased from.  The leaves are twice what lives, so that what was added meanwhile fits too.
Result<NodeWord> split_leaf(Handle& h, LocalSeat& seat, const LeafSlots& old, std::uint32_t depth, std::uint32_t max) {
  Groups before, after;
  if (auto done = group(h, live_words(old), depth, before); !done) return done.error();
  auto inner = allocate_node(h, seat, format::kInnerWords * 8ull);
  if (!inner) return inner.error();
  std::array<NodeWord, format::kInnerWords> leaves;
  for (std::uint32_t g = 0; g < format::kInnerWords; ++g) {
    const std::uint32_t size = leaf_size(before[g].size() + 1, max);
    auto leaf = allocate_node(h, seat, size * 8ull);
    if (!leaf) return leaf.error();
    leaves[g] = {*leaf, size, false};
  }
  step("grow.0");  // † dead space in an index region
  if (auto done = group(h, freeze_all(old), depth, after); !done) return done.error();
  std::uint64_t* parents = words(h, *inner, format::kInnerWords);
  for (std::uint32_t g = 0; g < format::kInnerWords; ++g) {
    for (const std::uint64_t word : after[g])
      if (!place(words(h, leaves[g].offset, leaves[g].slots), leaves[g].slots, word)) return NodeWord{};  // once more
    shared::node_init(parents[g], format::pack(leaves[g]));
  }
  return NodeWord{*inner, format::kInnerWords, true};
}

// The first entries that `slot` sends the same way.
template <class Slot>
std::span<const IndexEntry> first_group(std::span<const IndexEntry> entries, Slot slot) {
  const auto other = [&](const IndexEntry& e) { return slot(e.tag) != slot(entries.front().tag); };
  const auto end = std::find_if(entries.begin(), entries.end(), other);
  return entries.first(static_cast<std::size_t>(end - entries.begin()));
}

// A node with little more room than these entries need, and what is below it.
Result<NodeWord> pack_node(Handle& h, LocalSeat& seat, std::span<const IndexEntry> entries, std::uint32_t depth) {
  const std::uint32_t max = format::leaf_slots_max(h.space.region_size());
  const std::uint64_t live = entries.size();
  if (live + 2 <= max || depth == format::kDepthMax) {
    const std::uint64_t wanted = format::align_up(live + std::max<std::uint64_t>(live / 8, 2), 8);
    const auto size = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(wanted, format::kLeafSlotsMin, max));
    auto leaf = allocate_node(h, seat, size * 8ull);
    if (!leaf) return leaf.error();
    for (const IndexEntry& e : entries)
      if (!place(words(h, *leaf, size), size, format::slot_word(format::slot_hash(e.tag), e.at)))
        return Error{Code::full, 0, size, "too many keys with one hash"};
    return NodeWord{*leaf, size, false};
  }
  auto inner = allocate_node(h, seat, format::kInnerWords * 8ull);
  if (!inner) return inner.error();
  const auto slot = [&](std::uint64_t tag) { return format::inner_slot(tag, h.space.root_bits(), depth + 1); };
  while (!entries.empty()) {
    const auto group = first_group(entries, slot);
    auto below = pack_node(h, seat, group, depth + 1);
    if (!below) return below;
    shared::node_init(words(h, *inner, format::kInnerWords)[slot(group.front().tag)], format::pack(*below));
    entries = entries.subspan(group.size());
  }
  return NodeWord{*inner, format::kInnerWords, true};
}

}  // namespace

Result<void> pack_index(Handle& h, LocalSeat& seat, std::span<const IndexEntry> entries) {
  const auto slot = [&](std::uint64_t tag) { return format::root_slot(tag, h.space.root_bits()); };
  while (!entries.empty()) {
    const auto group = first_group(entries, slot);
    auto below = pack_node(h, seat, group, 0);
    if (!below) return below.error();
    shared::node_init(h.space.root(slot(group.front().tag)), format::pack(*below));
    entries = entries.subspan(group.size());
  }
  return {};
}

Result<void> grow_leaf(Handle& h, LocalSeat& seat, const Lookup& at) {
  const std::uint32_t max = format::leaf_slots_max(h.space.region_size());
  if ((at.parent_word & format::kFreeze) != 0) return finish_inner(h, seat, at.tag);
  Result<NodeWord> fresh = NodeWord{};
  if (at.parent_word == 0) {
    auto space = allocate_node(h, seat, format::kLeafSlotsMin * 8ull);
    if (!space) return space.error();
    fresh = NodeWord{*space, format::kLeafSlotsMin, false};
  } else {
    const NodeWord node = format::unpack_node(at.parent_word);
    const LeafSlots old{words(h, node.offset, node.slots), node.slots};
    const Census census = count(old);
    const bool largest = node.slots >= max && census.dead <= census.live;  // a copy would be no better
    if (largest && at.depth == format::kDepthMax)
      return Error{Code::full, 0, node.slots, "too many keys with one hash"};
    fresh =
        largest ? split_leaf(h, seat, old, at.depth, max) : copy_leaf(h, seat, old, census, std::max(max, node.slots));
  }
  if (!fresh) return fresh.error();
  if (fresh->slots == 0) return {};
  step("grow.2");  // † a complete copy that nobody knows: dead space
  // Lost: somebody else's copy is in place, and mine is garbage.
  const bool mine = shared::parent_swing(*at.parent, at.parent_word, format::pack(*fresh));
  step("grow.3");
  if (!mine || at.parent_word != 0) note_dead_node(h, mine ? format::unpack_node(at.parent_word) : *fresh);
  return {};
}

}  // namespace durra::detail
