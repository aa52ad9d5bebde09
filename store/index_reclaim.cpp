// Giving index regions back (PROTOCOL.md INDEX REGIONS): a node that was replaced is garbage at once; a region is
// retired when no linked node lies in it.  What little is left in one is copied elsewhere, inner nodes included.
#include <algorithm>
#include <unordered_map>

#include "store/index_node.h"
#include "store/reclaim.h"
#include "store/seat.h"
#include "store/step.h"

namespace durra::detail {
namespace {

using format::NodeWord;
using format::RegionState;
using format::RegionWord;

RegionWord word_of(Handle& h, std::uint64_t r) noexcept {
  return format::unpack(shared::state_load(h.space.descriptor(r).state));
}

// Sealed, and every pin is younger than the sealing: no node in it can be linked any more by somebody who cut it out
// before (H13).
struct Candidate {
  RegionWord word;
  std::uint64_t linked = 0;  // bytes
};
using Candidates = std::unordered_map<std::uint64_t, Candidate>;

bool quiet_since_sealing(Handle& h, std::uint64_t r) noexcept {
  auto& note = h.space.descriptor(r).seal_epoch;
  const std::uint64_t sealed_in = shared::epoch_of(note);
  if (sealed_in == format::kNotSealed) {  // whoever sealed it died before the note: it counts from now
    shared::epoch_note(note, shared::epoch_load(h.space.control()));
    return false;
  }
  move_epoch_past(h, sealed_in);
  return oldest_pin(h) > sealed_in;
}

Candidates find_candidates(Handle& h) {
  Candidates found;
  const std::uint64_t end = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  for (std::uint64_t r = 0; r < end; ++r) {
    const RegionWord w = word_of(h, r);
    if (w.type == format::RegionType::index && w.state == RegionState::sealed && quiet_since_sealing(h, r))
      found.emplace(r, Candidate{w});
  }
  return found;
}

bool is_sound(const Handle& h, const NodeWord& n) noexcept {
  return n.slots != 0 && n.offset % format::kLine == 0 && h.space.in_regions(n.offset) &&
         h.space.at(n.offset, n.slots * 8ull) != nullptr && (!n.inner || n.slots == format::kInnerWords);
}

std::uint64_t bytes_of(const NodeWord& n) noexcept { return format::align_up(n.slots * 8ull, format::kLine); }

// Calls `visit(parent, word, node)` for every linked node, from the top.  False from it: not below this one.  Nodes do
// not overlap: more of them than `left` bytes have room for come from a circle.  False then.
template <class Visit>
bool each_node(Handle& h, std::uint64_t& parent, std::uint32_t depth, std::uint64_t& left, Visit& visit) {
  const std::uint64_t word = shared::parent_load(parent);
  if ((word & ~format::kFreeze) == 0) return true;
  const NodeWord node = format::unpack_node(word);
  if (!is_sound(h, node) || depth > format::kDepthMax) return true;
  if (left < bytes_of(node)) return false;
  left -= bytes_of(node);
  if (!visit(parent, word, node) || !node.inner) return true;
  std::uint64_t* below = words(h, node.offset, format::kInnerWords);
  for (std::uint32_t i = 0; i < format::kInnerWords; ++i)
    if (!each_node(h, below[i], depth + 1, left, visit)) return false;
  return true;
}
template <class Visit>
bool each_node(Handle& h, Visit visit) {
  const std::uint64_t used = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  std::uint64_t left = used * h.space.region_size();
  for (std::uint32_t i = 0; i < h.space.super().root_words; ++i)
    if (!each_node(h, h.space.root(i), 0, left, visit)) return false;
  return true;
}

// A copy of an inner node, its words frozen first: whoever must change one of them meanwhile moves the node too.
Result<NodeWord> copy_inner(Handle& h, LocalSeat& seat, const NodeWord& old) {
  auto space = allocate_node(h, seat, format::kInnerWords * 8ull);
  if (!space) return space.error();
  std::uint64_t* from = words(h, old.offset, format::kInnerWords);
  std::uint64_t* to = words(h, *space, format::kInnerWords);
  for (std::uint32_t i = 0; i < format::kInnerWords; ++i) {
    shared::node_init(to[i], shared::freeze(from[i]) & ~format::kFreeze);
    if (i == 0) step("inner.1a");  // † half frozen: whoever meets it moves the node
  }
  step("inner.1");  // † as before
  return NodeWord{*space, format::kInnerWords, true};
}

std::uint64_t packed_size(const Census& c) noexcept {
  return std::max<std::uint64_t>(format::align_up(c.live + c.live / 4 + 2, 8), format::kLeafSlotsMin);
}

bool is_loose(Handle& h, const NodeWord& n) {
  return !n.inner && packed_size(count({words(h, n.offset, n.slots), n.slots})) * 8 < n.slots * 7ull;
}

Result<NodeWord> copy_leaf(Handle& h, LocalSeat& seat, const NodeWord& old, bool pack) {
  const LeafSlots leaf{words(h, old.offset, old.slots), old.slots};
  const Census census = count(leaf);
  const std::uint64_t wanted = pack || census.dead > census.live ? packed_size(census) : old.slots;
  const auto size = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, old.slots));
  auto space = allocate_node(h, seat, size * 8ull);
  if (!space) return space.error();
  for (const std::uint64_t word : freeze_all(leaf))
    if (!place(words(h, *space, size), size, word)) return NodeWord{};  // filled up while we counted
  return NodeWord{*space, size, false};
}

