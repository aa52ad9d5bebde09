// Growth of the index: freeze, copy, swing (PROTOCOL.md INDEX GROWTH).  A death anywhere leaves garbage, never work:
// the frozen leaf stays the truth for readers, and whoever must change it copies it again.
#include <algorithm>
#include <vector>

#include "store/index.h"
#include "store/region_table.h"
#include "store/step.h"

namespace durra::detail {
namespace {

using format::NodeWord;

// `size` bytes of an index region with room, or none: then nobody will find room in it, and it is SEALED.
std::optional<std::uint64_t> cut(Handle& h, std::uint64_t r, std::uint64_t size) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  for (;;) {
    const std::uint64_t state = shared::state_load(d.state);
    auto w = format::unpack(state);
    if (w.state != format::RegionState::open || w.type != format::RegionType::index) return {};
    const std::uint64_t tail = shared::tail_load(d.tail);
    if (tail < format::kRegionData || tail > h.space.region_size() || h.space.region_size() - tail < size) {
      w.state = format::RegionState::sealed;
      shared::state_change(d.state, state, format::pack(w));
      return {};
    }
    if (shared::tail_cut(d.tail, tail, tail + size)) return h.space.region_offset(r) + tail;
  }
}

// An index region that is OPEN but not in use: its claimer died, or lost, before the hint named it.
std::optional<std::uint64_t> find_open(Handle& h) noexcept {
  const std::uint64_t end = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  for (std::uint64_t r = 0; r < end; ++r) {
    const auto w = format::unpack(shared::state_load(h.space.descriptor(r).state));
    if (w.state == format::RegionState::open && w.type == format::RegionType::index) return r;
  }
  return {};
}

// Space for a node: cut from the index region in use, or from the next.  64-byte aligned, all zeros.
Result<std::uint64_t> allocate_node(Handle& h, LocalSeat& seat, std::uint64_t size) {
  size = format::align_up(size, format::kLine);
  auto& hint = h.space.control().index_region;
  for (;;) {
    const std::uint64_t seen = shared::hint_load(hint);
    if (seen != 0 && seen <= h.space.region_count())
      if (const auto at = cut(h, seen - 1, size)) return *at;
    auto next = find_open(h);
    if (!next) {
      auto fresh = claim_index_region(h, seat);
      if (!fresh) return fresh.error();
      next = *fresh;
    }
    step("grow.claim");  // † OPEN, not named by the hint: find_open has it for whoever comes next
    shared::index_swing(hint, seen, *next + 1);  // lost: somebody else's is in use now, and mine is found after it
  }
}

std::uint64_t* words(Handle& h, std::uint64_t offset, std::uint64_t count) noexcept {
  return reinterpret_cast<std::uint64_t*>(h.space.at(offset, count * 8));
}

// Puts `word` into a leaf that nobody else can reach.  False when there is no room.
bool place(std::uint64_t* slots, std::uint32_t count, std::uint64_t word) noexcept {
  const std::uint32_t first = format::first_slot(format::slot_hash_of(word), count);
  for (std::uint32_t probe = 0, i = first; probe < count; ++probe, i = i + 1 == count ? 0 : i + 1)
    if (slots[i] == 0) {
      shared::node_init(slots[i], word);
      return true;
    }
  return false;
}

std::uint32_t leaf_size(std::uint64_t live, std::uint32_t max) noexcept {
  const std::uint64_t wanted = format::align_up(live * 2, 8);
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(wanted, format::kLeafSlotsMin, max));
}

bool live(std::uint64_t bare) noexcept { return bare != 0 && bare != format::kDead; }

struct Old {
  std::uint64_t* slots;
  std::uint32_t count;
};

struct Census {
  std::uint64_t live = 0, dead = 0;
};
Census count(const Old& old) noexcept {
  Census n;
  for (std::uint32_t i = 0; i < old.count; ++i) {
    const std::uint64_t bare = shared::index_load(old.slots[i]) & ~format::kFreeze;
    n.live += live(bare);
    n.dead += bare == format::kDead;
  }
  return n;
}

// Step 1: from here on only the parent word can change what this leaf says.
std::vector<std::uint64_t> freeze_all(const Old& old) {
  std::vector<std::uint64_t> kept;
  kept.reserve(old.count);
  for (std::uint32_t i = 0; i < old.count; ++i) {
    const std::uint64_t bare = shared::freeze(old.slots[i]) & ~format::kFreeze;
    if (live(bare)) kept.push_back(bare);
    if (i == 0) step("grow.1a");  // † half frozen: whoever meets it freezes the rest
  }
  step("grow.1");  // † frozen: whoever meets it copies it
  return kept;
}

// Another leaf in the place of the old one: larger, or swept clean.
Result<NodeWord> copy_leaf(Handle& h, LocalSeat& seat, const Old& old, const Census& census, std::uint32_t max) {
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

std::vector<std::uint64_t> live_words(const Old& old) {
  std::vector<std::uint64_t> kept;
  for (std::uint32_t i = 0; i < old.count; ++i)
    if (const std::uint64_t bare = shared::index_load(old.slots[i]) & ~format::kFreeze; live(bare))
      kept.push_back(bare);
  return kept;
}

// An inner node of 64 words, each with a leaf of its own.  All space comes first (H15): what is frozen in a full store
// could not even be erased from.  The leaves are twice what lives, so that what was added meanwhile fits too.
Result<NodeWord> split_leaf(Handle& h, LocalSeat& seat, const Old& old, std::uint32_t depth, std::uint32_t max) {
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
  Result<NodeWord> fresh = NodeWord{};
  if (at.parent_word == 0) {
    auto space = allocate_node(h, seat, format::kLeafSlotsMin * 8ull);
    if (!space) return space.error();
    fresh = NodeWord{*space, format::kLeafSlotsMin, false};
  } else {
    const NodeWord node = format::unpack_node(at.parent_word);
    const Old old{words(h, node.offset, node.slots), node.slots};
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
  shared::parent_swing(*at.parent, at.parent_word, format::pack(*fresh));  // lost: somebody else's copy is in place
  step("grow.3");
  return {};
}

}  // namespace durra::detail
