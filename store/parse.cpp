// Parsing a region from its first record on.
#include "store/parse.h"

#include <algorithm>

#include "store/batch.h"
#include "store/stamp.h"

namespace durra::detail {
format::Walk walk_of(const Space& space, std::uint64_t r, std::uint64_t generation, std::uint64_t size) noexcept {
  return {{space.base() + space.region_offset(r), size},
          space.region_offset(r),
          format::region_seed(space.seed(), r, generation),
          size};
}

Parse::Parse(const Space& space, std::uint64_t r, std::uint64_t generation, std::uint64_t size, ParseNotes& notes)
    : space_(space),
      base_(space.region_offset(r)),
      seed_(format::region_seed(space.seed(), r, generation)),
      notes_(notes),
      walk_(walk_of(space, r, generation, size)) {
  while (walk_.next()) {
    const bool intact = walk_.intact();
    record(ref_of(space_, walk_.record(), seed_), intact);
  }
  close_batch();
  if (!first_bad_) first_bad_ = walk_.end();
}

// Below a synced mark every record is void for ever or a version, whole: no stamp is on its way there.
void Parse::record(const RecordRef& r, bool intact) {
  if (format::in_batch(r.shape.kind)) return in_batch(r, intact);
  close_batch();
  const std::uint64_t stamp = stamp_if_certain(r);
  if (!is_void(r) && !(intact && stamp != 0)) breaks(r.at);
  if (!intact) return;
  if (r.shape.kind == format::RecordKind::envelope) return envelope(r, stamp);
  end_ = walk_.end();
  notes_.time = std::max(notes_.time, format::stamp_time(stamp));
}

void Parse::envelope(const RecordRef& r, std::uint64_t decision) {
  format::Envelope e;
  if (contents_of(r, e) != nullptr) return breaks(r.at);
  notes_.time = std::max(notes_.time, format::stamp_time(decision));
  batch_ = format::BatchWalk(r.at, e, seed_);
  fixed_ = format::verdict_of(decision) == format::Verdict::fixed;
}

// A batch record is what its envelope decided.  Its own stamp words are copies: what is left of one is void.
void Parse::in_batch(const RecordRef& r, bool intact) {
  const std::uint64_t envelope_at = batch_.envelope_at();
  const bool was_open = batch_.open();
  if (!batch_.add(r.at, walk_.record().header, r.shape, r.link(), intact)) {
    if (was_open && fixed_) breaks(envelope_at);
    return;
  }
  if (!is_void(r) && stamp_if_certain(r) == 0) notes_.broken.push_back(r.at);
  if (batch_.open()) return;
  if (batch_.whole())
    end_ = walk_.end();
  else if (fixed_)
    breaks(envelope_at);
  batch_ = {};
}

void Parse::close_batch() {
  if (batch_.open() && fixed_) breaks(batch_.envelope_at());
  batch_ = {};
}

void Parse::breaks(std::uint64_t at) {
  first_bad_ = std::min(first_bad_.value_or(~0ull), at - base_);
  notes_.broken.push_back(at);
}

}  // namespace durra::detail
