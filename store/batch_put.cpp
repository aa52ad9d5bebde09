// BATCH as its owner does it: room, pin, lay everything down behind an envelope, note it, tail, help, finish.
// PROTOCOL.md BATCH has what a death leaves.
#include <algorithm>
#include <bit>
#include <cstring>

#include "store/append.h"
#include "store/batch.h"
#include "store/batch_ops.h"
#include "store/region_table.h"
#include "store/stamp.h"
#include "store/step.h"
#include "store/sync.h"
#include "store/tidy.h"

namespace durra::detail {
namespace {

using format::Verdict;

// A change with the payload as it will be stored.
struct Item {
  BatchOp op;
  format::Shape shape;
  std::vector<std::byte> small;  // the payload, if it was compressed
  std::span<const std::byte> stored() const noexcept { return small.empty() ? op.payload : small; }
};

std::vector<Item> items_of(const std::vector<BatchOp>& ops, const Put& how) {
  std::vector<Item> items;
  items.reserve(ops.size());
  for (const BatchOp& op : ops) {
    Item& i = items.emplace_back();
    i.op = op;
    if (how.compress && !op.erase) i.small = packed(op.payload);
    i.shape.payload_size = i.stored().size();
    i.shape.key_size = static_cast<std::uint32_t>(op.key.text.size());
    i.shape.kind = op.erase ? format::RecordKind::batch_tombstone : format::RecordKind::batch_put;
    i.shape.align_log2 = static_cast<std::uint8_t>(op.erase ? 3 : std::countr_zero(how.align));
    i.shape.compressed = !i.small.empty();
  }
  return items;
}

// Bytes that the batch takes wherever it lands.  Only the first gap depends on where it begins, for from there on all
// alignments count from one that is at least as strict.
std::uint64_t room_for(const std::vector<Item>& items, std::uint32_t align) noexcept {
  std::uint64_t at = format::kRegionData + format::kEnvelopeSize;
  for (const Item& i : items) at += format::record_size(i.shape, at);
  return at - format::kRegionData + (align > 8 ? align : 0);
}

// The batch at the tail of the seat's region, complete but for nobody to see.
struct LaidBatch {
  RecordRef envelope;
  std::uint64_t end;  // region-relative
};
LaidBatch lay_batch(Handle& h, const LocalSeat& seat, const std::vector<Item>& items) noexcept {
  const OpenRegion& region = *seat.region;
  const RecordRef envelope = lay_at(h, region, region.tail, {0, {}}, format::kEnvelopeShape);
  const std::uint64_t begin = region.tail + format::kEnvelopeSize;
  format::Hash64 whole(envelope.region_seed + envelope.at);
  std::uint64_t inside = begin;
  for (const Item& i : items) {
    const RecordRef r = lay_at(h, region, inside, i.op.key, i.shape);
    const format::BatchLink link{r.at - envelope.at, i.op.expected.value_or(format::kUnconditional)};
    auto* bytes = reinterpret_cast<std::byte*>(r.header);
    std::memcpy(bytes + format::kRecordHeaderSize, &link, sizeof link);
    const auto payload = i.stored();
    if (!payload.empty()) std::memcpy(writable_payload(r).data(), payload.data(), payload.size());
    seal(r);
    whole.update(bytes, format::kWholePiece);
    inside += r.size();
  }
  const format::Envelope e{items.size(), inside - begin, whole.digest()};
  std::memcpy(writable_payload(envelope).data(), &e, sizeof e);
  seal(envelope);
  shared::draft_store(envelope.header->prev, seat.last_stamp);
  shared::draft_store(envelope.header->stamp, format::decision(Verdict::pending));
  return {envelope, inside};
}

// From the note in the seat to its end, whatever ends it: decided, finished, settled, forgotten, in this order.
class InFlight {
 public:
  InFlight(Handle& h, LocalSeat& seat, const LaidBatch& laid) noexcept
      : handle_(h), seat_(seat), descriptor_(h.space.descriptor(seat.region->number)), laid_(laid) {
    shared::batch_note(seat.shared->batch, laid.envelope.at);
    step("batch.3");  // † nothing below tail: forgotten
    shared::tail_store(descriptor_.tail, laid.end);
    seat.region->tail = laid.end;
    step("batch.4");  // † pending, and nobody has seen it: the reaper decides against it
  }
  ~InFlight() {
    abort_batch(laid_.envelope, Verdict::full);  // only after an exception
    finish_batch(handle_, laid_.envelope);
    step("batch.7");  // † the same once more
    shared::tail_store(descriptor_.settled, laid_.end);
    shared::batch_note(seat_.shared->batch, 0);
    step("batch.8");
  }
  InFlight(const InFlight&) = delete;

