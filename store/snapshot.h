// The store at one instant: pin, take the time, tick, read the newest version not after it.  Waits for nobody
// (PROTOCOL.md SNAPSHOT).
#pragma once
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "store/batch.h"
#include "store/index.h"

namespace durra::detail {

inline constexpr std::uint64_t kNow = ~0ull;  // the "time" of a reader that takes every key's newest version

// Pins, reads the clock and moves it on: versions published later are later than the time returned.
struct Instant {
  std::uint64_t* pin;
  std::uint64_t time;
  std::uint64_t epoch;  // walking_epoch: that of the pin itself may be older
};
Result<Instant> take_instant(Handle&);
// For who walks through regions, once its pin stands: a region whose state is loaded behind this and is not RETIRED yet
// will be noted in this epoch or a later one.
std::uint64_t walking_epoch(Handle&) noexcept;

// What stands for `head`'s key at `time`: nothing when the key came later.
Shown as_of(const Handle&, const RecordRef& head, std::uint64_t time) noexcept;
// Whether somebody with an instant of this epoch needs nothing of a region: it was RETIRED before, so that all he may
// read has another place, and the region may be freed though he is pinned.
bool over_for(Handle&, std::uint64_t region, const format::RegionWord&, std::uint64_t epoch) noexcept;
// Null, or why a version that is later than an instant cannot be one: its stamp or the clock is rotten.
format::Why too_late(const Handle&, const RecordRef&, std::uint64_t stamp) noexcept;

struct RecordsState {
  Handle* handle;
  std::uint64_t* pin = nullptr;
  std::uint64_t time = 0;
  std::string prefix;
  bool own_keys = false;  // also what is the library's own: its keys, and blocks
  std::optional<Error> status;

  // What is walked, region by region: noted once, after the instant.  Every version that the instant shows was there
  // by then, so what is written later, copies of compaction among it, is left out; its source cannot go under our pin.
  struct Extent {
    std::uint64_t begin = 0, end = 0;  // file offsets of its records; end = 0: nothing
    std::uint64_t settled = 0;         // copies from here on are not in place yet: their sources are
    std::uint64_t listed = 0;          // as far as it is in `listed`
    bool has_moved = false;            // something was moved out of it: a version may be here and elsewhere
    bool in_doubt = false;             // its state, tail or settled is damaged
  };
  // What was shown in regions that something was moved out of, by tag and stamp: its place.  They come first.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> shown_first;
  // Without an instant: tags and stamps of the versions in regions that something may have been moved out of since.
  std::set<std::pair<std::uint64_t, std::uint64_t>> listed;
  std::set<std::uint64_t> unpublished;  // places of what was noted, and not published yet
  std::vector<Extent> extents;
  std::uint64_t region = 0, regions = 0;  // the next region, in two rounds, and how many there are
  std::uint64_t at = 0, end = 0;          // file offsets within the current region
  std::uint64_t settled = 0;
  bool has_moved = false;   // of the current region
  bool all_newest = false;  // nothing in the current region was superseded before the instant
  // Candidates of the current region, some at a time so that the cache misses of their look-ups overlap.
  std::array<RecordRef, 16> queue;
  std::size_t queue_next = 0, queue_end = 0;
  // What the instant shows of keys that were superseded since: a hot key has many versions, and each would walk its
  // whole chain again.
  std::array<RecordRef, 64> walked;
  std::optional<Record> shown;

  explicit RecordsState(Handle& h) noexcept : handle(&h) { h.refer(); }
  RecordsState(const RecordsState&) = delete;
  ~RecordsState() {
    shown.reset();
    if (pin != nullptr) Handle::release_pin(handle, pin);
    Handle::unrefer(handle);
  }
};

// A walk over everything an instant shows.  Owns `instant.pin` and a reference to the handle.
std::unique_ptr<RecordsState> scan(Handle&, Instant instant, std::string_view prefix, bool own_keys = false);
// A scan that shows nothing but its error.
std::unique_ptr<RecordsState> failed_scan(Handle&, Error);
// The next record, or null at the end.  Errors are kept in the state's status and the scan goes on behind them.
const RecordRef* scan_next(RecordsState&);
std::optional<Error> scan_status(const RecordsState&);

}  // namespace durra::detail
