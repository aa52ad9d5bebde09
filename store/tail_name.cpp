// The name of a tail: who has it and where it is, one record under a key of the library's own.
//
// Only the holder changes the record, each time on the condition that it is still as it left it; so one who was taken
// for dead cannot undo what its successor did, not even by a batch that somebody else finishes for it.
#include <cstring>

#include "format/tail.h"
#include "store/append.h"
#include "store/batch_ops.h"
#include "store/holder.h"
#include "store/stamp.h"
#include "store/sync.h"
#include "store/tail.h"

namespace durra::detail {
namespace {

constexpr std::size_t kNameMax = format::kKeySizeMax - format::kTailKey.size();

std::string key_of(std::string_view name) { return std::string(format::kTailKey).append(name); }

// The record as it is.
struct Saved {
  Stamp stamp = absent;
  Holder holder;
  Position position;
};

Result<Saved> parse(const Handle& h, const RecordRef& r) {
  const auto bytes = r.payload();
  format::TailPosition p;
  if (bytes.size() < sizeof p || bytes.size() > sizeof p + format::kKeySizeMax)
    return Error{Code::damaged, 0, r.at, "position of a tail: size"};
  std::memcpy(&p, bytes.data(), sizeof p);
  const auto text = bytes.subspan(sizeof p);
  Saved s;
  s.position = {p.stamp, p.whole != 0, !text.empty(), p.id,
                std::string(reinterpret_cast<const char*>(text.data()), text.size())};
  if (p.store == h.space.seed()) s.holder = {p.seat, p.generation};  // else of another file: nobody holds it here
  return s;
}

Result<Saved> load(Handle& h, const std::string& key) {
  auto seat = home_seat(h);
  if (!seat) return seat.error();
  OperationPin pinned(h, **seat);
  if (!pinned) return too_many_pins();
  const Lookup head = find(h, view(h, key));
  if (head.found == Found::damaged) return head.error();
  if (head.found != Found::record) return Saved{};
  const Shown now = resolve(h, head.record);
  if (now.why != nullptr) return now.error();
  if (!now.record) return Saved{};
  const std::uint64_t stamp = fill(h, now.record);
  if (now.record.tombstone()) return Saved{};
  if (!now.record.body_intact()) return Error{Code::damaged, 0, now.record.at, "record checksum mismatch"};
  auto saved = parse(h, now.record);
  if (saved) saved->stamp = static_cast<Stamp>(stamp);
  return saved;
}

std::string bytes_of(const Handle& h, const Holder& holder, const Position& at) {
  const format::TailPosition p{h.space.seed(), holder.generation, holder.seat, at.whole, at.stamp, at.id};
  return std::string(reinterpret_cast<const char*>(&p), sizeof p) + at.text;
}

Result<Stamp> store(Handle& h, const std::string& key, const std::string& bytes, Stamp seen) {
  Change c;
  c.key = view(h, key);
  c.shape = {.payload_size = bytes.size(), .key_size = static_cast<std::uint32_t>(key.size())};
  c.payload = std::as_bytes(std::span(bytes));
  c.expected = static_cast<std::uint64_t>(seen);
  if (h.durability == Durability::interval) c.durability = h.durability;  // `power` waits in save_position
  return append(h, c);
}

std::optional<Error> refuse_name(std::string_view name) noexcept {
  if (name.empty()) return Error{Code::invalid, 0, 0, "a tail's name needs at least 1 byte"};
  if (name.size() > kNameMax) return Error{Code::too_large, 0, kNameMax, "the tail's name is too long"};
  return {};
}

// The record, if it is still this tail's.
Result<Saved> own(const TailState& t) {
  auto saved = load(*t.handle, t.key);
  if (saved && (saved->holder.seat != t.seat || saved->holder.generation != t.seat_generation))
    return Error{Code::busy, 0, living_stranger(*t.handle, saved->holder).value_or(0), "another tail has the name now"};
  return saved;
}

Result<void> take(TailState& t) {
  Handle& h = *t.handle;
  const auto self = me(h);
  if (!self) return self.error();
  for (;;) {
    auto saved = load(h, t.key);
    if (!saved) return saved.error();
    if (const auto pid = living_stranger(h, saved->holder))
      return Error{Code::busy, 0, *pid, "a living tail has the name"};
    saved = load(h, t.key);  // after the last holder was reaped: what a batch of it decided is in it (H21)
    if (!saved) return saved.error();
    t.reached = t.shown = saved->position;
    auto done = store(h, t.key, bytes_of(h, *self, saved->position), saved->stamp);
    if (!done && done.error().code == Code::conflict) continue;
    if (!done && done.error().code != Code::sync_lost) return done.error();
    t.seat = self->seat;  // also where the record may not survive a power cut: it is there, and to be given back
    t.seat_generation = self->generation;
    if (!done) return done.error();
    return {};
  }
}

}  // namespace

Result<void> take_name(TailState& t, std::string_view name) {
  if (auto no = refuse_name(name)) return *no;
  std::string key = key_of(name);
  if (!enter_name(*t.handle, key)) return Error{Code::busy, 0, os::pid(), "a living tail has the name"};
  t.key = std::move(key);
  return take(t);
}

Result<void> save_position(TailState& t) {
  Handle& h = *t.handle;
  if (auto no = h.refuse_write()) return *no;
  if (t.key.empty()) return Error{Code::invalid, 0, 0, "a tail without a name has no place for its position"};
  auto saved = own(t);
  if (!saved) return saved.error();
  const auto bytes = bytes_of(h, {t.seat, t.seat_generation}, t.shown);
  auto done = store(h, t.key, bytes, saved->stamp);
  if (!done && done.error().code == Code::full && t.pin != nullptr) {  // perhaps for our own sake
    unpin(t);
    done = store(h, t.key, bytes, saved->stamp);
  }
  if (!done && done.error().code == Code::conflict) return Error{Code::busy, 0, 0, "another tail has the name now"};
  if (!done) return done.error();
  if (h.durability == Durability::power) return sync_until(h, take_ticket(h));  // with what was shown (H20)
  return {};
}

void save_position(const TailState& t, Batch& batch) {
  const Handle& h = *t.handle;
  if (t.key.empty() || h.forked()) return;
  // What stands in the way of this must stand in the way of the batch: no version has this stamp.
  constexpr Stamp kNever{1};
  const auto saved = own(t);
  const std::string bytes = bytes_of(h, {t.seat, t.seat_generation}, t.shown);
  const Bytes payload(bytes);
  BatchOps::add(batch, t.key, &payload, saved ? saved->stamp : kNever, true);
}

void give_name_back(TailState& t) noexcept {
  try {
    auto saved = t.seat_generation != 0 ? own(t) : Error{Code::not_found};
    if (saved) (void)store(*t.handle, t.key, bytes_of(*t.handle, {}, saved->position), saved->stamp);
  } catch (const std::bad_alloc&) {  // it stays ours until the handle is closed, as on a full disk
  }
  leave_name(*t.handle, t.key);
}

}  // namespace durra::detail