 private:
  Handle& handle_;
  LocalSeat& seat_;
  format::Descriptor& descriptor_;
  const LaidBatch laid_;
};

// What became of it: `mine` is what this process met, but somebody else may have decided.
Result<void> outcome(const RecordRef& envelope, const Result<void>& mine) noexcept {
  const auto is = [&](Code c) { return !mine && mine.error().code == c; };
  switch (format::verdict_of(shared::decision_load(envelope.header->stamp))) {
    case Verdict::fixed: return {};
    case Verdict::conflict: return is(Code::conflict) ? mine : Error{Code::conflict, 0, 0, "another version is there"};
    case Verdict::full: return is(Code::full) ? mine : Error{Code::full, 0, 0, "no space for the index to grow"};
    case Verdict::reaped: return Error{Code::evicted, 0, 0, "this seat was taken for a dead one's"};
    case Verdict::mismatched: return Error{Code::mismatch, 0, 0, "a name belongs to a block"};
    default: return mine ? Error{Code::damaged, 0, envelope.at, "a key of the batch could not be reached"} : mine;
  }
}

// What surely fails is not written: a condition that does not hold linearizes at the look.
Result<void> look_first(Handle& h, LocalSeat& seat, const std::vector<Item>& items) {
  OperationPin pinned(h, seat);
  if (!pinned) return too_many_pins();
  for (const Item& i : items) {
    if (!i.op.expected) continue;
    const Lookup at = find(h, i.op.key);
    if (at.found == Found::damaged) return at.error();
    Result<RecordRef> now = at.record ? newest(h, seat, at.record) : RecordRef{};
    if (!now) return now.error();
    const auto stamp = *now ? version(h, *now) : 0;
    if (!stamp) return no_version(*now);
    if (*stamp != *i.op.expected) return Error{Code::conflict, 0, *stamp, "another version is there"};
  }
  return {};
}

Result<void> publish(Handle& h, LocalSeat& seat, const std::vector<Item>& items) {
  OperationPin pinned(h, seat);
  if (!pinned) return too_many_pins();
  const LaidBatch laid = lay_batch(h, seat, items);
  step("batch.2");  // † bytes beyond tail: the next owner writes over them
  Result<void> done;
  {
    const InFlight flight(h, seat, laid);
    const auto helped = help(h, seat, laid.envelope);
    done = outcome(laid.envelope, helped);
  }
  if (done) seat.last_stamp = format::value_of(shared::decision_load(laid.envelope.header->stamp)) << 16;
  return done;
}

void count(LocalSeat& seat, const std::vector<Item>& items, const Result<void>& done) noexcept {
  format::Seat& s = *seat.shared;
  if (!done) {
    if (done.error().code == Code::conflict) shared::figure_add(s.conflicts, 1);
    return;
  }
  for (const Item& i : items) {
    shared::figure_add(i.op.erase ? s.erases : s.puts, 1);
    shared::figure_add(s.bytes, i.shape.payload_size);
  }
}

Result<void> put_batch(Handle& h, const Batch& batch, const Put& how) {
  if (auto no = h.refuse_write()) return *no;
  if (auto no = refuse_how(h, how)) return *no;
  const auto ops = BatchOps::sorted(h, batch, how.align);
  if (!ops) return ops.error();
  if (ops->empty()) return {};
  const auto items = items_of(*ops, how);
  const std::uint64_t room = room_for(items, how.align);
  const std::uint64_t limit = h.space.region_count() * h.space.region_size() / 4;
  if (room > limit) return Error{Code::too_large, 0, limit, "the batch is too large"};

  auto seat = ExclusiveSeat::take(h);
  if (!seat) return seat.error();
  const auto conditional = [](const Item& i) { return i.op.expected.has_value(); };
  const auto erases = [](const Item& i) { return i.op.erase; };
  Result<void> done;
  if (std::any_of(items.begin(), items.end(), conditional)) done = look_first(h, **seat, items);
  if (!done) {
    count(**seat, items, done);
  } else {
    const Durability durability = how.durability.value_or(h.durability);
    if (durability != Durability::process) (**seat).fine = true;
    const bool frees = std::all_of(items.begin(), items.end(), erases);
    if (auto made = make_room(h, **seat, room, frees ? Reserve::use : Reserve::keep); !made) return made;
    done = publish(h, **seat, items);
    count(**seat, items, done);
    // What a position says was seen is as durable as what was made of it (H20).
    const bool everything = durability == Durability::power &&
                            std::any_of(ops->begin(), ops->end(), [](const BatchOp& op) { return op.is_position(); });
    if (done) done = everything ? sync_until(h, **seat, take_ticket(h)) : make_durable(h, **seat, durability);
    if (has_run(h, **seat)) leave_region(h, **seat);
    if ((*seat)->compaction) tidy_a_little(h, **seat);
  }
  return done;
}

}  // namespace
}  // namespace durra::detail

namespace durra {

Result<void> Store::put(const Batch& batch, const Put& how) { return detail::put_batch(*handle_, batch, how); }

}  // namespace durra
