// durra: one file, many processes.  put and get from anywhere; kill -9 anything; nothing to repair.
//
//   auto store = durra::open("state.durra").value();
//   store.put("greeting", "hello").value();
//   std::cout << store.get("greeting").value().str();
//
// A Store may be used from any thread, without locks.  Everything obtained from it belongs to one thread at a time,
// may be moved to another, and keeps the mapping alive: nothing here can dangle by closing the store first.
//
// What types cannot stop: a span copied out of a Record that is then dropped; a Record or Snapshot kept for a week
// (it costs file space; `durra who` shows it).  Nothing here may be called from a signal handler.  After fork() the
// child opens the store again: the parent's handle answers `forked` there.
#pragma once
#include <durra/bytes.h>
#include <durra/result.h>

#include <chrono>
#include <concepts>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace durra {

class Store;
namespace detail {
struct Handle;  // process-local state of one opened store
struct DraftState;
struct RecordsState;
struct TailState;
struct BatchOps;
Handle* handle_of(const Store&) noexcept;
}  // namespace detail

// How long to wait: nothing or less is a look, Duration::max() is for ever.
using Duration = std::chrono::nanoseconds;

// What a put is worth when it returns.
enum class Durability : std::uint8_t {
  process,  // it survives the death of every process; a power cut may lose what no sync covered
  // The same, and a thread of this handle syncs: a power cut loses nothing older than sync_interval and one flush.
  interval,
  power,  // it is on the disk
};

enum class Mode : std::uint8_t {
  create,      // open, or create if absent (the loser of a race opens the winner's file)
  open,        // must exist
  create_new,  // must not exist
  read_only,   // nothing in the file is written
};

struct Options {
  Mode mode = Mode::create;
  Durability durability = Durability::process;
  std::chrono::milliseconds sync_interval{100};  // at least 1 ms
  // Fixed when the file is created, ignored afterwards.
  std::uint64_t max_size = 64_GiB;  // bytes: address space, not disk; at most 64 TiB
  // Bytes: one writer's slice; a power of two, 64 KiB to 1 GiB.  2 MiB is a huge page: one entry of the TLB maps it.
  std::uint64_t region_size = 2_MiB;
  std::uint32_t participants = 1024;  // threads at work at the same time, all processes together; at most 1,024
  unsigned permissions = 0600;        // exact, whatever the umask
  // Compaction by this handle packs payloads of 256 bytes and more with LZ4 where that saves an eighth; a get of such a
  // record returns an unpacked copy.  Payloads with an alignment of their own stay as they are.
  bool compress_cold = false;
  // How long open waits for another opener that rebuilds; then `busy`.
  std::chrono::milliseconds patience{10'000};
  // Distrust the index in the file: rebuild it from the records.  `busy` while another participant lives.
  bool rebuild = false;
};

// Opens or creates a store.  `interval` and `power` are `unsupported` on tmpfs, where nothing survives a power cut.
// Errors: not_found, busy, full, damaged, unsupported, read_only, invalid, io.
Result<Store> open(std::string_view path, const Options& options = {});

// One version of one record, read in place and pinned: while a Record lives its bytes neither move nor change,
// whatever writers, compaction or erase do meanwhile.  It may outlive the Store and be dropped on another thread.
class Record {
 public:
  Record(Record&&) noexcept;
  Record& operator=(Record&&) noexcept;
  ~Record();
  std::span<const std::byte> bytes() const& noexcept { return {payload_, size_}; }
  std::span<const std::byte> bytes() && = delete;
  std::string_view text() const& noexcept { return {reinterpret_cast<const char*>(payload_), size_}; }
  std::string_view text() && = delete;
  std::string_view key() const& noexcept;  // "" for integer keys
  std::string_view key() && = delete;
  std::string str() const { return std::string(reinterpret_cast<const char*>(payload_), size_); }  // a copy

  // A copy of one plain value; `mismatch` if the size differs.
  template <class T>
    requires Storable<T>
  Result<T> as() const {
    if (size_ != sizeof(T)) return Error{Code::mismatch, 0, size_, "payload size differs from the type's"};
    T v;
    __builtin_memcpy(static_cast<void*>(&v), payload_, sizeof(T));
    return v;
  }
  // The payload in place as an array of plain values; `mismatch` if size or alignment differ.
  template <class T>
    requires Storable<T>
  Result<std::span<const T>> span() const& {
    if (size_ % sizeof(T) != 0 || reinterpret_cast<std::uintptr_t>(payload_) % alignof(T) != 0)
      return Error{Code::mismatch, 0, size_, "payload size or alignment differ from the type's"};
    return std::span<const T>(reinterpret_cast<const T*>(payload_), size_ / sizeof(T));
  }
  template <class T>
  Result<std::span<const T>> span() && = delete;

  bool is_text() const noexcept;      // the key is a string
  std::uint64_t id() const noexcept;  // of an integer key; 0 for strings
  Stamp stamp() const noexcept;
  bool erased() const noexcept;  // the version says that the key was erased; only a Tail shows these
  // Checks the payload: `damaged` if it is not what was put.  A get checks the header only.
  Result<void> intact() const;

