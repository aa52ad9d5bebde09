// Two decisions of OPEN as data: may the index in the file be trusted, and what does a rebuild do with each region.
// Every input meets exactly one row; tests enumerate them all, and compare the rows with FORMAT.md.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "format/head.h"
#include "format/region.h"

namespace durra::format {

// What a row asks of one yes-or-no input.
enum class Ask : std::uint8_t { any, no, yes };

// ---- REBUILD: one region -----------------------------------------------------------------------------------------
// The in-place header against the descriptor.  `ended` means invalid, or of a life that is over: see life_floor.
enum class Life : std::uint8_t { ended, same, newer };
enum class Action : std::uint8_t {
  free,          // nothing in it counts
  parse,         // the header's life, up to the first bad record: whatever follows is a torn tail
  parse_strict,  // as parse, but a bad record below `synced` is damage
  damage,        // the open fails: something durable may be gone
};
struct RegionEvidence {
  bool crc_ok;  // intact(state word)
  Life life;
  bool index;   // the header says so; without meaning when `ended`
  bool used;    // see below
  bool synced;  // something was durable: `synced` > 0 for the descriptor's generation
};
struct RegionRow {
  Ask crc_ok;
  std::optional<Life> life;  // nullopt: any
  Ask index, used, synced;
  Action action;
  const char* reason;
};
std::span<const RegionRow> region_rows() noexcept;
bool matches(const RegionRow&, const RegionEvidence&) noexcept;
Action decide(const RegionEvidence&) noexcept;

// The least generation of a life that may still count.  FREE ends its own generation too: its gate has passed.
constexpr std::uint64_t life_floor(const RegionWord& w) noexcept {
  return w.generation + (w.state == RegionState::free ? 1 : 0);
}
// What a rebuild needs to know of one region.  `d`: a private copy; `header`: null when invalid (check(RegionHeader)).
// `used`: records or blocks that an appender, or nobody, had; RETIRED is not, for its successors may have taken over.
RegionEvidence evidence(const Descriptor& d, const RegionHeader* header) noexcept;

// ---- OPEN: the index ---------------------------------------------------------------------------------------------
enum class Trust : std::uint8_t {
  warm,       // a living participant proves that file and page cache are continuous
  clean,      // everybody left in order and wrote everything back, into this very file
  same_boot,  // this kernel has had this file at this place ever since the index was last used
  rebuild,    // from the records
  refuse,     // a rebuild was asked for while somebody lives: `busy`
};
struct OpenEvidence {
  bool lived_in = false;   // a seat is LIVE and its byte is held by another
  bool asked = false;      // Options::rebuild
  bool touched = false;    // the file changed after its participants' last beat: restored in place?
  bool same_file = false;  // same_file(stored, now)
  bool clean = false;      // Control::clean is kClean
  bool same_boot = false;  // same_boot(stored, now)
};
struct TrustRow {
  Ask lived_in, asked, touched, same_file, clean, same_boot;
  Trust trust;
  const char* reason;
};
std::span<const TrustRow> trust_rows() noexcept;
bool matches(const TrustRow&, const OpenEvidence&) noexcept;
Trust decide(const OpenEvidence&) noexcept;

// The inode is the one that wrote `stored`: no copy, no other file under its number.  False without inode handles.
bool same_file(const Identity& stored, const Identity& now, std::uint64_t store_seed) noexcept;
// Also the mount is: no remount, no reboot since.  False where the kernel has no unique mount ids.
bool same_boot(const Identity& stored, const Identity& now, std::uint64_t store_seed) noexcept;

// No page of this file that a failed flush left clean, and not on the disk, can still be cached: another boot, or
// another inode, whose pages were all read or written anew.  False when nobody can tell.
bool other_cache(const Identity& stored, const Identity& now, std::uint64_t store_seed) noexcept;

const char* name(Life) noexcept;
const char* name(Action) noexcept;
const char* name(Trust) noexcept;

}  // namespace durra::format
