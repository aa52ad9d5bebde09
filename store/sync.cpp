// SYNC: tickets, flushes that processes share, the error that stays.
#include "store/sync.h"

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>
#include <vector>

#include "store/dirty.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/step.h"
#include "store/tidy.h"

namespace durra::detail {
namespace {

using std::chrono::nanoseconds;

// Around a call that may be told of a failure which nobody will be told again: whoever finds the note of a dead or a
// stopped one doubts the page cache, and threads of this handle wait for what it says.
class Note {
 public:
  Note(Handle& h, LocalSeat& seat) noexcept : control_(h.space.control()), seat_(seat) {
    request_ = shared::ticket_last(control_);
    shared::note_store(seat_.shared->sync, std::max<std::uint64_t>(request_, 1));
    shared::futex_next(seat_.flushes, shared::futex_load(seat_.flushes));
  }
  ~Note() {
    shared::note_store(seat_.shared->sync, 0);
    shared::futex_next(seat_.flushes, shared::futex_load(seat_.flushes));
    os::futex_wake_all(&seat_.flushes);
  }
  Note(const Note&) = delete;
  std::uint64_t request() const noexcept { return request_; }
  void failed(const Error& e) noexcept {
    shared::error_stick(control_.sync_error, format::sync_error(request_, e.errno_value != 0 ? e.errno_value : EIO));
  }

