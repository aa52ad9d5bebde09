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

Result<Copied> backup(Handle& from, const std::string& path, const Progress& progress) {
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
    if (stamp == 0 || stamp_if_version(from, *r) != stamp) return no_version(*r);
    if (auto added = fresh->add(key_of(from, *r), r->shape, stamp, write, is_block ? &head : nullptr); !added)
      return added.error();
    ++copied.records;
    copied.bytes += r->shape.payload_size;
    if (progress && copied.records % 1024 == 0 && !progress(state->region, state->regions))
      return Error{Code::timeout, 0, 0, "stopped as asked"};
  }
  if (auto damage = scan_status(*state)) return *damage;
  if (auto done = fresh->finish(clock, floor); !done) return done.error();
  return copied;
}

}  // namespace
}  // namespace detail

Result<Copied> backup(const Store& store, std::string_view fresh, const Progress& progress) {
  return detail::backup(*detail::handle_of(store), std::string(fresh), progress);
}

}  // namespace durra
