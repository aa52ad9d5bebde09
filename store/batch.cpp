// Reading and finishing batches.
#include "store/batch.h"

#include <cstring>

#include "format/walk.h"
#include "store/stamp.h"
#include "store/step.h"

namespace durra::detail {
namespace {

using format::Verdict;

struct Decision {
  std::uint64_t word = 0;
  format::Why why = nullptr;
  Verdict verdict() const noexcept { return format::verdict_of(word); }
};

// The check first: it is stored after the decision that it is of.
Decision decision_of(const RecordRef& envelope) noexcept {
  const std::uint64_t check = shared::check_load(envelope.header->word);
  const std::uint64_t word = shared::decision_load(envelope.header->stamp);
  const bool final = (check & format::kStamped) != 0;
  if (final && !format::stamp_valid(word, check, envelope.region_seed, envelope.at))
    return {word, "batch decision: checksum mismatch"};
  if (format::verdict_of(word) == Verdict::none) return {word, "batch decision: not one"};
  return {word};
}

// No decision is acted upon before its check is there: else a rebuild would find less than somebody has seen.
void certify(const Handle& h, const RecordRef& envelope, std::uint64_t word) noexcept {
  if (h.read_only || (shared::check_load(envelope.header->word) & format::kStamped) != 0) return;
  shared::check_store(envelope.header->word, format::stamp_check(word, envelope.region_seed, envelope.at));
  step("batch.check");  // † the copies of the stamp: by whoever meets a record without
}

void copy_stamp(const Handle& h, const RecordRef& r, std::uint64_t stamp) noexcept {
  if (h.read_only || (shared::check_load(r.header->word) & format::kStamped) != 0) return;
  shared::stamp_decide(r.header->stamp, stamp);
  step("batch.copy");  // † stamped without its check: the next who meets it ends here too
  shared::check_store(r.header->word, format::stamp_check(stamp, r.region_seed, r.at));
}

constexpr std::uint64_t stamp_of(std::uint64_t fixed) noexcept { return format::value_of(fixed) << 16; }

// The version that a batch record was to supersede.
Shown before(const Handle& h, const RecordRef& r) noexcept {
  const std::uint64_t prev = shared::helped_prev_load(r.header->prev);
  Shown s;
  if (prev == 0) return s;
  s.why = h.space.locate(prev, s.record);
  s.offset = prev;
  if (s.why != nullptr) return s;
  const bool its = s.record.tag() == r.tag() && s.record.key() == r.key();
  if (!its || (format::in_batch(s.record.shape.kind) && fill(h, s.record) == 0)) s.why = "chain of versions is broken";
  return s;
}

}  // namespace

format::Why envelope_of(const Handle& h, const RecordRef& r, RecordRef& envelope) noexcept {
  const std::uint64_t back = r.link().envelope;
  if (back > r.at) return "batch record: no envelope";
  if (const auto why = h.space.locate(r.at - back, envelope)) return why;
  const bool its = envelope.region_seed == r.region_seed && back >= format::kEnvelopeSize &&
                   format::pack(envelope.shape) == format::pack(format::kEnvelopeShape);
  return its ? nullptr : "batch record: no envelope";
}

format::Why contents_of(const RecordRef& envelope, format::Envelope& out) noexcept {
  if (format::pack(envelope.shape) != format::pack(format::kEnvelopeShape)) return "batch: no envelope";
  std::memcpy(&out, envelope.payload().data(), sizeof out);
  if (!envelope.body_intact()) return "record checksum mismatch";
  return out.count >= 1 && out.count <= format::kBatchCountMax ? nullptr : "envelope: no such count";
}

Shown resolve_batch(const Handle& h, const RecordRef& head, const std::uint64_t* instant) noexcept {
  if (stamp_if_certain(head) != 0) return {head};
  RecordRef envelope;
  if (const auto why = envelope_of(h, head, envelope)) return {{}, why, head.at};
  for (;;) {
    const Decision d = decision_of(envelope);
    if (d.why != nullptr) return {{}, d.why, envelope.at};
    if (d.verdict() == Verdict::fixed) {
      certify(h, envelope, d.word);
      copy_stamp(h, head, stamp_of(d.word));
      return {head};
    }
    const bool push = d.verdict() == Verdict::pending && instant != nullptr && format::value_of(d.word) <= *instant;
    if (!push) return before(h, head);
    shared::decision_change(envelope.header->stamp, d.word, format::decision(Verdict::pending, *instant + 1));
    step("snapshot.push");  // † pending as before, only later
  }
}

std::uint64_t stamp_in_batch(const Handle& h, const RecordRef& r) noexcept {
  RecordRef envelope;
  if (envelope_of(h, r, envelope) != nullptr) return 0;
  const Decision d = decision_of(envelope);
  if (d.why != nullptr || d.verdict() != Verdict::fixed) return 0;
  certify(h, envelope, d.word);
  if ((shared::check_load(envelope.header->word) & format::kStamped) == 0) return 0;  // a read-only handle: not certain
  copy_stamp(h, r, stamp_of(d.word));
  return stamp_of(d.word);
}

Result<RecordRef> newest_of_batch(Handle& h, LocalSeat& seat, const RecordRef& head) {
  if (stamp_if_certain(head) == 0) {
    RecordRef envelope;
    if (const auto why = envelope_of(h, head, envelope)) return Error{Code::damaged, 0, head.at, why};
    (void)help(h, seat, envelope);  // decided, either way: why it was decided against is its owner's trouble
  }
  const Shown now = resolve_batch(h, head, nullptr);
  if (now.why != nullptr) return now.error();
  return now.record;
}

bool is_pending(const RecordRef& envelope) noexcept {
  const Decision d = decision_of(envelope);
  return d.why == nullptr && d.verdict() == Verdict::pending;
}

void abort_batch(const RecordRef& envelope, format::Verdict why) noexcept {
  for (;;) {
    const Decision d = decision_of(envelope);
    if (d.why != nullptr || d.verdict() != Verdict::pending) return;
    if (shared::decision_change(envelope.header->stamp, d.word, format::decision(why))) break;
  }
  step("batch.abort");  // † aborted
}

void finish_batch(const Handle& h, const RecordRef& envelope) noexcept {
  const Decision d = decision_of(envelope);
  if (d.why != nullptr || d.verdict() == Verdict::pending) return;
  certify(h, envelope, d.word);
  format::Envelope e;
  if (d.verdict() != Verdict::fixed || contents_of(envelope, e) != nullptr) return;
  std::uint64_t at = envelope.at + format::kEnvelopeSize;
  for (std::uint64_t i = 0; i < e.count; ++i) {
    RecordRef r;
    if (h.space.locate(at, r) != nullptr || !format::in_batch(r.shape.kind)) return;
    copy_stamp(h, r, stamp_of(d.word));
    at += r.size();
  }
}

void reap_batch(Handle& h, std::uint32_t seat) noexcept {
  std::uint64_t& noted = h.space.seat(seat).batch;
  const std::uint64_t at = shared::batch_load(noted);
  if (at == 0) return;
  RecordRef envelope;
  if (h.space.in_regions(at) && h.space.locate(at, envelope) == nullptr) {
    // Only what lies below the tail of a region that the dead one still has: nothing else can be its batch.
    const std::uint64_t r = h.space.region_of(at);
    const auto w = format::unpack(shared::state_load(h.space.descriptor(r).state));
    const bool its = w.state == format::RegionState::open && w.type == format::RegionType::data && w.owner == seat;
    if (its && at - h.space.region_offset(r) < shared::tail_load(h.space.descriptor(r).tail)) {
      abort_batch(envelope, Verdict::reaped);
      finish_batch(h, envelope);
    }
  }
  step("reap.2");  // † decided; the next reaper finds it so
  shared::batch_note(noted, 0);
  step("reap.2b");
}

}  // namespace durra::detail