 private:
  format::Control& control_;
  LocalSeat& seat_;
  std::uint64_t request_;
};

// Before a seat's first flush.  True: it was there before, and was told of all that failed since.
bool call_witness(Handle& h, LocalSeat& seat) noexcept {
  if (seat.witness) return true;
  if (h.lost_files()) return false;
  try {
    if (auto witness = os::Witness::open(h.file, h.path)) seat.witness = std::move(*witness);
  } catch (const std::bad_alloc&) {
  }
  return false;
}

// Until those who are in a flush now, by the same open file, have said how it ended.
void wait_for_other_flushes(Handle& h, const LocalSeat& own) noexcept {
  const auto count = shared::mark_load(h.seats.count);
  for (std::uint64_t i = 0; i < count; ++i) {
    LocalSeat& other = *h.seats.list[i].load();
    const std::uint32_t seen = shared::futex_load(other.flushes);
    while (&other != &own && seen % 2 != 0 && shared::futex_load(other.flushes) == seen)
      os::futex_wait(&other.flushes, seen, std::chrono::seconds(1));
  }
}

// Calls `flush` with the last ticket.  True: what it covers is on the disk; neither it nor another thread of this
// handle, which would have been told instead, was told that something is not.
template <class Flush>
bool flush_noted(Handle& h, LocalSeat& seat, Flush flush) {
  const bool was_there = call_witness(h, seat);
  bool asked = false;
  {
    Note note(h, seat);
    Result<void> done = flush(note.request());
    if (done && seat.witness) {
      const auto told = seat.witness.ask();
      if (!told) done = told.error();
      asked = was_there && told && *told != 0;
    }
    if (!done) {
      note.failed(done.error());
      return false;
    }
  }
  if (!asked) wait_for_other_flushes(h, seat);
  return !sync_lost(h);
}

// Step 3: everything below the tails, and which regions are free or waiting to be.
Result<void> flush_everything(Handle& h, const std::vector<Dirty>& all, bool doubtful) {
  if (doubtful)
    for (const Dirty& d : all)
      if (auto done = write_anew(h, d); !done) return done;
  if (auto done = flush_regions(h, all); !done) return done;
  return flush_descriptors(h, doubtful);
}

// Step 4.
void mark(Handle& h, const std::vector<Dirty>& all) noexcept {
  for (const Dirty& d : all) shared::synced_raise(h.space.descriptor(d.region).synced, d.generation, d.settled / 8);
}

void tell(Handle& h, std::uint64_t took_ns) noexcept {
  auto& c = h.space.control();
  const std::uint64_t usual = shared::hint_load(c.sync_usual_ns);
  shared::hint_store(c.sync_usual_ns, usual == 0 ? took_ns : usual - usual / 4 + took_ns / 4);
  shared::hint_add(c.syncs, 1);
  shared::hint_store(c.synced_ns, os::coarse_now_ns());
}

void ring(format::Control& c) noexcept {
  const std::uint32_t bell = shared::futex_load(c.sync_bell);
  if (bell % 2 == 0) return;
  shared::futex_next(c.sync_bell, bell);
  os::futex_wake_all(&c.sync_bell);
}

// Steps 3 to 5, as the one who leads for now.
Result<void> lead(Handle& h, LocalSeat& seat) {
  const OperationPin pinned(h, seat);
  if (!pinned) return too_many_pins();
  auto& c = h.space.control();
  const std::uint64_t begun = os::steady_ns();
  std::vector<Dirty> all;
  std::uint64_t request = 0, doubts = 0;
  const bool flushed = flush_noted(h, seat, [&](std::uint64_t last_ticket) {
    step("sync.1");  // † its note is found: the next flush writes anew
    request = last_ticket;
    doubts = shared::raised_load(c.sync_doubts);
    all = dirty_regions(h);
    step("sync.2");  // † records are stamped, nothing is marked
    return flush_everything(h, all, shared::raised_load(c.sync_certain) < doubts);
  });
  if (flushed) {
    step("sync.3");  // † flushed, nothing is marked: somebody flushes again
    mark(h, all);
    shared::raise(c.sync_certain, doubts);
    shared::raise(c.sync_done, request);
    tell(h, os::steady_ns() - begun);
  }
  step("sync.4");  // † done, nobody woken: they wait a slice
  return {};
}

// Step 2.  True: somebody else's flush was under way and was waited for, at most for twice as long as one usually
// takes. False: it is up to the caller, who is the leader now as far as the others can see.
bool wait_for_leader(Handle& h, std::uint64_t ticket, std::uint64_t& begun) noexcept {
  auto& c = h.space.control();
  const std::uint64_t now = os::steady_ns();
  const std::uint64_t seen = shared::hint_load(c.sync_begun_ns);
  const std::uint64_t usual =
      std::clamp<std::uint64_t>(2 * shared::hint_load(c.sync_usual_ns), 1'000'000, 1'000'000'000);
  const bool fresh = seen != 0 && seen <= now && now - seen < usual;
  if (!fresh) {
    begun = now;
    return !shared::hint_change(c.sync_begun_ns, seen, now);
  }
  std::uint32_t bell = shared::futex_load(c.sync_bell);
  if (bell % 2 == 0 && !shared::futex_next(c.sync_bell, bell++)) return true;
  if (is_synced(h, ticket) || sync_lost(h) || shared::hint_load(c.sync_begun_ns) != seen) return true;
  os::futex_wait(&c.sync_bell, bell, nanoseconds(usual - (now - seen)));
  return true;
}

// `own`: the seat to flush from; null: one that is idle, or a new one.
Result<void> lead_from(Handle& h, LocalSeat* own) {
  if (own != nullptr) return lead(h, *own);
  auto seat = ExclusiveSeat::take(h);
  return seat ? lead(h, **seat) : seat.error();
}

// Those who wait are told, also where there was no memory for the flush.
struct EndOfLead {
  format::Control& control;
  const std::uint64_t begun;
  ~EndOfLead() {
    shared::hint_change(control.sync_begun_ns, begun, 0);
    ring(control);
  }
};

// Steps 2 to 5.
Result<void> sync_from(Handle& h, std::uint64_t ticket, LocalSeat* own) {
  auto& c = h.space.control();
  for (;;) {
    if (is_synced(h, ticket)) return {};
    if (auto lost = sync_lost(h)) return *lost;
    std::uint64_t begun = 0;
    if (wait_for_leader(h, ticket, begun)) continue;
    const EndOfLead end{c, begun};
    if (auto led = lead_from(h, own); !led) return led;
  }
}

// A put's own region, from where it is durable to where it is settled.  The first time all of it: so its blocks are
// given and written once, and every later flush is one of a few pages in place.
void flush_own_region(Handle& h, LocalSeat& seat) {
  const OpenRegion& region = *seat.region;
  format::Descriptor& d = h.space.descriptor(region.number);
  const std::uint64_t from = format::untag(shared::raised_load(d.synced), region.generation) * 8;
  const std::uint64_t settled = shared::tail_load(d.settled);
  if (from >= settled) return;
  const bool flushed = flush_noted(h, seat, [&](std::uint64_t) {
    step("power.1");  // † its note is found: the next flush writes anew
    const std::uint64_t end = from == 0 ? region.capacity : settled;
    return os::flush(h.space.base() + h.space.region_offset(region.number) + from, end - from);
  });
  if (!flushed) return;
  step("power.2");  // † durable, and not marked
  shared::synced_raise(d.synced, region.generation, settled / 8);
}

}  // namespace

std::uint64_t take_ticket(Handle& h) noexcept { return shared::ticket_take(h.space.control()); }

bool is_synced(Handle& h, std::uint64_t ticket) noexcept {
  if (h.is_volatile) return true;
  auto& c = h.space.control();
  return shared::error_load(c.sync_error) == 0 && shared::raised_load(c.sync_done) >= ticket;
}

std::optional<Error> sync_lost(const Handle& h) noexcept {
  const std::uint64_t error = shared::error_load(h.space.control().sync_error);
  if (error == 0) return {};
  return Error{Code::sync_lost, static_cast<std::uint16_t>(error & 0xffff), error >> 16,
               "a flush failed: what was put since the last sync may not survive a power cut"};
}

Result<void> sync_until(Handle& h, std::uint64_t ticket) { return sync_from(h, ticket, nullptr); }
Result<void> sync_until(Handle& h, LocalSeat& seat, std::uint64_t ticket) { return sync_from(h, ticket, &seat); }

Result<void> make_durable(Handle& h, LocalSeat& seat, Durability durability) {
  if (durability == Durability::process) return {};
  if (auto lost = sync_lost(h)) return *lost;
  if (durability == Durability::interval) {
    shared::unsynced_mark(seat.unsynced);
  } else if (cache_in_doubt(h)) {
    return sync_from(h, take_ticket(h), &seat);
  } else {
    flush_own_region(h, seat);
  }
  if (auto lost = sync_lost(h)) return *lost;
  return {};
}

void flush_bytes(Handle& h, LocalSeat& seat, std::uint64_t offset, std::uint64_t size) noexcept {
  if (h.is_volatile) return;
  Note note(h, seat);
  if (auto done = os::flush(h.map.base() + offset, size); !done) note.failed(done.error());
}

bool flush_all(Handle& h) {
  if (sync_lost(h)) return false;
  auto& c = h.space.control();
  const std::uint64_t doubts = shared::raised_load(c.sync_doubts);
  Note note(h, *h.seats.list[0].load());
  const auto flushed = [&]() -> Result<void> {
    if (cache_in_doubt(h))
      for (const Dirty& d : dirty_regions(h))
        if (auto done = write_anew(h, d); !done) return done;
    return os::sync(h.file);
  }();
  if (!flushed) {
    note.failed(flushed.error());
    return false;
  }
  shared::raise(c.sync_certain, doubts);
  mark_synced(h);
  return true;
}

bool cache_in_doubt(const Handle& h) noexcept {
  auto& c = h.space.control();
  return !h.is_volatile && shared::raised_load(c.sync_certain) < shared::raised_load(c.sync_doubts);
}

void doubt_cache(Handle& h) noexcept { shared::doubt(h.space.control().sync_doubts); }

void doubt_beside_flushers(Handle& h) noexcept {
  for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n)
    if (shared::note_load(h.space.seat(n).sync) != 0) return doubt_cache(h);
}

}  // namespace durra::detail

namespace durra {

Result<void> Store::sync() {
  detail::Handle& h = *handle_;
  if (auto no = h.refuse_write()) return *no;
  if (h.is_volatile) return Error{Code::unsupported, 0, 0, "this file system's files do not survive a power cut"};
  auto done = detail::sync_until(h, detail::take_ticket(h));
  if (done) detail::tidy_after_sync(h);
  return done;
}

}  // namespace durra
