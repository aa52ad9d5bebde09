// Names of blocks: attach or make, hold, drop, list.
#include "store/block.h"

#include <cstring>

#include "store/batch.h"
#include "store/describe.h"
#include "store/reap.h"
#include "store/seat.h"
#include "store/snapshot.h"
#include "store/stamp.h"
#include "store/step.h"
#include "store/tidy.h"

namespace durra::detail {
namespace {

constexpr std::size_t kNameMax = format::kKeySizeMax - format::kBlockKey.size();

std::string key_of(std::string_view name) { return std::string(format::kBlockKey).append(name); }

std::optional<Error> refuse_name(std::string_view name) noexcept {
  if (name.empty()) return Error{Code::invalid, 0, 0, "a name needs at least 1 byte"};
  if (name.size() > kNameMax) return Error{Code::too_large, 0, kNameMax, "the name is too long"};
  return {};
}

std::optional<Error> refuse(const Handle& h, const NewBlock& b) noexcept {
  const std::uint64_t limit = std::min(format::kPayloadSizeMax, h.space.region_count() * h.space.region_size() / 4);
  if (b.size == 0) return Error{Code::invalid, 0, 0, "a block has at least 1 byte"};
  if (b.size > limit) return Error{Code::too_large, 0, limit, "the block is too large"};
  if (!format::power_of_two(b.align) || b.align < 8 || b.align > format::kAlignMax)
    return Error{Code::invalid, 0, b.align, "align is a power of two from 8 to 4,096"};
  return {};
}

// The block that has the name now, null if there is none.  Precondition: pinned.
Result<RecordRef> look_up(Handle& h, const KeyView& key) {
  const Lookup at = find(h, key);
  if (at.found == Found::damaged) return at.error();
  if (at.found != Found::record) return RecordRef{};
  const Shown now = resolve(h, at.record);
  if (now.why != nullptr) return now.error();
  if (!now.record) return RecordRef{};
  fill(h, now.record);
  if (now.record.tombstone()) return RecordRef{};
  if (now.record.shape.kind != format::RecordKind::block)
    return Error{Code::damaged, 0, now.record.at, "the name of a block belongs to a record"};
  if (!now.record.body_intact()) return Error{Code::damaged, 0, now.record.at, "record checksum mismatch"};
  return now.record;
}

bool take_hold(Handle& h, std::uint64_t region) {
  const std::lock_guard guard(h.holds.mutex);
  if (const auto hold = h.holds.regions.find(region); hold != h.holds.regions.end()) return ++hold->second.count, true;
  auto byte = os::HeldByte::take(h.file, h.path, format::kLockHold + region, h.space.region_offset(region),
                                 os::Access::read_write, os::Lock::shared);
  if (!byte || !*byte) return false;
  h.holds.regions.emplace(region, Holds::Hold{*std::move(byte), 1});
  return true;
}

// BLOCKS 3 to 5: hold, then look again.  A freer looks at the name's head before it retires the region, and at the lock
// before it frees it; one of the two sees the other.  Null: no block has the name.
Result<std::optional<OpenBlock>> attach(Handle& h, const KeyView& key) {
  auto seat = home_seat(h);
  if (!seat) return seat.error();
  const OperationPin pinned(h, **seat);
  if (!pinned) return too_many_pins();
  for (;;) {
    const auto r = look_up(h, key);
    if (!r) return r.error();
    if (!*r) return std::optional<OpenBlock>{};
    const std::uint64_t region = h.space.home_of(r->at);
    if (!take_hold(h, region)) return Error{Code::io, 0, 0, "the block cannot be held: no lock"};
    step("block.hold");  // † the lock goes with the process
    shared::reclaim_fence();
    const auto again = look_up(h, key);
    if (again && again->at == r->at)
      return OpenBlock{writable_payload(*r).data(), r->shape.payload_size, region, head_of(*r)};
    release_hold(h, region);
    if (!again) return again.error();
  }
}

Change change(Handle& h, const std::string& key, format::RecordKind kind) {
  Change c;
  c.key = view(h, key);
  c.shape.key_size = static_cast<std::uint32_t>(key.size());
  c.shape.kind = kind;
  c.durability = h.durability;
  return c;
}

Result<Stamp> make(Handle& h, const std::string& key, const NewBlock& wanted) {
  Change c = change(h, key, format::RecordKind::block);
  c.shape.payload_size = wanted.size;
  c.shape.align_log2 = static_cast<std::uint8_t>(std::countr_zero(wanted.align));
  const std::function<Result<void>(std::span<std::byte>)> fill = [&](std::span<std::byte> memory) -> Result<void> {
    if (wanted.fill) wanted.fill(memory);
    return {};
  };
  c.fill = &fill;
  c.block = &wanted.head;
  c.expected = 0;
  return append_block(h, c);
}

}  // namespace

format::BlockHead head_of(const RecordRef& r) noexcept {
  format::BlockHead head;
  std::memcpy(&head, r.bytes() + format::kRecordHeaderSize, sizeof head);
  return head;
}

Result<OpenBlock> open_block(Handle& h, std::string_view name, const NewBlock& wanted) {
  if (auto no = h.refuse_write()) return *no;
  if (auto no = refuse_name(name)) return *no;
  if (auto no = refuse(h, wanted)) return *no;
  const std::string key = key_of(name);
  for (;;) {
    auto there = attach(h, view(h, key));
    if (!there) return there.error();
    if (!*there) {
      const auto made = make(h, key, wanted);
      if (!made && made.error().code != Code::conflict) return made.error();
      continue;
    }
    if (std::memcmp(&(*there)->head, &wanted.head, sizeof wanted.head) == 0 && (*there)->size == wanted.size)
      return **there;
    release_hold(h, (*there)->region);
    return mismatch(describe((*there)->head, (*there)->size), describe(wanted.head, wanted.size));
  }
}

Result<OpenBlock> attach_block(Handle& h, std::string_view name) {
  if (auto no = h.refuse_write()) return *no;
  if (auto no = refuse_name(name)) return *no;
  auto there = attach(h, view(h, key_of(name)));
  if (!there) return there.error();
  if (!*there) return Error{Code::not_found};
  return **there;
}

Result<OpenBlock> attach_block(Handle& h, std::string_view name, const format::BlockHead& like) {
  auto there = attach_block(h, name);
  if (!there || (there->head.type == like.type && there->head.dtype == like.dtype)) return there;
  release_hold(h, there->region);
  return mismatch(describe(there->head, there->size), describe(like, 0));
}

void release_hold(Handle& h, std::uint64_t region) noexcept {
  const std::lock_guard guard(h.holds.mutex);
  const auto hold = h.holds.regions.find(region);
  if (--hold->second.count == 0) h.holds.regions.erase(hold);
}

Result<void> drop_block(Handle& h, std::string_view name) {
  if (auto no = h.refuse_write()) return *no;
  if (auto no = refuse_name(name)) return *no;
  const std::string key = key_of(name);
  Change c = change(h, key, format::RecordKind::tombstone);
  c.must_exist = true;
  auto done = append(h, c);
  if (!done) return done.error();
  if (auto seat = ExclusiveSeat::take(h)) retire_blocks(h, **seat, false);
  return {};
}

Result<std::vector<NamedBlock>> blocks(Handle& h, std::string_view prefix) {
  if (auto no = h.refuse_read()) return *no;
  const std::string from = key_of(prefix);  // before the pin: only a scan gives that back when memory runs out
  auto instant = take_instant(h);
  if (!instant) return instant.error();
  const auto state = scan(h, *instant, from, true);
  std::vector<NamedBlock> out;
  while (const RecordRef* r = scan_next(*state))
    if (r->shape.kind == format::RecordKind::block)
      out.push_back({std::string(r->key().substr(format::kBlockKey.size())), head_of(*r)});
  if (auto damage = scan_status(*state)) return *damage;
  return out;
}

}  // namespace durra::detail
