// Batches: what a reader sees of one, and how one is decided.  All records of a batch become versions by one change of
// one word, the decision of its envelope (PROTOCOL.md BATCH; format/batch.h has the bytes).
#pragma once
#include "store/seat.h"
#include "store/stamp.h"

namespace durra::detail {

// What counts for a key: a version (maybe a tombstone), nothing (`record` is null), or damage.
struct Shown {
  RecordRef record;
  format::Why why = nullptr;
  std::uint64_t offset = 0;
  Error error() const noexcept { return Error{Code::damaged, 0, offset, why}; }
};

// ---- Reading.  Precondition: pinned. --------------------------------------------------------------------------------
// The out-of-line halves of what follows; `head` is of a batch.
Shown resolve_batch(const Handle&, const RecordRef& head, const std::uint64_t* instant) noexcept;
Result<RecordRef> newest_of_batch(Handle&, LocalSeat&, const RecordRef& head);

// What readers see of the key whose index word names `head`: itself, or what stood before a batch that is not (yet)
// fixed.  Never waits: one step back at most.
inline Shown resolve(const Handle& h, const RecordRef& head) noexcept {
  if (!format::in_batch(head.shape.kind)) [[likely]]
    return {head};
  return resolve_batch(h, head, nullptr);
}
// The same for a snapshot at `time`: a pending batch can only be fixed later than it from now on.
inline Shown resolve_at(const Handle& h, const RecordRef& head, std::uint64_t time) noexcept {
  if (!format::in_batch(head.shape.kind)) [[likely]]
    return {head};
  return resolve_batch(h, head, &time);
}
// As a writer sees it: a pending batch is decided first.  Null: nothing.  Errors: damaged.
inline Result<RecordRef> newest(Handle& h, LocalSeat& seat, const RecordRef& head) {
  if (!format::in_batch(head.shape.kind)) [[likely]]
    return head;
  return newest_of_batch(h, seat, head);
}

// The stamp of a batch record as its envelope decided it, 0 if that is not FIXED; copies it into the record if the
// handle may write.  A record's own copy proves nothing after a power cut: a rebuild asks here.
std::uint64_t stamp_in_batch(const Handle&, const RecordRef&) noexcept;

// The stamp of a record that is a version, else 0: what stamp_if_certain says of singles.  For walks over regions.
inline std::uint64_t stamp_if_version(const Handle& h, const RecordRef& r) noexcept {
  if (format::in_batch(r.shape.kind)) return stamp_in_batch(h, r);
  return format::is_keyed(r.shape.kind) ? stamp_if_certain(r) : 0;
}

// Whether the text of a version's key is not what was written: who passes it over by its key asks first.  What a power
// cut broke, and a rebuild made void, may have lost its key, and is no version.
inline bool has_rotten_key(const Handle& h, const RecordRef& r) noexcept {
  const auto key = r.key();
  return !key.empty() && format::tag_of(key, h.space.seed()) != r.tag() && stamp_if_version(h, r) != 0;
}

// ---- Deciding.  Precondition: pinned. -------------------------------------------------------------------------------
// Null, and the envelope of a batch record; or why it has none.
format::Why envelope_of(const Handle&, const RecordRef&, RecordRef& envelope) noexcept;
// What an envelope says of its batch, judged.
format::Why contents_of(const RecordRef& envelope, format::Envelope& out) noexcept;

bool is_pending(const RecordRef& envelope) noexcept;
// Installs what is not yet installed of a pending batch, in the order of its keys, and decides it.  By its owner and by
// every writer who meets it.  Afterwards it is decided; an error says why this call decided against it.
Result<void> help(Handle&, LocalSeat&, const RecordRef& envelope);
// Decides against a batch, if it is still pending.
void abort_batch(const RecordRef& envelope, format::Verdict why) noexcept;
// What is left to do for a decided batch: its check, and the copies of its stamp.
void finish_batch(const Handle&, const RecordRef& envelope) noexcept;
// For the reaper of a dead seat: decides and finishes what it was about to do.
void reap_batch(Handle&, std::uint32_t seat) noexcept;

}  // namespace durra::detail
