// Compaction: what is live in a region that is mostly garbage moves to the tail of another; the region is retired
// (PROTOCOL.md COMPACT).  Victims are chosen by cost and benefit, as in Rosenblum and Ousterhout's log-structured file
// system (SOSP'91) and RAMCloud's cleaner (Rumble et al., FAST'14).
#pragma once
#include <durra/care.h>

#include <algorithm>

#include "store/handle.h"

namespace durra::detail {

// How much of a region must be garbage, by its hint, to be worth the copying of the rest: a share in 256ths.
enum class Worth : std::uint16_t { nearly_all = 240, mostly = 128, some = 16, anything = 1 };

// The room behind the tail of a single data region that is SEALED, as long as it is more than half of it: by a rebuild
// after a power cut, or by a compaction that stopped.  Nobody appends there any more, so it counts as garbage.  Less
// than half: 0, or copies that left as much would be moved again and again.
constexpr std::uint64_t lost_room(const format::RegionWord& w, std::uint64_t region_size, std::uint64_t tail) noexcept {
  const bool movable = w.state == format::RegionState::sealed && w.type == format::RegionType::data && !w.run;
  if (!movable) return 0;
  const std::uint64_t room = region_size - std::min(tail, region_size);
  return room > region_size / 2 ? room : 0;
}

// Chooses a victim and makes it COMPACTING(me): seat.compaction.  False: there is none now.
bool begin_compaction(Handle&, LocalSeat&, Worth) noexcept;

// Goes on with at most `records` records.  Copies go to the tail of seat.region; its room is the caller's to make.
// Precondition: no pin of the caller's own.
enum class CompactionStep : std::uint8_t {
  going_on,
  retired,      // all of it was copied or dead; seat.compaction is over
  no_room,      // seat.region must be another one first
  not_durable,  // a batch must be on the disk first: sync_until, then go on
  no_pin,       // this seat's threads hold too many Records: later, perhaps
  given_up,     // damaged, or nothing could be done about a record: SEALED again, seat.compaction is over
};
CompactionStep compact_some(Handle&, LocalSeat&, std::uint32_t records);

// While one lives, claims of the seat are compaction's own: they may take the last region, and tidy nothing.
class Compacting {
 public:
  explicit Compacting(LocalSeat& seat) noexcept : seat_(seat) { seat_.compacting = true; }
  ~Compacting() { seat_.compacting = false; }
  Compacting(const Compacting&) = delete;

 private:
  LocalSeat& seat_;
};

// COMPACTING → SEALED: what was not copied stays where it is.
void stop_compaction(Handle&, LocalSeat&) noexcept;

// The hints of garbage, which choose the victims, from the index: they are lost with a process that dies, and by a
// rebuild.  A look-up for each record of every region in which something was superseded.  Precondition: no pin.
void recount(Handle&, LocalSeat&) noexcept;
// The same, for writers that would answer `full`: it takes at most a hundredth of this handle's time.  False: not now.
bool recount_sometimes(Handle&, LocalSeat&) noexcept;

}  // namespace durra::detail
