// What of the file is not known to be on the disk: found, written anew, flushed.
#pragma once
#include <vector>

#include "store/handle.h"

namespace durra::detail {

// Of one region (of a run: its head), region-relative.  [from, to) is to be flushed; what lies below `settled` then is
// durable for good.
struct Dirty {
  std::uint64_t region, generation, from, to, settled;
};

// Every region with records above its mark, ascending.  The newest versions among them are certain when it returns
// (F38).  Precondition: the caller is pinned, or alone.
std::vector<Dirty> dirty_regions(Handle&);

// Checks the records and makes every page dirty once more (F37).  `io`: what was put is not there any more.
Result<void> write_anew(Handle&, const Dirty&);

// Neighbours in one call.
Result<void> flush_regions(Handle&, const std::vector<Dirty>&);

// The states of all regions in use (F13).
Result<void> flush_descriptors(Handle&, bool anew);

}  // namespace durra::detail
