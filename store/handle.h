// A handle: what one process keeps about one opened store.  Nothing in it is shared with other processes.
//
// Lifetime: `refs` counts the Store and every Draft, Snapshot and Records made from it.  When it falls to 0 nothing new
// can be pinned; what is left are Records, each counted in the pin cell that holds it.  The cells are then marked
// `closing`, and the release that empties the last of them tears the handle down (no counter on the path of a get).
#pragma once
#include <durra/care.h>
#include <durra/store.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "store/os.h"
#include "store/reader_pin.h"
#include "store/resolve.h"

namespace durra::detail {

// The region a seat appends to.
struct OpenRegion {
  std::uint64_t number, generation, seed;
  std::uint64_t tail;      // bytes from the region's start; ahead of the shared word only inside an operation
  std::uint64_t capacity;  // bytes: of the whole run
  bool fine;               // its pages came in small pieces: a flush of one record writes little
};

// A region that a seat is copying out of: some records at a time, between its operations.
struct RegionCompaction {
  std::uint64_t region, generation;
  std::uint64_t at, end;  // file offsets: the next record, the region's tail
};

// Garbage that a seat has made in a region, not yet told to the others: the descriptors of what two writers supersede
// are the same lines, and would go to and fro between them at every put.
struct DeadCount {
  std::uint64_t region = ~0ull, bytes = 0;
};

// This process's side of a seat: held from its first use until the handle is torn down.
struct LocalSeat {
  os::HeldByte byte;
  std::uint32_t number = 0;
  std::uint64_t generation = 0;
  format::Seat* shared = nullptr;
  std::atomic<std::int64_t> homes{0};  // threads that come here first
  std::atomic<bool> busy{false};       // an operation, or a draft, is using what follows
  std::optional<OpenRegion> region;
  std::optional<RegionCompaction> compaction;
  std::array<DeadCount, 256> dead{};
  std::uint32_t puts_since_tidying = 0;
  bool compacting = false;            // claims now are compaction's own: they may take the last region
  bool fine = false;                  // its next regions come in small pieces: it makes single records durable
  std::uint64_t last_stamp = 0;       // stamps of one seat rise
  os::Witness witness;                // of its flushes, from the first on
  std::uint32_t flushes = 0;          // odd: its thread is in a flush; a futex
  std::atomic<bool> unsynced{false};  // Durability::interval: something was put since the thread's last tick
  // The clock is not read at every operation: a busy seat reads it every 64th, an idle one each time.
  std::atomic<std::uint32_t> until_clock{0};
  std::atomic<std::uint64_t> clock_ns{0};  // as last read
  std::atomic<std::uint32_t> clock_period{0};
};

// Seats are only ever added while a handle lives.
struct LocalSeats {
  std::mutex adding;
  std::array<std::atomic<LocalSeat*>, format::kSeatCountMax> list{};
  std::atomic<std::uint64_t> count{0};
};

// Keys of what only one may have at a time and this handle has: its tails, the rings it writes.
struct OwnNames {
  std::mutex mutex;
  std::set<std::string, std::less<>> in_use;
};
class SyncThread;

// Regions with blocks that this handle has open: each is kept by a lock that dies with the process.
struct Holds {
  struct Hold {
    os::HeldByte byte;
    std::uint64_t count = 0;
  };
  std::mutex mutex;
  std::map<std::uint64_t, Hold> regions;
};

struct Instant;

struct Handle {
  Handle(std::string path, os::File file, os::File probe, os::Mapping map, const format::Superblock& super,
         const os::FileInfo& info, bool read_only);
  Handle(const Handle&) = delete;
  ~Handle();

  std::string path;
  os::File file;   // operations
  os::File probe;  // locks of others: an open file description does not see its own
  os::Mapping map;
  Space space;
  const bool read_only;
  bool joined = false;         // the index is trusted, and a seat is ours: OPEN has come to its end
  const std::uint64_t cookie;  // os::fork_cookie() of the process that opened
  const std::uint64_t id;      // unique in this process and its children
  std::atomic<std::uint64_t> locks_by_descriptor{0};  // 1 once a seat is held so
  os::HeldByte reader;                                // read-only handles: nobody rebuilds while it is held
  bool compress_cold = false;
  std::atomic<std::uint64_t> sweep_from{0};  // offset of the tombstone that the next sweep begins with
  ReaderPins reader_pins;                    // read-only handles have no seat
  Opened opened = Opened::warm;
  std::uint64_t open_ns = 0;
  bool is_volatile = false;                     // tmpfs: nothing survives a power cut
  Durability durability = Durability::process;  // of puts that do not say, of erases and drafts
  std::unique_ptr<SyncThread> sync_thread;      // Durability::interval

  std::atomic<std::int64_t> refs{1};
  std::atomic<std::int64_t> busy_cells{0};  // after refs fell to 0: cells that still hold Records
  LocalSeats seats;
  OwnNames names;
  Holds holds;
  std::atomic<std::uint64_t> descriptors_ready{0};  // regions whose descriptor is backed by disk blocks
  std::atomic<std::uint64_t> last_reap_ns{0};
  std::atomic<std::uint64_t> next_recount_ns{0};  // os::steady_ns()

  // Null, or why no operation may run in this process: `forked`, `read_only`.
  std::optional<Error> refuse_read() const noexcept {
    if (!forked()) [[likely]]
      return {};
    return Error{Code::forked, 0, 0, "opened before fork(); open the store again in the child"};
  }
  std::optional<Error> refuse_write() const noexcept {
    if (!forked() && !read_only) [[likely]]
      return {};
    return why_no_write();
  }
  std::optional<Error> why_no_write() const noexcept;
  bool forked() const noexcept { return cookie != os::fork_cookie(); }
  // Null, or `io` after a closefrom(): whatever has the descriptors' numbers now is not written to, locked or closed.
  std::optional<Error> lost_files() const noexcept;
  // Where locks go with descriptors, whoever closed one is taken for dead: the seat and its region are others' now, or
  // at any moment.
  bool has_lost_a_seat() const noexcept;

  void refer() noexcept { shared::refer(refs); }
  static void unrefer(Handle*) noexcept;                                                   // may tear down
  static void release_pin(Handle*, std::uint64_t* pin, std::uint64_t count = 1) noexcept;  // may tear down

  // Factories for the public classes, whose constructors are private.
  static Store make_store(Handle* h) noexcept { return Store(h); }
  // `pin` is already counted for the Record.
  Result<Record> make_record(const RecordRef&, std::uint64_t* pin);
  // The same for a payload that is not compressed.
  Result<Record> record_in_place(const RecordRef& r, std::uint64_t* cell) noexcept {
    Result<Record> out{Record()};
    out->header_ = r.bytes();
    out->handle_ = this;
    out->pin_ = cell;
    out->payload_ = r.bytes() + format::payload_start(r.shape, r.at);
    out->size_ = r.shape.payload_size;
    return out;
  }
  Snapshot make_snapshot(const Instant&) noexcept;
  Records make_records(std::unique_ptr<RecordsState>) noexcept;
  Draft make_draft(std::unique_ptr<DraftState>) noexcept;
  static Tail make_tail(std::unique_ptr<TailState>) noexcept;

 private:
  void begin_teardown() noexcept;
};

// The private side of a Store, for the functions of care.h.
Handle* handle_of(const Store&) noexcept;

}  // namespace durra::detail
