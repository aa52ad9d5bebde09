// What of a region a rebuild may believe: how far its records reach, which are void, whether something synced was lost.
#pragma once
#include <optional>
#include <vector>

#include "format/walk.h"
#include "store/resolve.h"

namespace durra::detail {

// The records of a life of region r, as far as `size` bytes go, which the file has.
format::Walk walk_of(const Space&, std::uint64_t r, std::uint64_t generation, std::uint64_t size) noexcept;
inline RecordRef ref_of(const Space& space, const format::WalkRecord& w, std::uint64_t seed) noexcept {
  return {reinterpret_cast<format::RecordHeader*>(space.base() + w.at), w.at, seed, w.shape};
}

// What parsing learns of all regions.
struct ParseNotes {
  std::vector<std::uint64_t> broken;  // records that say they are versions, envelopes that say they are fixed, of which
                                      // a part is not on the disk; also what is left of a copied stamp
  std::uint64_t time = 0;             // the greatest t of a stamp
};

// How far the records of a life reach: to the last that is intact, over such whose header still says where the next
// begins; records of a batch count only all together.  The first that is not intact decides whether something synced
// was lost.
class Parse {
 public:
  Parse(const Space&, std::uint64_t region, std::uint64_t generation, std::uint64_t size, ParseNotes&);  // as walk_of
  std::uint64_t end() const noexcept { return end_; }
  std::uint64_t first_bad() const noexcept { return *first_bad_; }  // below: void, or versions

 private:
  void record(const RecordRef&, bool intact);
  void envelope(const RecordRef&, std::uint64_t decision);
  void in_batch(const RecordRef&, bool intact);
  void close_batch();
  void breaks(std::uint64_t at);

  const Space& space_;
  const std::uint64_t base_, seed_;
  ParseNotes& notes_;
  format::Walk walk_;
  format::BatchWalk batch_;
  bool fixed_ = false;
  std::uint64_t end_ = format::kRegionData;
  std::optional<std::uint64_t> first_bad_;
};

}  // namespace durra::detail
