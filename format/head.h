// The head of the file: superblock (never changes after creation) and control block (shared words).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "format/layout.h"

namespace durra::format {

inline constexpr std::uint64_t kMagic = 0x0a1a0a0d61727564ULL;  // "dura\r\n\x1a\n" as bytes of a little-endian word
inline constexpr std::uint32_t kByteOrder = 0x01020304;
inline constexpr std::uint64_t kControlOffset = kSectionAlign;
inline constexpr std::uint64_t kSeatsOffset = 2 * kSectionAlign;
inline constexpr std::uint64_t kRootOffset = kControlOffset + 4096;  // index root: root_words × 8 bytes

// Feature words: a build refuses a file with an unknown incompatible flag, and refuses to write one with an unknown
// flag of the second kind; unknown compatible flags are ignored.  None is defined in format 0.
inline constexpr std::uint64_t kFeaturesIncompatKnown = 0;
inline constexpr std::uint64_t kFeaturesReadOnlyKnown = 0;

// Written once, before the file has a name.  Read by: every opener, into a private copy.
struct Superblock {
  std::uint64_t magic;                  //   0
  std::uint32_t version;                //   8
  std::uint32_t byte_order;             //  12
  std::uint64_t features_compatible;    //  16
  std::uint64_t features_incompatible;  //  24
  std::uint64_t features_read_only;     //  32  unknown: may be read, not written
  std::array<std::uint8_t, 16> uuid;    //  40
  std::uint64_t created_ns;             //  56  UTC, since 1970
  std::uint64_t region_size;            //  64  bytes, a power of two
  std::uint64_t region_count;           //  72  how many regions the file may ever have
  std::uint32_t seat_count;             //  80
  std::uint32_t root_words;             //  84  a power of two
  std::uint64_t seats_offset;           //  88
  std::uint64_t descriptors_offset;     //  96
  std::uint64_t regions_offset;         // 104
  std::uint64_t layout_fingerprint;     // 112  of all structures of this folder as compiled
  std::array<std::uint64_t, 16> zero;   // 120
  std::uint64_t check;                  // 248  XXH3 of bytes [0, 248), seed 0
};
static_assert(sizeof(Superblock) == 256);
static_assert(offsetof(Superblock, uuid) == 40 && offsetof(Superblock, region_size) == 64 &&
              offsetof(Superblock, seat_count) == 80 && offsetof(Superblock, seats_offset) == 88 &&
              offsetof(Superblock, layout_fingerprint) == 112 && offsetof(Superblock, check) == 248);

// What the creator chooses; everything else in the superblock follows.
struct Geometry {
  std::uint64_t region_size;
  std::uint64_t max_size;  // bytes of regions, rounded down to whole ones
  std::uint32_t seat_count;
};

// Null when a file can be made of it.
Why check(const Geometry&) noexcept;

// A complete superblock for a fresh file.  Precondition: check(geometry) is null.
Superblock make_superblock(const Geometry&, const std::array<std::uint8_t, 16>& uuid,
                           std::uint64_t created_ns) noexcept;

// How a file's first bytes are judged, in this order.
enum class SuperblockVerdict { valid, not_durra, other_version, other_byte_order, unknown_feature, damaged };
struct SuperblockCheck {
  SuperblockVerdict verdict;
  Why why;                // null when valid
  std::uint64_t offset;   // of the field that decides
  bool writable = false;  // valid, and no unknown features_read_only flag
};
SuperblockCheck check(const Superblock&) noexcept;

std::uint64_t layout_fingerprint() noexcept;

// Where the regions end: the length of the address space a process reserves.
constexpr std::uint64_t file_size_max(const Superblock& s) noexcept {
  return s.regions_offset + s.region_count * s.region_size;
}
// The least length of a file that can be opened: all of the control block must be there.
constexpr std::uint64_t file_size_min() noexcept { return kSeatsOffset; }

// The kernel's names for this file at this place (PROTOCOL.md OPEN 3).  Valid iff check agrees.
struct Identity {
  std::array<std::uint8_t, 16> boot_id;  //   0
  std::uint64_t mount_id;                //  16  STATX_MNT_ID_UNIQUE; 0: this kernel has none
  std::uint64_t device;                  //  24
  std::uint64_t inode;                   //  32
  std::uint64_t birth_ns;                //  40
  std::uint32_t handle_type;             //  48
  std::uint32_t handle_size;             //  52  0: this file system has no inode handles
  std::array<std::uint8_t, 128> handle;  //  56
  std::uint64_t check;                   // 184  XXH3 of bytes [0, 184), seed: the store's
};
static_assert(sizeof(Identity) == 192);
static_assert(offsetof(Identity, handle) == 56 && offsetof(Identity, check) == 184);

// The control block: one cache line per word that several processes change.  Every field is accessed through
// store/shared.h only.
struct Control {
  // Regions [0, region_hint) may be in use; never too low for a region that holds something published.
  alignas(64) std::uint64_t region_hint;   //    0
  alignas(64) std::uint64_t epoch;         //   64  starts at 1
  alignas(64) std::uint64_t clock;         //  128  C, starts at 1
  alignas(64) std::uint64_t free_hint;     //  192  no region below is FREE, or somebody will lower it
  std::uint64_t partial_hint;              //  200  about how many regions are PARTIAL; a hint
  std::uint64_t index_region;              //  208  number + 1 of the region that index nodes are cut from; a hint
  alignas(64) std::uint64_t gen_floor;     //  256  a region's life starts at a generation not below
  alignas(64) std::uint64_t sync_request;  //  320
  alignas(64) std::uint64_t sync_done;     //  384
  std::uint64_t sync_begun_ns;             //  392  CLOCK_MONOTONIC when the running flush began; 0: none runs; a hint
  std::uint64_t sync_usual_ns;             //  400  how long a flush takes; a hint
  std::uint64_t syncs;                     //  408  flushes that succeeded; for people
  std::uint64_t synced_ns;                 //  416  UTC of the last of them; for people
  std::uint32_t sync_bell;                 //  424  futex word of those who wait for a flush; odd = somebody may
  std::uint32_t sync_zero;                 //  428
  alignas(64) std::uint64_t sync_error;    //  448  {request:48 | errno:16}; 0 = none
  std::uint64_t sync_doubts;               //  456  how often it became doubtful what the page cache holds
  std::uint64_t sync_certain;              //  464  how many of these doubts a later flush has ended
  alignas(64) std::array<std::uint32_t, 16> futex;  //  512
  alignas(64) std::uint64_t clean;                  //  576  kDirty or kClean; changed under the RECOVER lock
  std::uint64_t rebuilds;                           //  584  how often the index was rebuilt; for people
  std::uint64_t named;                              //  592  1: the file's name is known to be on the disk
  alignas(64) Identity identity;                    //  640
};
static_assert(sizeof(Control) == 832);
static_assert(offsetof(Control, free_hint) == 192 && offsetof(Control, gen_floor) == 256 &&
              offsetof(Control, sync_done) == 384 && offsetof(Control, sync_error) == 448 &&
              offsetof(Control, futex) == 512 && offsetof(Control, clean) == 576 && offsetof(Control, identity) == 640);
// Null when clock, epoch, gen_floor and the sync tickets have room to move on: beyond their ends stamps, generations
// and tickets would begin again.
Why check(const Control&) noexcept;

// sync_error of the flush that was begun for `request` and failed with this errno.
constexpr std::uint64_t sync_error(std::uint64_t request, int errno_value) noexcept {
  return request << 16 | (static_cast<std::uint64_t>(errno_value) & 0xffff);
}

inline constexpr std::uint64_t kDirty = 0;
inline constexpr std::uint64_t kClean = 0x6e61656c63;

std::uint64_t identity_check(const Identity&, std::uint64_t store_seed) noexcept;

}  // namespace durra::format
