// compact(): everything that can be given back now, by one caller, while everybody works on.
#include <durra/care.h>

#include <algorithm>

#include "store/batch.h"
#include "store/block.h"
#include "store/compact.h"
#include "store/index.h"
#include "store/reap.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/sweep.h"
#include "store/sync.h"
#include "store/tidy.h"

namespace durra {
namespace detail {
namespace {

class Run {
 public:
  Run(Handle& h, LocalSeat& seat, const CompactOptions& options, const Progress& progress) noexcept
      : h_(h), seat_(seat), options_(options), progress_(progress) {}

  Result<Compacted> all() {
    const auto before = os::info(h_.file);
    if (!before) return before.error();
    reap_dead(h_);
    stop_compaction(h_, seat_);
    leave_region(h_, seat_);
    recount(h_, seat_);
    // What a round frees may let the next one move more; nothing retired: there is nothing left to win.
    std::uint64_t last = ~0ull;
    for (int i = 0; i < 8 && last != out_.regions_retired; ++i) {
      last = out_.regions_retired;
      if (auto done = round(); !done) return done.error();
    }
    punch_free(h_, seat_, 0);
    out_.held_by_readers = free_retired(h_).wait_for_pins;
    if (const std::uint64_t oldest = oldest_pin(h_); oldest < shared::epoch_load(h_.space.control()))
      out_.held_by_readers = std::max(out_.held_by_readers, held_back_by(h_, oldest).regions);
    const auto after = os::info(h_.file);
    if (!after) return after.error();
    out_.bytes_freed = before->disk_bytes - std::min(before->disk_bytes, after->disk_bytes);
    return out_;
  }

 private:
  Result<void> round() {
    while (begin_compaction(h_, seat_, Worth::some)) {
      const auto step = finish_compaction(h_, seat_);
      if (!step) break;
      out_.regions_retired += *step == CompactionStep::retired;
      if (auto no = stopped()) return *no;
    }
    leave_region(h_, seat_);
    constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365 * 100);  // more is no nanoseconds
    const auto keep = std::clamp(options_.keep_erased, std::chrono::milliseconds(0), kForEver);
    out_.tombstones += sweep(h_, seat_, keep, std::chrono::milliseconds(100));
    if (auto no = stopped()) return *no;
    out_.regions_retired += retire_blocks(h_, seat_, true);
    out_.regions_retired += reclaim_index(h_, seat_, {.share = 240, .nodes = ~0u, .pack = true});
    const Freed f = free_retired(h_);
    if (f.wait_for_sync != 0) {
      if (auto done = sync_until(h_, seat_, f.ticket); !done) return done;
      free_retired(h_);
    }
    return {};
  }

  std::optional<Error> stopped() {
    if (!progress_ || progress_(out_.regions_retired, h_.space.regions())) return {};
    return Error{Code::timeout, 0, 0, "stopped as asked"};
  }

  Handle& h_;
  LocalSeat& seat_;
  const CompactOptions& options_;
  const Progress& progress_;
  Compacted out_{};
};

Result<Compacted> compact(Handle& h, const CompactOptions& options, const Progress& progress) {
  if (auto no = h.refuse_write()) return *no;
  if (auto no = h.lost_files()) return *no;
  auto seat = ExclusiveSeat::take(h);
  if (!seat) return seat.error();
  const Compacting now(**seat);
  return Run(h, **seat, options, progress).all();
}

}  // namespace
}  // namespace detail

Result<Compacted> compact(Store& store, const CompactOptions& options, const Progress& progress) {
  return detail::compact(*detail::handle_of(store), options, progress);
}

}  // namespace durra
