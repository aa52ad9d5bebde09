// A region: a fixed slice of the file, the unit of ownership, of reclaim and of damage.  Its state lives in a dense
// table of descriptors; the region itself begins with a small header that survives the loss of the table.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "format/checksum.h"
#include "format/layout.h"

namespace durra::format {

enum class RegionState : std::uint8_t {
  free = 0,        // nobody's; its bytes may be punched out
  claimed = 1,     // being made ready by its owner
  open = 2,        // its owner appends (index: anyone does, by CAS on tail)
  partial = 3,     // like sealed, but the next claimer may go on at tail
  sealed = 4,      // no longer appended to
  compacting = 5,  // its owner copies what is live out of it
  retired = 6,     // nothing refers to it; free once no pin is older and what superseded it is durable
  body = 7,        // the second or a later region of a run
};
enum class RegionType : std::uint8_t { data = 0, index = 1, block = 2 };

// The state word: {state 3 | type 2 | flag 1 | owner 10 | generation 40 | crc8 8}, low bits first.  All zero = FREE,
// generation 0, never used.  The crc covers the other 56 bits.
struct RegionWord {
  RegionState state = RegionState::free;
  RegionType type = RegionType::data;
  bool run = false;  // the head of a run of several regions, or a part of one
  std::uint32_t owner = 0;
  std::uint64_t generation = 0;
  friend bool operator==(const RegionWord&, const RegionWord&) = default;
};
inline constexpr std::uint64_t kGenerationMax = (1ull << 40) - 1;
// By so much gen_floor rises where lives may have been forgotten: by a rebuild, in a copy.  Odd, so that also the low
// 16 bits, the tags of words, differ from one time to the next.
inline constexpr std::uint64_t kGenerationJump = (1ull << 20) + 1;
std::uint64_t pack(const RegionWord&) noexcept;
RegionWord unpack(std::uint64_t word) noexcept;
bool intact(std::uint64_t word) noexcept;  // the crc agrees and no field is out of its range

// Parts of the packed word, for the path of every get.
constexpr std::uint64_t generation_of(std::uint64_t word) noexcept { return word >> 16 & kGenerationMax; }
constexpr bool is_run(std::uint64_t word) noexcept { return (word >> 5 & 1) != 0; }
// Data or block, in a state from OPEN to RETIRED.
constexpr bool may_hold_records(std::uint64_t word) noexcept {
  const std::uint64_t state = word & 7, type = word >> 3 & 3;
  return state >= 2 && state <= 6 && type != static_cast<std::uint64_t>(RegionType::index);
}

// A word that belongs to one life of a region: {generation low 16 | value 48}.  Of another life it counts as 0.
constexpr std::uint64_t tagged(std::uint64_t generation, std::uint64_t value) noexcept {
  return generation << 48 | value;
}
constexpr std::uint64_t untag(std::uint64_t word, std::uint64_t generation) noexcept {
  return word >> 48 == (generation & 0xffff) ? word & 0xffff'ffff'ffffULL : 0;
}

struct Descriptor {
  // Line 1: the owner's.
  alignas(64) std::uint64_t state;  //   0  RegionWord
  std::uint64_t tail;               //   8  bytes from the region's start; nothing beyond is ever stamped
  std::uint64_t settled;            //  16  records below need no help
  std::uint64_t synced;             //  24  tagged offset/8: below is durable
  std::uint64_t stamp_max;          //  32  stamp_bound of every stamp in it, once sealed; a hint
  std::uint64_t run;                //  40  tagged number of regions in this run (head only)
  std::uint64_t piece;              //  48  tagged bytes: its pages came in pieces of so many; a hint; 0: of regions
  // Line 2: everybody's.
  alignas(64) std::uint64_t retire_epoch;  //  64
  std::uint64_t gate;                      //  72  tagged sync ticket
  std::uint64_t seal_epoch;                //  80
  std::uint64_t dead;                      //  88  tagged bytes superseded; a hint
  std::uint64_t may_hold_dead;             //  96  nothing_dead(generation) until a record of it is to be superseded
  std::uint64_t sealed_ns;                 // 104  coarse UTC time, a hint
};
static_assert(sizeof(Descriptor) == 128);
static_assert(offsetof(Descriptor, run) == 40 && offsetof(Descriptor, piece) == 48 &&
              offsetof(Descriptor, retire_epoch) == 64 && offsetof(Descriptor, may_hold_dead) == 96);

// seal_epoch of a region that nobody has noted the sealing of (an index region is sealed by whoever finds it full).
inline constexpr std::uint64_t kNotSealed = ~0ull;

// may_hold_dead of a region in which nothing was superseded.  Any other word, rot included, says that something may be.
constexpr std::uint64_t nothing_dead(std::uint64_t generation) noexcept { return mix64(generation); }

// The same of a region out of which compaction has moved something: then a version may be there twice.
constexpr std::uint64_t moved_from(std::uint64_t generation) noexcept { return ~mix64(generation); }

// stamp_max of a region that nobody appends to any more: no t of a stamp in it is greater.  Whoever read all of it may
// say so; the low bits are a check against rot and older lives.  Any other word: not known.
constexpr std::uint64_t stamp_bound(std::uint64_t generation, std::uint64_t time) noexcept {
  return time << 16 | ((mix64(time) ^ mix64(generation)) & 0xffff);
}

inline constexpr std::uint64_t kRegionMagic = 0x6e6f696765727564ULL;  // "duregion" as bytes of a little-endian word
inline constexpr std::uint64_t kRegionData = 64;                      // where records, nodes or a block begin

// The first bytes of a region (of a run: of its head).  Written at claim, before the state becomes OPEN.
struct RegionHeader {
  std::uint64_t magic;       //   0
  std::uint64_t generation;  //   8
  std::uint64_t number;      //  16
  std::uint64_t type;        //  24  RegionType
  std::uint64_t run;         //  32  regions in this run, at least 1
  std::uint64_t birth_ns;    //  40  coarse UTC time
  std::uint64_t zero;        //  48
  std::uint64_t check;       //  56  XXH3 of bytes [0, 56), seed: the region's
};
static_assert(sizeof(RegionHeader) == kRegionData);
static_assert(offsetof(RegionHeader, check) == 56);

RegionHeader make_region_header(std::uint64_t store_seed, std::uint64_t number, std::uint64_t generation, RegionType,
                                std::uint64_t run, std::uint64_t birth_ns) noexcept;
// Null iff valid for region `number` of this store, with `run` regions not past `region_count`.
Why check(const RegionHeader&, std::uint64_t store_seed, std::uint64_t number, std::uint64_t region_count) noexcept;

const char* name(RegionState) noexcept;
const char* name(RegionType) noexcept;

}  // namespace durra::format
