// GET and what a Record knows.  PROTOCOL.md GET: pin, index, bounds, key, stamp; nothing is copied.
#include <durra/care.h>

#include <algorithm>
#include <cstring>

#include "format/codec.h"
#include "store/append.h"
#include "store/seat.h"
#include "store/snapshot.h"
#include "store/stamp.h"

namespace durra::detail {
namespace {

// A pin for `count` Records of this thread.
[[gnu::always_inline]] inline Result<std::uint64_t*> pin_for(Handle& h, std::uint64_t count) {
  if (h.read_only) [[unlikely]]
    return pin_reader(h, count);
  auto seat = home_seat(h);
  if (!seat) return seat.error();
  shared::figure_add((*seat)->shared->gets, count);
  std::uint64_t* cell = pin(h, **seat, count);
  if (cell == nullptr) return too_many_pins();
  return cell;
}

// The answer of a lookup.  `cell` holds one count for it, which an answer without a Record gives back.
Result<Record> answer(Handle& h, const Lookup& at, std::uint64_t* cell) {
  const auto fail = [&](Error e) -> Result<Record> {
    Handle::release_pin(&h, cell);
    return e;
  };
  if (at.found == Found::damaged) return fail(at.error());
  if (at.found != Found::record) return fail(Error{Code::not_found});
  const Shown now = resolve(h, at.record);
  if (now.why != nullptr) return fail(now.error());
  if (!now.record) return fail(Error{Code::not_found});
  if (now.record.shape.kind == format::RecordKind::block)
    return fail(Error{Code::mismatch, 0, now.record.at, "the name belongs to a block"});
  // So that "seen, then synced" holds for it, and no later snapshot shows what stood before it: also of a tombstone.
  fill(h, now.record);
  if (now.record.tombstone()) return fail(Error{Code::not_found});
  return h.make_record(now.record, cell);
}

Result<Record> get(Handle& h, const Key& key) {
  if (h.forked()) [[unlikely]]
    return *h.refuse_read();
  if (key.is_text())
    if (auto no = refuse(key)) return *no;
  const KeyView wanted = view(h, key);
  prefetch_leaf(h, wanted);
  auto cell = pin_for(h, 1);
  if (!cell) [[unlikely]]
    return cell.error();
  RecordRef r;
  if (find_quickly(h, wanted, r) && format::is_put(r.shape.kind) && !r.shape.compressed &&
      shared::stamp_load(r.header->stamp) != 0 &&  // else the check is no check: rot may look like one
      (shared::check_load(r.header->word) & format::kStamped) != 0) [[likely]]
    return h.record_in_place(r, *cell);
  return answer(h, find(h, wanted), *cell);
}

// In groups: index lines of all keys first, then record lines, then the answers, so that the misses of a group overlap.
void get_group(Handle& h, std::span<const Key> keys, std::uint64_t* cell, std::vector<Result<Record>>& out) {
  std::array<KeyView, 16> views;
  for (std::size_t i = 0; i < keys.size(); ++i) prefetch_leaf(h, views[i] = view(h, keys[i]));
  for (std::size_t i = 0; i < keys.size(); ++i) prefetch_record(h, views[i]);
  PinsToTake pins(h, cell, keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (auto no = refuse(keys[i])) {
      Handle::release_pin(&h, pins.take());
      out.emplace_back(*no);
    } else {
      out.push_back(answer(h, find(h, views[i]), pins.take()));
    }
  }
}

std::vector<Result<Record>> get_many(Handle& h, std::span<const Key> keys) {
  std::vector<Result<Record>> out;
  out.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); i += 16) {
    const auto group = keys.subspan(i, std::min<std::size_t>(16, keys.size() - i));
    auto no = h.refuse_read();
    Result<std::uint64_t*> cell = no ? Result<std::uint64_t*>(*no) : pin_for(h, group.size());
    if (cell)
      get_group(h, group, *cell, out);
    else
      for (std::size_t k = 0; k < group.size(); ++k) out.emplace_back(cell.error());
  }
  return out;
}

}  // namespace

