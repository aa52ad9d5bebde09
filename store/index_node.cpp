// Space for nodes, and what growth and reclaim do with a leaf.
#include "store/index_node.h"

#include <algorithm>

#include "store/region_table.h"
#include "store/step.h"

namespace durra::detail {
namespace {

// What was never cut out is as it was claimed: zeros.
bool is_untouched(const std::byte* p, std::uint64_t size) noexcept {
  return std::all_of(p, p + size, [](std::byte b) { return b == std::byte{0}; });
}

// `size` bytes of an index region with room, or none: then nobody will find room in it, and it is SEALED.
std::optional<std::uint64_t> cut(Handle& h, std::uint64_t r, std::uint64_t size) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  for (;;) {
    const std::uint64_t state = shared::state_load(d.state);
    auto w = format::unpack(state);
    if (w.state != format::RegionState::open || w.type != format::RegionType::index) return {};
    const std::uint64_t tail = shared::tail_load(d.tail);
    const bool fits = tail >= format::kRegionData && tail % format::kLine == 0 && tail <= h.space.region_size() &&
                      h.space.region_size() - tail >= size;
    if (!fits || h.space.at(h.space.region_offset(r) + tail, size) == nullptr) {  // null: the file was cut short
      w.state = format::RegionState::sealed;
      if (shared::state_change(d.state, state, format::pack(w)))  // † kNotSealed: noted by whoever wants to reclaim it
        shared::epoch_note(d.seal_epoch, shared::epoch_load(h.space.control()));
      return {};
    }
    if (!shared::tail_cut(d.tail, tail, tail + size)) continue;
    const std::uint64_t at = h.space.region_offset(r) + tail;
    if (is_untouched(h.space.base() + at, size)) return at;
    shared::tail_cut(d.tail, tail + size, h.space.region_size());  // its tail has rotted: nothing more is cut from it
  }
}

// An index region that is OPEN but not in use: its claimer died, or lost, before the hint named it.
std::optional<std::uint64_t> find_open(Handle& h) noexcept {
  const std::uint64_t end = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  for (std::uint64_t r = 0; r < end; ++r) {
    const std::uint64_t state = shared::state_load(h.space.descriptor(r).state);
    const auto w = format::unpack(state);
    if (w.state != format::RegionState::open || w.type != format::RegionType::index) continue;
    if (format::intact(state)) return r;  // not by a bit that rotted: what another writes to would be cut up
  }
  return {};
}

}  // namespace

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

void note_dead_node(Handle& h, const format::NodeWord& n) noexcept {
  format::Descriptor& d = h.space.descriptor(h.space.region_of(n.offset));
  shared::hint_add(d.dead, format::align_up(n.slots * 8ull, format::kLine));
}

Census count(const LeafSlots& old) noexcept {
  Census n;
  for (std::uint32_t i = 0; i < old.count; ++i) {
    const std::uint64_t bare = shared::index_load(old.slots[i]) & ~format::kFreeze;
    n.live += live(bare);
    n.dead += bare == format::kDead;
  }
  return n;
}

std::vector<std::uint64_t> freeze_all(const LeafSlots& old) {
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

}  // namespace durra::detail
