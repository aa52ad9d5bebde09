// What of the file is not known to be on the disk: found, written anew, flushed.
#include "store/dirty.h"

#include <algorithm>
#include <cerrno>

#include "format/batch.h"
#include "store/reap.h"
#include "store/region_table.h"
#include "store/stamp.h"

namespace durra::detail {
namespace {

// A word of each page from `begin` to `end`.
void touch(std::byte* begin, std::byte* end) noexcept {
  constexpr std::uintptr_t kPage = 4096;  // a larger page is only touched more often
  for (std::byte* at = begin; at < end;) {
    shared::touch(*reinterpret_cast<std::uint64_t*>(at));
    at = reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(at) / kPage + 1) * kPage);
  }
}

// Whether nothing of its batch is a version, nor ever will be: also one that a rebuild has made void.  What is settled
// and was not decided never is.
bool is_decided_against(const RecordRef& envelope, bool settled) noexcept {
  const format::Verdict v = format::verdict_of(shared::decision_load(envelope.header->stamp));
  return v != format::Verdict::fixed && (v != format::Verdict::pending || settled);
}

// What was RETIRED before our pin may be freed, and begin another life, under it.
bool is_over(Handle& h, const Dirty& d) noexcept {
  const std::uint64_t state = shared::state_load(h.space.descriptor(d.region).state);
  return !format::may_hold_records(state) || format::generation_of(state) != d.generation;
}

std::byte* start_of(const Handle& h, std::uint64_t r) noexcept { return h.space.base() + h.space.region_offset(r); }

}  // namespace

std::vector<Dirty> dirty_regions(Handle& h) {
  std::vector<Dirty> all;
  const std::uint64_t end = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  for (std::uint64_t r = 0; r < end; ++r) {
    format::Descriptor& d = h.space.descriptor(r);
    const std::uint64_t state = shared::state_load(d.state);
    if (!format::may_hold_records(state)) continue;
    const std::uint64_t generation = format::generation_of(state);
    // Blocks change below every mark: the kernel knows which of their pages are dirty (H7).
    const bool blocks = format::unpack(state).type == format::RegionType::block;
    const std::uint64_t from = blocks ? 0 : format::untag(shared::raised_load(d.synced), generation) * 8;
    const std::uint64_t settled = shared::tail_load(d.settled);
    const std::uint64_t size = h.space.run_length(r, format::unpack(state)) * h.space.region_size();
    const std::uint64_t tail = std::min(shared::tail_load(d.tail), size);
    fill_newest(h, r, settled, tail);
    if (from < tail) all.push_back({r, generation, from, tail, std::min(settled, tail)});
  }
  return all;
}

Result<void> write_anew(Handle& h, const Dirty& d) {
  const std::uint64_t base = h.space.region_offset(d.region);
  bool batch_is_void = false;  // that of the last envelope
  for (std::uint64_t at = std::max(d.from, format::kRegionData); at < d.to;) {
    RecordRef record;
    bool there = h.space.locate(base + at, record) == nullptr;
    if (there && record.shape.kind == format::RecordKind::envelope)
      batch_is_void = is_decided_against(record, at < d.settled);
    if (there && !record.body_intact()) there = format::in_batch(record.shape.kind) ? batch_is_void : is_void(record);
    if (!there && is_over(h, d)) return {};
    if (!there) return Error{Code::io, EIO, base + at, "what was put here was lost before it was on the disk"};
    at += record.size();
  }
  touch(start_of(h, d.region) + d.from, start_of(h, d.region) + d.to);
  return {};
}

Result<void> flush_regions(Handle& h, const std::vector<Dirty>& all) {
  std::byte *begin = nullptr, *end = nullptr;
  for (const Dirty& d : all) {
    std::byte* const from = start_of(h, d.region) + d.from;
    if (begin != nullptr && from - end > static_cast<std::ptrdiff_t>(h.space.region_size())) {
      if (auto done = os::flush(begin, static_cast<std::size_t>(end - begin)); !done) return done;
      begin = nullptr;
    }
    if (begin == nullptr) begin = from;
    end = start_of(h, d.region) + d.to;
  }
  return begin == nullptr ? Result<void>{} : os::flush(begin, static_cast<std::size_t>(end - begin));
}

Result<void> flush_descriptors(Handle& h, bool anew) {
  const std::uint64_t count = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  if (count == 0) return {};
  auto* const begin = reinterpret_cast<std::byte*>(&h.space.descriptor(0));
  if (anew)  // also of regions that a rotten hint or a longer file speaks of
    if (auto backed = back_descriptors(h, count - 1); !backed) return backed;
  if (anew) touch(begin, begin + count * sizeof(format::Descriptor));
  return os::flush(begin, count * sizeof(format::Descriptor));
}

}  // namespace durra::detail