Result<Record> Handle::make_record(const RecordRef& r, std::uint64_t* cell) {
  Record out;
  out.header_ = r.bytes();
  out.handle_ = this;
  out.pin_ = cell;
  const auto stored = r.payload();
  out.payload_ = stored.data();
  out.size_ = stored.size();
  if (!r.shape.compressed) [[likely]]
    return out;
  const std::size_t raw = format::raw_size(stored);
  out.unpacked_ = std::make_unique_for_overwrite<std::byte[]>(raw);
  if (raw == 0 || !format::decompress(stored, {out.unpacked_.get(), raw}))
    return Error{Code::damaged, 0, r.at, "compressed payload is not LZ4"};
  out.payload_ = out.unpacked_.get();
  out.size_ = raw;
  return out;
}

}  // namespace durra::detail

namespace durra {
namespace {

const format::RecordHeader& header_at(const std::byte* p) noexcept {
  return *reinterpret_cast<const format::RecordHeader*>(p);
}

}  // namespace

Record::Record(Record&& o) noexcept
    : payload_(o.payload_),
      size_(o.size_),
      header_(o.header_),
      handle_(std::exchange(o.handle_, nullptr)),
      pin_(o.pin_),
      unpacked_(std::move(o.unpacked_)) {}

Record& Record::operator=(Record&& o) noexcept {
  if (this == &o) return *this;
  this->~Record();
  return *new (this) Record(std::move(o));
}

Record::~Record() {
  if (handle_ != nullptr) detail::Handle::release_pin(handle_, pin_);
}

bool Record::is_text() const noexcept { return format::unpack_shape(header_at(header_).shape).key_size != 0; }

std::string_view Record::key() const& noexcept {
  const auto shape = format::unpack_shape(header_at(header_).shape);
  return {reinterpret_cast<const char*>(header_ + format::header_size(shape)), shape.key_size};
}

std::uint64_t Record::id() const noexcept {
  return is_text() ? 0 : format::id_of(header_at(header_).tag, handle_->space.seed());
}

Stamp Record::stamp() const noexcept {
  auto& h = *reinterpret_cast<format::RecordHeader*>(const_cast<std::byte*>(header_));
  if (const std::uint64_t stamp = shared::stamp_load(h.stamp); stamp != 0) [[likely]]
    return static_cast<Stamp>(stamp);
  detail::RecordRef r;  // a read-only handle cannot copy the stamp of a batch into its records
  const auto at = static_cast<std::uint64_t>(header_ - handle_->space.base());
  const bool found = !handle_->forked() && handle_->space.locate(at, r) == nullptr;
  return static_cast<Stamp>(found && format::in_batch(r.shape.kind) ? detail::stamp_in_batch(*handle_, r) : 0);
}

bool Record::erased() const noexcept {
  return format::is_tombstone(format::unpack_shape(header_at(header_).shape).kind);
}

Result<void> Record::intact() const {
  if (auto no = handle_->refuse_read()) return *no;
  const auto at = static_cast<std::uint64_t>(header_ - handle_->space.base());
  detail::RecordRef r;
  if (const auto why = handle_->space.locate(at, r)) return Error{Code::damaged, 0, at, why};
  if (!r.body_intact()) return Error{Code::damaged, 0, at, "record checksum mismatch"};
  return {};
}

FileRange file_range(const Record& r) {
  const std::byte* const base = r.handle_->space.base();
  const auto shape = format::unpack_shape(header_at(r.header_).shape);
  const auto at = static_cast<std::uint64_t>(r.header_ - base);
  return {at + format::payload_start(shape, at), shape.payload_size, shape.compressed};
}

Result<Record> Store::get(Key key) const { return detail::get(*handle_, key); }
std::vector<Result<Record>> Store::get_many(std::span<const Key> keys) const {
  return detail::get_many(*handle_, keys);
}

}  // namespace durra