// The node of `parent` at another place.  False: no space, or somebody changed the parent first.
bool move_node(Handle& h, LocalSeat& seat, std::uint64_t& parent, std::uint64_t word, bool pack) {
  const NodeWord old = format::unpack_node(word);
  const auto fresh = old.inner ? copy_inner(h, seat, old) : copy_leaf(h, seat, old, pack);
  if (!fresh || fresh->slots == 0) return false;
  step("inner.2");  // † a complete copy that nobody knows: dead space
  const bool mine = shared::parent_swing(parent, word, format::pack(*fresh));
  note_dead_node(h, mine ? old : *fresh);
  return mine;
}

}  // namespace

// From the top: a parent word that is frozen itself belongs to a node that must be moved first.
Result<void> finish_inner(Handle& h, LocalSeat& seat, std::uint64_t tag) {
  const auto slot = format::root_slot(tag, h.space.root_bits());
  std::uint64_t* parent = &h.space.root(slot);
  if ((shared::parent_load(*parent) & format::kFreeze) != 0)  // nobody freezes it, and nobody could move it
    return Error{Code::damaged, 0, format::kRootOffset + slot * sizeof *parent, "index root: frozen"};
  for (std::uint32_t depth = 0; depth <= format::kDepthMax; ++depth) {
    const std::uint64_t word = shared::parent_load(*parent);
    const NodeWord node = format::unpack_node(word);
    if (!node.inner || (word & format::kFreeze) != 0 || !is_sound(h, node)) return {};  // the caller looks again
    std::uint64_t* below =
        &words(h, node.offset, format::kInnerWords)[format::inner_slot(tag, h.space.root_bits(), depth + 1)];
    if ((shared::parent_load(*below) & format::kFreeze) != 0) {
      const auto fresh = copy_inner(h, seat, node);
      if (!fresh) return fresh.error();
      const bool mine = shared::parent_swing(*parent, word, format::pack(*fresh));
      note_dead_node(h, mine ? node : *fresh);
      return {};
    }
    parent = below;
  }
  return {};
}

std::uint64_t reclaim_index(Handle& h, LocalSeat& seat, const IndexTidying& how) {
  Candidates found = find_candidates(h);
  if (found.empty()) return 0;
  {
    OperationPin pinned(h, seat);
    if (!pinned) return 0;
    const bool all = each_node(h, [&](std::uint64_t&, std::uint64_t, const NodeWord& n) {
      if (const auto i = found.find(h.space.region_of(n.offset)); i != found.end()) i->second.linked += bytes_of(n);
      return true;
    });
    if (!all) return 0;  // what was not visited may be linked too
    std::uint32_t left = how.nodes;
    each_node(h, [&](std::uint64_t& parent, std::uint64_t word, const NodeWord& n) {
      if (left == 0) return false;
      const auto i = found.find(h.space.region_of(n.offset));
      if (i == found.end()) return true;
      const bool dense = i->second.linked * 256 >= how.share * h.space.region_size();
      if (dense && !(how.pack && is_loose(h, n))) return true;
      if ((word & format::kFreeze) != 0 || !move_node(h, seat, parent, word, how.pack)) return true;
      i->second.linked -= bytes_of(n);
      --left;
      return !n.inner;  // what lay below is below the copy now: the next visit goes there
    });
  }
  std::uint64_t retired = 0;
  for (const auto& [r, c] : found)
    if (c.linked == 0) retired += retire(h, r, c.word);
  return retired;
}

}  // namespace durra::detail