 private:
  friend struct detail::Handle;
  friend struct FileRange file_range(const Record&);
  Record() = default;
  const std::byte* payload_ = nullptr;
  std::size_t size_ = 0;
  const std::byte* header_ = nullptr;      // in the mapping
  detail::Handle* handle_ = nullptr;       // null: moved from
  std::uint64_t* pin_ = nullptr;           // the cell that keeps header_ in place
  std::unique_ptr<std::byte[]> unpacked_;  // what payload_ points to, if the record is compressed
};

// Per call, when the store's defaults do not fit.
struct Put {
  std::optional<Durability> durability{};  // `interval` only where it is the handle's own
  bool compress = false;    // LZ4, as numcodecs writes it (up to 2 GiB); get() then returns an unpacked copy
  std::uint32_t align = 8;  // bytes, of the payload's first byte: a power of two, 8 to 4,096
};

// A record being written in place.  Nobody sees it until publish; a dropped draft never was.  It holds no lock and
// delays nobody, so it may be held as long as you like; it occupies one participant seat.
class Draft {
 public:
  Draft(Draft&&) noexcept;
  Draft& operator=(Draft&&) noexcept;
  ~Draft();
  std::span<std::byte> bytes() & noexcept;  // zeroed or not: write all of it
  // std::move(draft).publish(): after it there is nothing left to scribble on.
  Result<Stamp> publish() &&;

 private:
  friend struct detail::Handle;
  Draft() = default;
  std::unique_ptr<detail::DraftState> state_;
};

// A private list of puts and erases; nothing is shared before store.put(batch).  Then a crash or a power cut leaves all
// of it or none, and a Snapshot sees all of it or none.  Two gets around it may see old then new, never new then old.
// It copies what it is given.  One thread at a time.
class Batch {
 public:
  // Of several changes of one key the last counts.  Erasing a key that is not there is no error.
  Batch& put(Key, Bytes);
  Batch& erase(Key);
  // Conditions: store.put(batch) does nothing and answers `conflict` unless each of these keys is still at its stamp
  // (`absent`: not there).  Without them two batches that read before they write would lose updates.  At most one
  // condition a key (`invalid`); it stays when a later change of the key says what to put.
  Batch& put_if(Key, Bytes, Stamp seen);
  Batch& erase_if(Key, Stamp seen);
  std::size_t size() const noexcept { return count_; }  // changes, as they were added
  void clear() noexcept;

 private:
  friend struct detail::BatchOps;
  std::vector<std::byte> ops_;
  std::size_t count_ = 0;
};

// Every live record once, in no order.  Exact on a Snapshot; on a Store as of the call that made it.
// A Record& is good until the iterator moves on, unless moved out of.
class Records {
 public:
  struct Iterator {
    using value_type = Record;
    using difference_type = std::ptrdiff_t;
    Record& operator*() const;
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const;
    Records* range = nullptr;
  };
  Records(Records&&) noexcept;
  Records& operator=(Records&&) noexcept;
  ~Records();
  Iterator begin();
  std::default_sentinel_t end() const noexcept { return {}; }
  // `damaged` if something had to be skipped; also `forked`, `evicted`, `full`; read-only: `io`, `busy`.
  Result<void> status() const;

 private:
  friend struct detail::Handle;
  Records() = default;
  std::unique_ptr<detail::RecordsState> state_;
};

// The store as it was at one instant.  Costs nobody anything but space; may outlive the Store.
class Snapshot {
 public:
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  ~Snapshot();
  Result<Record> get(Key) const;
  Records records(std::string_view key_prefix = {}) const;

 private:
  friend struct detail::Handle;
  Snapshot() = default;
  detail::Handle* handle_ = nullptr;
  std::uint64_t* pin_ = nullptr;
  std::uint64_t time_ = 0, epoch_ = 0;
};

class Store {
 public:
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();  // closes; Records still held stay good

  // The newest version.  Wait-free, no copy.  Errors: not_found, damaged, forked, evicted, invalid (the key), mismatch
  // (a block has the name), full (no seat, or too many Records are held), io and busy (only read-only handles).
  Result<Record> get(Key) const;
  // The previous version, if any, is superseded.  Errors: full, too_large, invalid, read_only, forked, evicted,
  // damaged, io, unsupported (a durability that this handle or file system cannot keep).  `sync_lost`, only with a
  // durability: the record is there for everybody, but may not survive a power cut.
  Result<Stamp> put(Key, Bytes, const Put& = {});
  Result<void> erase(Key);  // `not_found` if it was not there
  // An event: put under a fresh key "log/…" that nobody else ever writes.  The keys of one thread sort in the order of
  // its calls (by one Store); a Tail with the prefix "log/" sees each of them, those of one thread in that order.
  // Errors: as put; `invalid` and `too_large` for a log whose name could not be a key.
  Result<Stamp> append(std::string_view log, Bytes, const Put& = {});

  // All of the batch or nothing.  Every key is judged as by put; the errors are put's, and `conflict` when a condition
  // does not hold; `too_large` beyond 65,535 changes or a quarter of max_size; `invalid` for two conditions on one key.
  // An empty batch is done.
  Result<void> put(const Batch&, const Put& = {});

