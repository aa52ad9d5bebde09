// Nodes of the index from the inside: where they are cut from, and the pieces that growth and reclaim are made of.
#pragma once
#include <vector>

#include "store/index.h"

namespace durra::detail {

// Space for a node: cut from the index region in use, or from the next.  64-byte aligned, all zeros.
Result<std::uint64_t> allocate_node(Handle&, LocalSeat&, std::uint64_t size);

// The words of a node at an offset that is known to be good.
std::uint64_t* words(Handle&, std::uint64_t offset, std::uint64_t count) noexcept;

struct LeafSlots {
  std::uint64_t* slots;
  std::uint32_t count;
};
inline bool live(std::uint64_t bare) noexcept { return bare != 0 && bare != format::kDead; }

// Puts `word` into a leaf that nobody else can reach.  False when there is no room.
bool place(std::uint64_t* slots, std::uint32_t count, std::uint64_t word) noexcept;

std::uint32_t leaf_size(std::uint64_t live, std::uint32_t max) noexcept;

struct Census {
  std::uint64_t live = 0, dead = 0;
};
Census count(const LeafSlots&) noexcept;

// Step 1 of a replacement: from here on only the parent word can change what this leaf says.  Returns what is live.
std::vector<std::uint64_t> freeze_all(const LeafSlots&);

// An inner node on the way to `tag` has frozen words: somebody is, or died, moving it.  Moves it.
Result<void> finish_inner(Handle&, LocalSeat&, std::uint64_t tag);

// The node was replaced: its bytes are garbage.
void note_dead_node(Handle&, const format::NodeWord&) noexcept;

}  // namespace durra::detail
