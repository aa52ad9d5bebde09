// Blocks: memory in the file that stays where it is (PROTOCOL.md BLOCKS).  Made like any record, in regions of their
// own that are never compacted; kept, beyond their name, by whoever has them open.
#pragma once
#include <string>
#include <vector>

#include "format/block.h"
#include "store/append.h"

namespace durra::detail {

// ---- Names ----------------------------------------------------------------------------------------------------------
struct OpenBlock {
  std::byte* memory;
  std::uint64_t size;    // bytes
  std::uint64_t region;  // held: give it to release_hold
  format::BlockHead head;
};
// What an opener without a block there wants: a new one, of zeros and what `fill` writes into them.
struct NewBlock {
  format::BlockHead head;
  std::uint64_t size;  // bytes
  std::uint32_t align;
  std::function<void(std::span<std::byte>)> fill;
};
// Attaches to the block of that name, or makes it if nobody has.  Errors: `mismatch` when there is one of another head
// or size, both in the message; `invalid`, `too_large` for what is wanted; `full`, `io`, `damaged`.
Result<OpenBlock> open_block(Handle&, std::string_view name, const NewBlock&);
// Attaches to what is there: `not_found`; `mismatch` if its type or dtype is another than that of `like`.
Result<OpenBlock> attach_block(Handle&, std::string_view name, const format::BlockHead& like);
Result<OpenBlock> attach_block(Handle&, std::string_view name);
void release_hold(Handle&, std::uint64_t region) noexcept;
// The name goes at once; the space when nobody has the block open any more.  `not_found`.
Result<void> drop_block(Handle&, std::string_view name);
// Of all that are there and begin so.
struct NamedBlock {
  std::string name;
  format::BlockHead head;
};
Result<std::vector<NamedBlock>> blocks(Handle&, std::string_view prefix);

// What of a block's record never changes.  Precondition: its kind.
format::BlockHead head_of(const RecordRef&) noexcept;

// ---- Making ---------------------------------------------------------------------------------------------------------
// The whole of PUT for a change with a block's head.  `fill` finds zeros.
Result<Stamp> append_block(Handle&, const Change&);

// ---- Reclaim --------------------------------------------------------------------------------------------------------
// Somebody, in any process, has a block of this region open.
bool is_held(const Handle&, std::uint64_t region) noexcept;
// Regions whose blocks have all lost their names → RETIRED.  Those whose hint says so, or with `all` each is looked
// through.  Returns how many.  Precondition: the caller holds no pin.
std::uint64_t retire_blocks(Handle&, LocalSeat&, bool all) noexcept;

}  // namespace durra::detail
