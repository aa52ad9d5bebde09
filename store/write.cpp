// The writing half of the public face: checks of arguments, compression, drafts.
#include <cstring>

#include "format/codec.h"
#include "store/append.h"
#include "store/region_table.h"

namespace durra::detail {
namespace {

std::uint8_t log2_of(std::uint32_t power) noexcept { return static_cast<std::uint8_t>(std::countr_zero(power)); }

[[gnu::always_inline]] inline Change change(Handle& h, const Key& key, format::RecordKind kind,
                                            std::uint64_t payload_size, std::uint32_t align) {
  Change c;
  c.key = view(h, key);
  c.durability = h.durability;
  c.shape = {payload_size, static_cast<std::uint32_t>(c.key.text.size()), kind, log2_of(align), false, false};
  return c;
}

Result<Stamp> put(Handle& h, const Key& key, std::span<const std::byte> bytes, const Put& how,
                  std::optional<Stamp> seen) {
  if (auto no = refuse(h, key, bytes.size(), how.align)) return *no;
  if (how.durability) [[unlikely]]
    if (auto no = refuse_how(h, how)) return *no;
  const auto small = how.compress ? packed(bytes) : std::vector<std::byte>{};
  const auto stored = small.empty() ? bytes : std::span<const std::byte>(small);
  Change c = change(h, key, format::RecordKind::put, stored.size(), how.align);
  c.shape.compressed = !small.empty();
  c.durability = how.durability.value_or(h.durability);
  c.payload = stored;
  if (seen) c.expected = static_cast<std::uint64_t>(*seen);
  return append(h, c);
}

Result<void> erase(Handle& h, const Key& key, std::optional<Stamp> seen) {
  if (auto no = refuse(key)) return *no;
  Change c = change(h, key, format::RecordKind::tombstone, 0, 8);
  c.must_exist = true;
  if (seen) c.expected = static_cast<std::uint64_t>(*seen);
  auto done = append(h, c);
  if (!done) return done.error();
  return {};
}

}  // namespace

std::optional<Error> refuse_how(const Handle& h, const Put& how) noexcept {
  const Durability d = how.durability.value_or(h.durability);
  if (d == Durability::power && h.is_volatile)
    return Error{Code::unsupported, 0, 0, "this file system's files do not survive a power cut"};
  if (d == Durability::interval && h.durability != d)
    return Error{Code::unsupported, 0, 0, "only a handle opened with Durability::interval has the thread that syncs"};
  return {};
}

std::vector<std::byte> packed(std::span<const std::byte> raw) {
  std::vector<std::byte> out(std::min(format::compress_bound(raw.size()), raw.size()));
  out.resize(format::compress(raw, out));
  return out;
}

// A draft occupies a seat and writes beyond the tail of the seat's region: nobody sees it, nothing waits for it, and a
// death leaves bytes that the next owner writes over.
struct DraftState {
  DraftState(Handle& h, ExclusiveSeat s) noexcept : handle(&h), seat(std::move(s)) { h.refer(); }
  ~DraftState() {
    if (handle->forked()) return;
    if (has_run(*handle, **seat) && !seat->refuse_evicted()) leave_region(*handle, **seat);
    seat.reset();
    Handle::unrefer(handle);
  }
  Handle* handle;
  std::optional<ExclusiveSeat> seat;
  std::string key;
  Change change;
  Laid laid{};
};

namespace {

Result<Draft> draft(Handle& h, const Key& key, std::size_t size, const Put& how) {
  if (auto no = h.refuse_write()) return *no;
  if (auto no = refuse(h, key, size, how.align)) return *no;
  if (auto no = refuse_how(h, how)) return *no;
  if (how.compress) return Error{Code::invalid, 0, 0, "a draft is written in place and cannot be compressed"};
  auto seat = ExclusiveSeat::take(h);
  if (!seat) return seat.error();
  auto d = std::make_unique<DraftState>(h, *std::move(seat));
  d->change = change(h, key, format::RecordKind::put, size, how.align);
  d->change.durability = how.durability.value_or(h.durability);
  if (d->change.durability != Durability::process) (**d->seat).fine = true;
  d->key = d->change.key.text;  // the caller's string need not outlive this call
  d->change.key.text = d->key;
  if (auto room = make_room(h, **d->seat, size_bound(d->change.shape)); !room) return room.error();
  d->laid = lay(h, **d->seat, d->change);
  return h.make_draft(std::move(d));
}

}  // namespace

Draft Handle::make_draft(std::unique_ptr<DraftState> state) noexcept {
  Draft d;
  d.state_ = std::move(state);
  return d;
}

}  // namespace durra::detail

namespace durra {

Draft::Draft(Draft&&) noexcept = default;
Draft& Draft::operator=(Draft&&) noexcept = default;
Draft::~Draft() = default;

std::span<std::byte> Draft::bytes() & noexcept { return detail::writable_payload(state_->laid.record); }

Result<Stamp> Draft::publish() && {
  const auto state = std::move(state_);
  if (auto no = state->handle->refuse_write()) return *no;
  if (auto no = state->seat->refuse_evicted()) return *no;
  state->seat->order();  // this may be another thread than the one that drafted
  return detail::publish(*state->handle, **state->seat, state->change, state->laid);
}

Result<Stamp> Store::put(Key key, Bytes bytes, const Put& how) {
  return detail::put(*handle_, key, bytes.span(), how, {});
}
Result<Stamp> Store::put_if(Key key, Bytes bytes, Stamp seen, const Put& how) {
  return detail::put(*handle_, key, bytes.span(), how, seen);
}
Result<void> Store::erase(Key key) { return detail::erase(*handle_, key, {}); }
Result<void> Store::erase_if(Key key, Stamp seen) { return detail::erase(*handle_, key, seen); }
Result<Draft> Store::draft(Key key, std::size_t size, const Put& how) {
  return detail::draft(*handle_, key, size, how);
}

}  // namespace durra