  // Write `size` bytes straight into the file; `fill` gets them as std::span<std::byte>.  If it throws, nothing was
  // put.
  template <class F>
    requires std::invocable<F, std::span<std::byte>>
  Result<Stamp> put_with(Key key, std::size_t size, F&& fill, const Put& how = {}) {
    auto d = draft(key, size, how);
    if (!d) return d.error();
    std::forward<F>(fill)(d->bytes());
    return (*std::move(d)).publish();
  }
  Result<Draft> draft(Key, std::size_t size, const Put& = {});  // the same, when a callback does not fit

  // Optimistic: done if the key's version is still `seen` (or `absent`), else `conflict`, and nothing was changed.
  Result<Stamp> put_if(Key, Bytes, Stamp seen, const Put& = {});
  Result<void> erase_if(Key, Stamp seen);
  // Read, change, put_if, again on conflict.  change(const Record*) -> std::string; null when absent.
  template <class F>
    requires std::is_invocable_r_v<std::string, F, const Record*>
  Result<Stamp> update(Key key, F&& change) {
    for (;;) {
      auto old = get(key);
      if (!old && old.error().code != Code::not_found) return old.error();
      const std::string next = change(old ? &*old : nullptr);
      const Stamp seen = old ? old->stamp() : absent;
      old = Error{Code::not_found};  // what is held keeps its place: in a full store perhaps the one that is needed
      auto done = put_if(key, next, seen);
      if (done || done.error().code != Code::conflict) return done;
    }
  }

  // One result per key, in their order; overlaps the cache misses.
  std::vector<Result<Record>> get_many(std::span<const Key>) const;
  // A scan of all records whose key is a string that begins with the prefix ("": all): the index has no order.
  Records records(std::string_view key_prefix = {}) const;
  Result<Snapshot> snapshot() const;  // waits for nobody

  // A version newer than `seen`, at once if there is one: no wake-up can be missed between get and wait.  `not_found`
  // at once if the key was there and is now erased; with `absent` it waits for the first put.  `timeout` when the
  // patience is over.  Nothing is pinned meanwhile.  A read-only handle cannot ask to be woken: it looks every 5 ms.
  Result<Record> wait(Key, Stamp seen, Duration patience) const;
  // Everything that anyone put before this call survives a power cut when it returns.  Those who sync at the same time,
  // in all processes, share a flush.  `sync_lost`: a flush has failed, here or elsewhere, and none is believed any more
  // until the file was copied (durra backup) or the machine restarted.  Also: unsupported (tmpfs), read_only, forked,
  // evicted, full (no seat), io.
  Result<void> sync();

 private:
  friend struct detail::Handle;
  friend detail::Handle* detail::handle_of(const Store& store) noexcept;
  explicit Store(detail::Handle* h) noexcept : handle_(h) {}
  detail::Handle* handle_ = nullptr;
};

// Follows the changes of all writers, puts and erases: those of one key, and those of one thread by one Store, in
// order; others in none.  Each key's latest version is always seen, each version at most once, one that was superseded
// before next() came to it perhaps never, an erase as long as the store remembers it.  (Who needs each event uses
// append.)  One thread at a time.
//
// A named tail goes on where save() left it, after any restart or power cut.  It has its name as long as it lives: a
// record of the store says so.
class Tail {
 public:
  // Records whose key begins with the prefix; "": all, integer keys too.  A name that was never saved begins with the
  // oldest record.  Errors: `busy` while another living Tail has the name (detail: its pid), `invalid` or `too_large`
  // for a name of no or more than 1,018 bytes, read_only, forked, and those of put.
  static Result<Tail> open(Store&, std::string_view name, std::string_view key_prefix = {});
  // Without a name: only what is put from now on.  Errors: read_only, forked.
  static Result<Tail> from_now(Store&, std::string_view key_prefix = {});
  // The next version; Record::erased() says whether it is an erase.  `timeout` when nothing came.  `damaged`, once for
  // each place, when something could not be read and there is nothing else.  `full` when too many Records are held
  // (as get); the next call gives what this one could not.  It keeps what it is about to show in place, as a Snapshot
  // does, until a call that comes more than a second after it was collected: do not leave a Tail lie about.
  Result<Record> next(Duration patience);
  // A put: the position behind the last record that next() gave.  `invalid` without a name; `busy` when the name was
  // lost (to who took this process for dead); else as put.
  Result<void> save();
  // The same within your batch: what it puts and the position, all or none.  store.put(batch) answers `conflict` when
  // the position was saved otherwise after this call (so: one batch after the other), or the name was lost.  May be
  // called again for the same batch; adds nothing without a name.  Exactly once across power cuts too: put the batches
  // with `power`.  (Of two batches without it a cut may keep the later alone: the position, and not what came before.)
  void save(Batch&) const;

  Tail(Tail&&) noexcept;
  Tail& operator=(Tail&&) noexcept;
  ~Tail();  // gives the name back

 private:
  friend struct detail::Handle;
  Tail() = default;
  std::unique_ptr<detail::TailState> state_;
};

}  // namespace durra
