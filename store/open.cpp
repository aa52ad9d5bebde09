// OPEN: the file, its superblock, the RECOVER lock, trust or rebuild, a seat.  PROTOCOL.md OPEN has the steps.
#include <algorithm>
#include <cstring>

#include "format/decide.h"
#include "store/close.h"
#include "store/create.h"
#include "store/open.h"
#include "store/reap.h"
#include "store/rebuild.h"
#include "store/seat.h"
#include "store/step.h"
#include "store/sync.h"
#include "store/sync_thread.h"

namespace durra {
namespace detail {
namespace {

std::optional<Error> refuse(const Options& o) noexcept {
  if (const char* why = os::check_machine()) return Error{Code::unsupported, 0, 0, why};
  if (o.durability == Durability::interval && o.sync_interval < std::chrono::milliseconds(1))
    return Error{Code::invalid, 0, 0, "sync_interval is at least 1 ms"};
  return {};
}

Error error_of(const format::SuperblockCheck& c) noexcept {
  const bool rotten = c.verdict == format::SuperblockVerdict::damaged;
  return Error{rotten ? Code::damaged : Code::unsupported, 0, c.offset, c.why};
}

}  // namespace

Result<format::Superblock> read_superblock(const os::File& file, bool writable) {
  const auto info = os::info(file);
  if (!info) return info.error();
  if (info->size == 0) return Error{Code::unsupported, 0, 0, "not a durra store: the file is empty"};
  format::Superblock super{};
  const std::uint64_t there = std::min<std::uint64_t>(info->size, sizeof super);
  if (auto done = os::read_at(file, 0, &super, there); !done) return done.error();
  const auto check = format::check(super);
  if (there < sizeof super && check.verdict != format::SuperblockVerdict::not_durra)
    return Error{Code::damaged, 0, there, "the file is truncated inside its superblock"};
  if (check.verdict != format::SuperblockVerdict::valid) return error_of(check);
  if (writable && !check.writable)
    return Error{Code::unsupported, 0, 0, "a newer build must write this file: read-only here"};
  if (info->size < super.regions_offset)
    return Error{Code::damaged, 0, info->size, "the file is truncated inside its head"};
  return super;
}

namespace {

Result<std::unique_ptr<Handle>> map_store(const std::string& path, os::File file, bool read_only) {
  const auto system = os::file_system(file);
  if (!system) return system.error();
  if (!system->supported)
    return Error{Code::unsupported, 0, 0,
                 "this file system cannot share a mapping safely (ext4, xfs, btrfs, tmpfs and overlayfs can)"};
  const auto super = read_superblock(file, !read_only);
  if (!super) return super.error();
  const auto access = read_only ? os::Access::read : os::Access::read_write;
  auto probe = os::reopen(file, path, access);
  if (!probe) return probe.error();
  auto map = os::map(file, 0, format::file_size_max(*super), access);
  if (!map) return map.error();
  const auto info = os::info(file);
  if (!info) return info.error();
  auto h =
      std::make_unique<Handle>(path, std::move(file), *std::move(probe), *std::move(map), *super, *info, read_only);
  h->is_volatile = system->volatile_;
  return h;
}

// Whether a rebuild has ended without an index, or died, and its seat is about to go: until then it looks as if
// somebody used the index.
Result<std::uint8_t> is_rebuilder_leaving(Handle& h) noexcept {
  constexpr format::Identity kNone{};
  const auto stored = shared::identity_load(h.space.control());
  if (std::memcmp(&stored, &kNone, sizeof kNone) != 0) return std::uint8_t{0};
  return lived_in(h);
}

// Step 2.  Operations never wait for it; only opens do.
Result<os::HeldByte> lock_recover(Handle& h, std::chrono::milliseconds patience) {
  const auto kind = h.read_only ? os::Lock::shared : os::Lock::exclusive;
  const auto access = h.read_only ? os::Access::read : os::Access::read_write;
  constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365);  // more would not fit into nanoseconds
  patience = std::clamp(patience, std::chrono::milliseconds(0), kForEver);
  const std::uint64_t until = os::steady_ns() + static_cast<std::uint64_t>(patience.count()) * 1'000'000;
  for (std::uint64_t pause = 50'000;; pause = std::min<std::uint64_t>(pause * 2, 10'000'000)) {
    auto byte = os::HeldByte::take(h.file, h.path, format::kLockRecover, 0, access, kind);
    if (!byte) return byte;
    if (const bool mine(*byte); mine) {
      const auto leaving = is_rebuilder_leaving(h);
      if (!leaving) return leaving.error();
      if (*leaving == 0) return byte;
      byte->release();
    }
    if (os::steady_ns() >= until) return Error{Code::busy, 0, 0, "another process is opening or rebuilding it"};
    os::nap(std::chrono::nanoseconds(pause));
  }
}

// Whether somebody wrote to the file after the last participant did: a copy restored in place (F9).  `mtime_ns`: of the
// file before this opener wrote to it.
bool touched(Handle& h, std::uint64_t mtime_ns) noexcept {
  std::uint64_t beat = 0;
  for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n)
    beat = std::max(beat, shared::hint_load(h.space.seat(n).beat_ns));
  return mtime_ns > beat + 2'000'000'000;
}

Result<format::OpenEvidence> evidence(Handle& h, const format::Identity& now, std::uint64_t mtime_ns,
                                      bool asked) noexcept {
  const auto others = lived_in(h);
  if (!others) return others.error();
  auto& control = h.space.control();
  const std::uint64_t seed = h.space.seed();
  const auto stored = shared::identity_load(control);
  return format::OpenEvidence{*others != 0,
                              asked,
                              touched(h, mtime_ns),
                              format::same_file(stored, now, seed),
                              shared::guarded_load(control.clean) == format::kClean,
                              format::same_boot(stored, now, seed)};
}

// Words that other words are made from: rot in them would end in stamps or generations that begin again.
Result<void> check_control(Handle& h) noexcept {
  auto& control = h.space.control();
  format::Control copy{};
  copy.clock = shared::clock_load(control);
  copy.epoch = shared::epoch_load(control);
  copy.gen_floor = shared::raised_load(control.gen_floor);
  copy.sync_done = shared::raised_load(control.sync_done);
  copy.sync_request = shared::ticket_last(control);
  if (const auto why = format::check(copy)) return Error{Code::damaged, 0, format::kControlOffset, why};
  return {};
}

// How far the file must reach for region r.  A power cut may leave a part of a region; a rebuild seals it, and nobody
// appends to it any more: then only its records must be there.  What a CLAIMED region or run needs may not be there
// yet: nor a BODY that does not say yet of which.
std::uint64_t needed_end(const Space& space, std::uint64_t r) noexcept {
  const std::uint64_t head = space.home_of(space.region_offset(r));
  switch (format::unpack(shared::state_load(space.descriptor(head).state)).state) {
    case format::RegionState::free:
    case format::RegionState::claimed:
    case format::RegionState::body: return 0;
    case format::RegionState::sealed:
    case format::RegionState::compacting:
    case format::RegionState::retired:
      return space.region_offset(head) + shared::tail_load(space.descriptor(head).tail);
    default: return space.region_offset(r + 1);
  }
}

// A file that was cut short is not used by its index: a claim would make it longer again, and a node that was cut off
// would read as zeros, as one without keys.
Result<void> check_end(Handle& h) {
  auto now = os::info(h.file);
  if (!now) return now.error();
  const Space& space = h.space;
  const std::uint64_t regions = (now->size - space.super().regions_offset) / space.region_size();
  const std::uint64_t hint = std::min(shared::raised_load(space.control().region_hint), space.region_count());
  for (std::uint64_t r = regions; r < hint; ++r) {
    const std::uint64_t end = needed_end(space, r);
    if (end <= now->size) continue;
    now = os::info(h.file);  // again: a living claimer makes the file longer before the region is OPEN
    if (!now) return now.error();
    if (end > now->size) return Error{Code::damaged, 0, now->size, "the file has lost its end"};
  }
  return {};
}

Opened opened_by(format::Trust t) noexcept {
  switch (t) {
    case format::Trust::warm: return Opened::warm;
    case format::Trust::clean: return Opened::clean;
    case format::Trust::same_boot: return Opened::same_boot;
    default: return Opened::rebuilt;
  }
}

// An error that a flush left, and doubts about the page cache, end with the page cache, and not with the index.
void forget_failures(Handle& h, const format::Identity& now) noexcept {
  auto& control = h.space.control();
  if (!format::other_cache(shared::identity_load(control), now, h.space.seed())) return doubt_cache(h);
  shared::guarded_store(control.sync_error, 0);
  shared::raise(control.sync_certain, shared::raised_load(control.sync_doubts));
}

// Steps 3 and 4, under the lock: an index that may be used, and the marks of who is responsible for it from now on.
Result<void> make_trusted(Handle& h, format::Trust trust, const format::Identity& now) {
  auto& control = h.space.control();
  if (trust == format::Trust::rebuild) {
    const auto readers = os::is_held(h.probe, format::kLockReader);
    if (!readers) return readers.error();
    if (*readers != 0) return Error{Code::busy, 0, 0, "a read-only opener is alive, and the index must be rebuilt"};
    const bool in_order = shared::guarded_load(control.clean) == format::kClean;
    const auto before_it_changes = [&]() -> Result<void> {
      shared::guarded_store(control.clean, format::kDirty);
      forget_failures(h, now);
      shared::identity_store(control, {});  // whoever finds a rebuild half done starts over, also in the same boot
      if (!in_order) return {};
      return os::sync(h.file);  // on the disk too: a CLEAN mark must not outlive the index that it speaks of
    };
    if (auto done = rebuild(h, in_order, before_it_changes); !done) return done;
  } else if (auto whole = check_end(h); !whole) {
    return whole;
  }
  if (trust == format::Trust::same_boot && h.space.regions() > 0) doubt_cache(h);  // F37
  // CLEAN also beside the living: the last one who leaves has his seats for a moment more, and then they are gone.
  const bool is_marked = shared::guarded_load(control.clean) == format::kDirty;
  const bool is_known =
      trust == format::Trust::warm || format::same_boot(shared::identity_load(control), now, h.space.seed());
  if (trust != format::Trust::rebuild && is_marked && is_known) return {};
  mark_identity(h, now);
  shared::guarded_store(control.clean, format::kDirty);
  step("open.4");  // † DIRTY: the same boot, or a rebuild
  return os::sync(h.file);
}

// The head is sparse; what is stored to in it must be backed before.  On a tmpfs what is looked at too: the look takes
// a page, and where there is none it ends the process.  Where nothing is missing nothing is touched: an opener who gets
// no further would leave a file that changed, and nobody who says so (F9).
Result<void> back_head(Handle& h) {
  const std::uint64_t seats = h.space.super().seats_offset + h.space.super().seat_count * sizeof(format::Seat);
  const std::uint64_t begin = format::kControlOffset, end = h.is_volatile ? seats : format::kSeatsOffset;
  const auto hole = os::next_hole(h.file, begin);
  if (!hole) return hole.error();
  if (*hole >= end) return {};
  if (auto done = os::allocate(h.file, begin, end - begin); !done) return done;
  return os::populate(h.map.base() + begin, end - begin);
}

Result<void> join(Handle& h, const Options& o) {
  const auto before = os::info(h.file);
  if (!before) return before.error();
  if (auto done = back_head(h); !done) return done;
  auto recover = lock_recover(h, o.patience);
  if (!recover) return recover.error();
  const auto now = os::identity(h.file);
  if (!now) return now.error();
  const auto seen = evidence(h, *now, before->mtime_ns, o.rebuild);
  if (!seen) return seen.error();
  const auto trust = format::decide(*seen);
  if (trust == format::Trust::refuse)
    return Error{Code::busy, 0, 0, "a rebuild was asked for while others use the store"};
  if (auto done = make_trusted(h, trust, *now); !done) return done;
  if (auto done = check_control(h); !done) return done;
  shared::raise(h.space.control().region_hint, h.space.regions());
  h.opened = opened_by(trust);
  doubt_beside_flushers(h);
  reap_dead(h);                                              // step 5
  if (auto seat = home_seat(h); !seat) return seat.error();  // step 6
  h.joined = true;
  recover->release();  // step 7
  return {};
}

// The name too must be on the disk before anything that is acknowledged under it: its creator may have died between
// giving the name and writing the directory back (F17).
Result<void> make_name_durable(Handle& h) {
  auto& named = h.space.control().named;
  if (shared::guarded_load(named) != 0) return {};
  if (auto done = os::sync_directory_of(h.path); !done) return done;
  shared::guarded_store(named, 1);
  return {};
}

// A read-only opener changes nothing: an index that cannot be used as it is, is refused.
Result<void> join_read_only(Handle& h, const Options& o) {
  auto recover = lock_recover(h, o.patience);
  if (!recover) return recover.error();
  // Not before: whoever only waits is nobody that a rebuild has to wait for.
  auto reader = os::HeldByte::take(h.file, h.path, format::kLockReader, 0, os::Access::read, os::Lock::shared);
  if (!reader) return reader.error();
  h.reader = *std::move(reader);
  if (auto done = check_control(h); !done) return done;  // pins are locks on bytes by the epoch
  const auto now = os::identity(h.file);
  if (!now) return now.error();
  const auto file = os::info(h.file);
  if (!file) return file.error();
  const auto seen = evidence(h, *now, file->mtime_ns, o.rebuild);
  if (!seen) return seen.error();
  const auto trust = format::decide(*seen);
  h.opened = opened_by(trust);
  const bool usable = trust != format::Trust::rebuild && trust != format::Trust::refuse;
  if (!usable) h.reader.release();
  recover->release();
  if (!usable) return Error{Code::read_only, 0, 0, "the index must be rebuilt first: open it once for writing"};
  return {};
}

Result<os::File> open_or_create(const std::string& path, const Options& o, bool& created) {
  const auto access = o.mode == Mode::read_only ? os::Access::read : os::Access::read_write;
  for (;;) {
    if (o.mode != Mode::create_new) {
      auto file = os::open(path, access);
      if (file || file.error().code != Code::not_found || o.mode != Mode::create) return file;
    }
    auto made = create(path, o);
    if (made) {
      created = true;
      return os::open(path, access);
    }
    if (made.error().code != Code::busy) return made.error();
    if (o.mode == Mode::create_new)
      return Error{Code::conflict, made.error().errno_value, 0, "the file exists already"};
  }
}

// What this handle promises its puts.
Result<void> promise(Handle& h, const Options& o) {
  h.durability = o.durability;
  h.compress_cold = o.compress_cold;
  if (o.durability != Durability::process && h.is_volatile)
    return Error{Code::unsupported, 0, 0, "this file system's files do not survive a power cut"};
  if (o.durability != Durability::interval || h.read_only) return {};
  constexpr std::chrono::milliseconds kForEver = std::chrono::hours(24 * 365);  // more would not fit into nanoseconds
  auto thread = SyncThread::start(h, std::min(o.sync_interval, kForEver));
  if (!thread) return thread.error();
  h.sync_thread = *std::move(thread);
  return {};
}

Result<Store> open(const std::string& path, const Options& o) {
  const std::uint64_t begun = os::steady_ns();
  if (auto no = refuse(o)) return *no;
  bool created = false;
  auto file = open_or_create(path, o, created);
  if (!file) return file.error();
  auto handle = map_store(path, *std::move(file), o.mode == Mode::read_only);
  if (!handle) return handle.error();
  auto joined = o.mode == Mode::read_only ? join_read_only(**handle, o) : join(**handle, o);
  if (joined && o.mode != Mode::read_only) joined = make_name_durable(**handle);
  if (joined) joined = promise(**handle, o);
  if (!joined) {
    step("open.failed");  // † as without it: what it has goes
    return joined.error();
  }
  if (created) (*handle)->opened = Opened::created;
  (*handle)->open_ns = os::steady_ns() - begun;
  return Handle::make_store(handle->release());
}

}  // namespace

Result<Store> open_unnamed(const os::NewFile& made, const std::string& path) {
  auto file = os::reopen(made.file(), path, os::Access::read_write);
  if (!file) return file.error();
  auto handle = map_store(path, *std::move(file), false);
  if (!handle) return handle.error();
  if (auto joined = join(**handle, {}); !joined) return joined.error();
  (*handle)->opened = Opened::created;
  return Handle::make_store(handle->release());
}

}  // namespace detail

Result<Store> open(std::string_view path, const Options& options) {
  if (path.empty() || path.find('\0') != path.npos) return Error{Code::invalid, 0, 0, "not a path"};
  return detail::open(std::string(path), options);
}

const char* name(Opened o) noexcept {
  constexpr const char* kNames[] = {"created", "warm", "clean", "same_boot", "rebuilt"};
  return kNames[static_cast<std::size_t>(o)];
}

}  // namespace durra
