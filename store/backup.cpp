// backup: a compacted copy of one instant, record by record, under their old stamps, while everybody works on.
#include <cstring>

#include "store/batch.h"
#include "store/block.h"
#include "store/copy.h"
#include "store/snapshot.h"
#include "store/stamp.h"

namespace durra {
namespace detail {
namespace {

Key key_of(const Handle& h, const RecordRef& r) noexcept {
  if (r.shape.key_size != 0) return Key(r.key());
  return Key(format::id_of(r.tag(), h.space.seed()));
}

// What others have put: changes with every change.
std::uint64_t writes(Handle& h) noexcept {
  std::uint64_t sum = 0;
  for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n) {
    format::Seat& s = h.space.seat(n);
    sum += shared::hint_load(s.puts) + shared::hint_load(s.erases) + shared::seat_load(s.state);
  }
  return sum;
}

Result<Copied> backup(Handle& from, const std::string& path, const Progress& progress) {
  const std::uint64_t before = from.read_only ? writes(from) : 0;
  auto instant = take_instant(from);
  if (!instant) return instant.error();
  const auto state = scan(from, *instant, {}, true);
  auto fresh = FreshStore::create(path, from.space.super());
  if (!fresh) return fresh.error();
  Copied copied{};
  const std::uint64_t clock = shared::clock_load(from.space.control());
  const std::uint64_t floor = shared::raised_load(from.space.control().gen_floor) + format::kGenerationJump;
  while (const RecordRef* r = scan_next(*state)) {
    if (!r->body_intact()) return Error{Code::damaged, 0, r->at, "record checksum mismatch"};
    const bool is_block = r->shape.kind == format::RecordKind::block;
    const format::BlockHead head = is_block ? head_of(*r) : format::BlockHead{};
    const auto write = [&](std::span<std::byte> to) -> Result<void> {
      if (is_block)
        shared::block_copy(to.data(), r->payload().data(), to.size());
      else if (!to.empty())
        std::memcpy(to.data(), r->payload().data(), to.size());
      return {};
    };
    const std::uint64_t stamp = durra::detail::fill(from, *r);
    // The copy's check would say of a rotten stamp that it is the right one.
    if (stamp == 0 && from.read_only)
      return Error{Code::read_only, 0, r->at, "its writer died: open it once for writing"};
    if (stamp == 0 || stamp_if_version(from, *r) != stamp) return no_version(*r);
    if (auto added = fresh->add(key_of(from, *r), r->shape, stamp, write, is_block ? &head : nullptr); !added)
      return added.error();
    ++copied.records;
    copied.bytes += r->shape.payload_size;
    if (progress && copied.records % 1024 == 0 && !progress(state->region / 2, state->regions))
      return Error{Code::timeout, 0, 0, "stopped as asked"};
  }
  if (auto damage = scan_status(*state)) return *damage;
  if (from.read_only && writes(from) != before)  // what it has seen is no instant
    return Error{Code::busy, 0, 0, "others write meanwhile: open it for writing"};
  if (auto done = fresh->finish(clock, floor); !done) return done.error();
  return copied;
}

}  // namespace
}  // namespace detail

Result<Copied> backup(const Store& store, std::string_view fresh, const Progress& progress) {
  return detail::backup(*detail::handle_of(store), std::string(fresh), progress);
}

}  // namespace durra
