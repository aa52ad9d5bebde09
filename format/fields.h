// Every field of every structure of the file, with the offset and size the compiler gave it.  The superblock carries a
// fingerprint of this table, and a test compares FORMAT.md with it.
#pragma once
#include <cstddef>
#include <cstdint>

#include "format/batch.h"
#include "format/block.h"
#include "format/head.h"
#include "format/record.h"
#include "format/region.h"
#include "format/seat.h"
#include "format/tail.h"

namespace durra::format {

struct Field {
  const char* structure;
  const char* name;
  std::uint32_t offset;
  std::uint32_t size;
};

#define DURRA_FIELD(S, f) \
  Field { #S, #f, offsetof(S, f), sizeof(S::f) }

inline constexpr Field kFields[] = {
    DURRA_FIELD(Superblock, magic),
    DURRA_FIELD(Superblock, version),
    DURRA_FIELD(Superblock, byte_order),
    DURRA_FIELD(Superblock, features_compatible),
    DURRA_FIELD(Superblock, features_incompatible),
    DURRA_FIELD(Superblock, features_read_only),
    DURRA_FIELD(Superblock, uuid),
    DURRA_FIELD(Superblock, created_ns),
    DURRA_FIELD(Superblock, region_size),
    DURRA_FIELD(Superblock, region_count),
    DURRA_FIELD(Superblock, seat_count),
    DURRA_FIELD(Superblock, root_words),
    DURRA_FIELD(Superblock, seats_offset),
    DURRA_FIELD(Superblock, descriptors_offset),
    DURRA_FIELD(Superblock, regions_offset),
    DURRA_FIELD(Superblock, layout_fingerprint),
    DURRA_FIELD(Superblock, zero),
    DURRA_FIELD(Superblock, check),

    DURRA_FIELD(Control, region_hint),
    DURRA_FIELD(Control, epoch),
    DURRA_FIELD(Control, clock),
    DURRA_FIELD(Control, free_hint),
    DURRA_FIELD(Control, partial_hint),
    DURRA_FIELD(Control, index_region),
    DURRA_FIELD(Control, gen_floor),
    DURRA_FIELD(Control, sync_request),
    DURRA_FIELD(Control, sync_done),
    DURRA_FIELD(Control, sync_begun_ns),
    DURRA_FIELD(Control, sync_usual_ns),
    DURRA_FIELD(Control, syncs),
    DURRA_FIELD(Control, synced_ns),
    DURRA_FIELD(Control, sync_bell),
    DURRA_FIELD(Control, sync_zero),
    DURRA_FIELD(Control, sync_error),
    DURRA_FIELD(Control, sync_doubts),
    DURRA_FIELD(Control, sync_certain),
    DURRA_FIELD(Control, futex),
    DURRA_FIELD(Control, clean),
    DURRA_FIELD(Control, rebuilds),
    DURRA_FIELD(Control, named),
    DURRA_FIELD(Control, identity),

    DURRA_FIELD(Identity, boot_id),
    DURRA_FIELD(Identity, mount_id),
    DURRA_FIELD(Identity, device),
    DURRA_FIELD(Identity, inode),
    DURRA_FIELD(Identity, birth_ns),
    DURRA_FIELD(Identity, handle_type),
    DURRA_FIELD(Identity, handle_size),
    DURRA_FIELD(Identity, handle),
    DURRA_FIELD(Identity, check),

    DURRA_FIELD(Seat, state),
    DURRA_FIELD(Seat, batch),
    DURRA_FIELD(Seat, sync),
    DURRA_FIELD(Seat, beat_ns),
    DURRA_FIELD(Seat, pins),
    DURRA_FIELD(Seat, pid),
    DURRA_FIELD(Seat, tid),
    DURRA_FIELD(Seat, since_ns),
    DURRA_FIELD(Seat, command),
    DURRA_FIELD(Seat, pinned_since_ns),
    DURRA_FIELD(Seat, puts),
    DURRA_FIELD(Seat, gets),
    DURRA_FIELD(Seat, erases),
    DURRA_FIELD(Seat, conflicts),
    DURRA_FIELD(Seat, bytes),
    DURRA_FIELD(Seat, claims),

    DURRA_FIELD(Descriptor, state),
    DURRA_FIELD(Descriptor, tail),
    DURRA_FIELD(Descriptor, settled),
    DURRA_FIELD(Descriptor, synced),
    DURRA_FIELD(Descriptor, stamp_max),
    DURRA_FIELD(Descriptor, run),
    DURRA_FIELD(Descriptor, piece),
    DURRA_FIELD(Descriptor, retire_epoch),
    DURRA_FIELD(Descriptor, gate),
    DURRA_FIELD(Descriptor, seal_epoch),
    DURRA_FIELD(Descriptor, dead),
    DURRA_FIELD(Descriptor, may_hold_dead),
    DURRA_FIELD(Descriptor, sealed_ns),

    DURRA_FIELD(RegionHeader, magic),
    DURRA_FIELD(RegionHeader, generation),
    DURRA_FIELD(RegionHeader, number),
    DURRA_FIELD(RegionHeader, type),
    DURRA_FIELD(RegionHeader, run),
    DURRA_FIELD(RegionHeader, birth_ns),
    DURRA_FIELD(RegionHeader, zero),
    DURRA_FIELD(RegionHeader, check),

    DURRA_FIELD(RecordHeader, head_check),
    DURRA_FIELD(RecordHeader, body_check),
    DURRA_FIELD(RecordHeader, shape),
    DURRA_FIELD(RecordHeader, tag),
    DURRA_FIELD(RecordHeader, prev),
    DURRA_FIELD(RecordHeader, stamp),
    DURRA_FIELD(RecordHeader, word),

    DURRA_FIELD(TailPosition, store),
    DURRA_FIELD(TailPosition, generation),
    DURRA_FIELD(TailPosition, seat),
    DURRA_FIELD(TailPosition, whole),
    DURRA_FIELD(TailPosition, stamp),
    DURRA_FIELD(TailPosition, id),

    DURRA_FIELD(BatchLink, envelope),
    DURRA_FIELD(BatchLink, expected),

    DURRA_FIELD(Envelope, count),
    DURRA_FIELD(Envelope, size),
    DURRA_FIELD(Envelope, whole),

    DURRA_FIELD(BlockHead, type),
    DURRA_FIELD(BlockHead, dtype),
    DURRA_FIELD(BlockHead, rank),
    DURRA_FIELD(BlockHead, shape),
};

#undef DURRA_FIELD

}  // namespace durra::format
