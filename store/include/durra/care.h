// Looking after a store: what the `durra` command does, as functions.  Any thread; a Store's rules hold.
#pragma once
#include <durra/block.h>
#include <durra/store.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace durra {

// Called now and then with how much is done; false: stop, leaving everything as it was (`timeout`).
using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

// How the index came to be used when a handle opened its store.
enum class Opened : std::uint8_t { created, warm, clean, same_boot, rebuilt };
const char* name(Opened) noexcept;

// Where bytes lie in the store's file, for those who read it without durra.  `packed`: as numcodecs' LZ4.
struct FileRange {
  std::uint64_t offset, size;
  bool packed;
};
// Of a record's payload, as it is stored; good while the Record, or a snapshot that shows it, is held.
FileRange file_range(const Record&);
// Of a block's memory; good while the Block lives, or the name is not dropped.
FileRange file_range(const Block&);

// The store as a whole.  Bytes unless the name says otherwise.
struct Stats {
  std::array<std::uint8_t, 16> uuid;
  std::uint32_t format;
  std::uint64_t created_ns;  // UTC, since 1970
  std::uint64_t file_bytes, disk_bytes, reserved_bytes, region_size;
  std::uint64_t region_count, regions_free, regions_open, regions_partial, regions_sealed, regions_index, regions_other;
  std::uint64_t live_records, live_bytes, garbage_bytes;  // as of the call; counted by a scan, exact unless:
  std::optional<Error> unreadable;  // the first damage that it met; what cannot be read is counted as garbage
  std::uint64_t seats_taken, seats_dead, seat_count, processes;
  std::uint64_t oldest_pin_ns;  // age; 0 = nobody holds anything
  std::uint64_t rebuilds;
  std::uint64_t syncs, synced_ns;  // flushes of everything that succeeded, and when the last did (UTC; 0: none)
  std::uint16_t sync_errno;        // of the flush that failed: every sync answers sync_lost; 0: none has
  Opened opened;
  std::uint64_t open_ns;  // how long this handle's open took
};
Result<Stats> stats(const Store&);

// One region (of a run: its head).  Counts are as of the call, of what can be read (Stats::unreadable).
struct RegionInfo {
  std::uint64_t number, offset, generation, regions;  // regions: of this run
  std::string state, type;                            // FORMAT.md's words
  std::uint32_t owner_seat, owner_pid;                // of claimed, open, compacting; else 0
  std::uint64_t used_bytes, live_bytes, records, live_records;
  std::string picture;  // 32 cells from start to end: '#' live, '.' garbage, '_' empty
};
Result<std::vector<RegionInfo>> regions(const Store&);

// One seat that is taken, by the living or the dead.
struct SeatInfo {
  std::uint32_t seat, pid, tid;
  std::string command;
  bool alive;
  std::uint64_t since_ns;  // UTC
  std::uint64_t puts, gets, erases, conflicts, bytes;
  std::vector<std::uint64_t> open_regions;
  std::uint64_t pins, pin_age_ns;
  std::uint64_t held_back_bytes;  // garbage that its oldest pin keeps from being given back; seats share it
};
Result<std::vector<SeatInfo>> participants(const Store&);

struct Finding {
  Error error;       // code and file offset
  std::string what;  // region and key, as far as known
};

// Checks every byte that is in use.  Read-only, also while the store is in use.  Torn tails are normal after a kill.
struct Verdict {
  std::uint64_t regions, records, bytes, torn_tails, processes;
  std::vector<Finding> damage;
};
Result<Verdict> verify(std::string_view path, const Progress& = {});

// Builds a new store from whatever parses in a damaged one; the damaged file is only read.  `accept_older`: where the
// newest version of a key is unreadable, keep the newest that is not (else the key is lost, and said so).  A version
// that cannot even be dated hides none: it may be the oldest; `damage` names it and the key.  The damaged
// store may be in use: what it held at the call stays readable meanwhile, unless its control block is damaged too.
struct Salvage {
  std::uint64_t kept, lost, bytes;
  std::vector<Finding> damage;
};
Result<Salvage> recover(std::string_view damaged, std::string_view fresh, bool accept_older = false,
                        const Progress& = {});

// Gives back what is garbage, while everybody works on: records that were superseded or erased, index nodes that were
// replaced, tombstones that hide nothing (those erased at least `keep_erased` ago: a Tail that was away for longer does
// not learn of them).  Returns how many bytes of disk the file has less.  What somebody still reads comes back later.
// Errors: read_only, forked, full, io, sync_lost; `timeout` when stopped by progress.
struct CompactOptions {
  std::chrono::milliseconds keep_erased = std::chrono::hours(24);
};
struct Compacted {
  std::uint64_t regions_retired;  // emptied by this call
  std::uint64_t tombstones;       // dropped
  std::uint64_t held_by_readers;  // regions that only somebody's pin keeps
  std::uint64_t bytes_freed;      // of disk
};
Result<Compacted> compact(Store&, const CompactOptions& = {}, const Progress& = {});

// A compacted copy of one instant, while everybody works on.  `fresh` must not exist.  Stamps are kept.  A read-only
// handle cannot take an instant: `busy` if others have written meanwhile, `read_only` where one died in a put.
struct Copied {
  std::uint64_t records, bytes;
};
Result<Copied> backup(const Store&, std::string_view fresh, const Progress& = {});

}  // namespace durra
