// Seats: taking one from the file, finding this thread's again, pinning.  PROTOCOL.md OPEN 6 and PIN.
#include "store/seat.h"

#include <pthread.h>

#include <algorithm>
#include <map>

#include "store/reap.h"
#include "store/step.h"

namespace durra::detail {
namespace {

// The seats this thread has a home in, most recent first.  An ended thread gives its homes back, if their handle still
// lives: `alive` knows.
struct Home {
  std::uint64_t handle_id = 0;
  LocalSeat* seat = nullptr;
};

struct Alive {
  std::mutex mutex;
  std::map<std::uint64_t, Handle*> handles;
};
Alive& alive() {
  static Alive* a = [] {
    // A fork by another thread must not leave the child with a mutex that nobody will unlock.
    pthread_atfork([] { alive().mutex.lock(); }, [] { alive().mutex.unlock(); }, [] { alive().mutex.unlock(); });
    return new Alive;  // never destroyed: threads may end after main
  }();
  return *a;
}

void give_back(const Home& home) noexcept {
  if (home.seat == nullptr) return;
  Alive& a = alive();
  const std::lock_guard guard(a.mutex);
  if (a.handles.contains(home.handle_id)) home.seat->homes.fetch_sub(1);
}

struct ThreadHomes {
  std::array<Home, 4> list;
  ~ThreadHomes() {
    for (const Home& h : list) give_back(h);
  }
  // Makes `home` the first; the last falls out.
  void remember(const Home& home) noexcept {
    last_home = {home.handle_id, home.seat};
    give_back(list.back());
    std::move_backward(list.begin(), list.end() - 1, list.end());
    list.front() = home;
  }
  LocalSeat* find(std::uint64_t handle_id) noexcept {
    for (std::size_t i = 0; i < list.size(); ++i)
      if (list[i].handle_id == handle_id) {
        if (i != 0) std::swap(list[0], list[i]);
        last_home = {list[0].handle_id, list[0].seat};
        return list[0].seat;
      }
    return nullptr;
  }
};
thread_local ThreadHomes homes;

// Makes the seat's page safe to store to on a full disk: once a seat, long before anything depends on it.
Result<void> back_seat(Handle& h, std::uint32_t n) {
  const std::uint64_t offset = h.space.super().seats_offset + n * sizeof(format::Seat);
  if (auto done = os::allocate(h.file, offset, sizeof(format::Seat)); !done) return done;
  return os::populate(&h.space.seat(n), sizeof(format::Seat));
}

void introduce(format::Seat& s) noexcept {
  shared::hint_store(s.pid, os::pid());
  shared::hint_store(s.tid, os::tid());
  shared::hint_store(s.command, os::command());
  shared::hint_store(s.since_ns, os::now_ns());
  shared::hint_store(s.beat_ns, os::coarse_now_ns());
  for (auto* figure : {&s.puts, &s.gets, &s.erases, &s.conflicts, &s.bytes, &s.claims}) shared::hint_store(*figure, 0);
}

// OPEN 6: the byte first, then the state; a seat that was not FREE belongs to a dead one, who is reaped and not robbed.
Result<LocalSeat*> try_take(Handle& h, std::uint32_t n) {
  format::Seat& seat = h.space.seat(n);
  if (format::seat_state(shared::seat_load(seat.state)) != format::SeatState::free) return nullptr;
  const std::uint64_t offset = h.space.super().seats_offset + n * sizeof(format::Seat);
  auto byte = os::HeldByte::take(h.file, h.path, format::kLockSeats + n, offset, os::Access::read_write);
  if (!byte) return byte.error();
  if (!*byte) return nullptr;
  const std::uint64_t word = shared::seat_load(seat.state);
  if (format::seat_state(word) != format::SeatState::free) {
    byte->release();
    return nullptr;
  }
  if (auto backed = back_seat(h, n); !backed) {
    byte->release();
    return backed.error();
  }
  auto local = std::make_unique<LocalSeat>();
  local->byte = std::move(*byte);
  local->number = n;
  // Nor is it one that a power cut took back, or that blocks came with from another file: names are held by it.
  local->generation = std::max(format::seat_generation(word) + 1, shared::raised_load(h.space.control().gen_floor));
  local->shared = &seat;
  for (auto& cell : seat.pins) shared::pin_clear(cell);
  shared::hint_store(seat.batch, 0);
  shared::note_store(seat.sync, 0);
  introduce(seat);
  step("open.6");  // † seat is FREE
  shared::seat_store(seat.state, format::seat_word(local->generation, format::SeatState::live));
  step("open.6b");  // † dead seat, reaped
  return local.release();
}

// `threads` come to it first: said before others may find it, or a second one would make it its home too.
Result<LocalSeat*> take_new_seat(Handle& h, std::int64_t threads) {
  if (auto no = h.lost_files()) return *no;
  const std::lock_guard guard(h.seats.adding);
  const auto count = shared::mark_load(h.seats.count);
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n) {
      auto taken = try_take(h, n);
      if (!taken) return taken.error();
      if (*taken == nullptr) continue;
      shared::mark_raise(h.locks_by_descriptor, (*taken)->byte.by_descriptor());
      (*taken)->homes.store(threads);
      h.seats.list[count].store(*taken);
      shared::mark_raise(h.seats.count, count + 1);
      return *taken;
    }
    reap_dead(h);  // every seat is taken: by the dead, perhaps
  }
  return Error{Code::full, 0, h.space.super().seat_count, "every participant seat is taken"};
}

template <class Fit>
LocalSeat* find_seat(Handle& h, Fit fit) noexcept {
  const auto count = shared::mark_load(h.seats.count);
  for (std::uint64_t i = 0; i < count; ++i)
    if (LocalSeat* s = h.seats.list[i].load(); fit(*s)) return s;
  return nullptr;
}

Error evicted(const LocalSeat& s) noexcept {
  return {Code::evicted, 0, s.number, "the descriptor that held this seat was closed"};
}

bool settle_alone(LocalSeat& s) noexcept {
  std::int64_t nobody = 0;
  return shared::looks_idle(s.busy) && s.homes.compare_exchange_strong(nobody, 1);
}

// A seat that no other thread comes to first; where the file has none left, one to share, which pins allow.
Result<LocalSeat*> settle(Handle& h) {
  if (LocalSeat* s = find_seat(h, settle_alone)) return s;
  auto fresh = take_new_seat(h, 1);
  if (fresh) return fresh;
  LocalSeat* s = find_seat(h, [](LocalSeat&) { return true; });
  if (s == nullptr) return fresh.error();
  s->homes.fetch_add(1);
  return s;
}

}  // namespace

bool is_lost(const Handle& h, const LocalSeat& s) noexcept {
  const bool can_be = shared::mark_load(h.locks_by_descriptor) != 0;
  return can_be && shared::seat_load(s.shared->state) != format::seat_word(s.generation, format::SeatState::live);
}

void beat(format::Seat& s, std::uint64_t now) noexcept {
  if (now - shared::hint_load(s.beat_ns) > 1'000'000'000) shared::hint_store(s.beat_ns, now);
}

void forget_homes(std::uint64_t handle_id) noexcept {
  Alive& a = alive();
  const std::lock_guard guard(a.mutex);
  a.handles.erase(handle_id);
}

Result<LocalSeat*> find_home(Handle& h) {
  if (LocalSeat* s = homes.find(h.id)) [[likely]] {
    if (shared::mark_load(h.locks_by_descriptor) == 0) [[likely]]
      return s;
    last_home.handle_id = 0;  // so that the next operation comes here too, and is told
    if (is_lost(h, *s)) return evicted(*s);
    return s;
  }
  {
    Alive& a = alive();
    const std::lock_guard guard(a.mutex);
    a.handles.emplace(h.id, &h);
  }
  auto s = settle(h);
  if (!s) return s;
  homes.remember({h.id, *s});
  if (shared::mark_load(h.locks_by_descriptor) != 0) last_home.handle_id = 0;
  tick(h);  // it may have put here before, at a home that it has forgotten
  return s;
}

Result<ExclusiveSeat> ExclusiveSeat::take(Handle& h) {
  auto home = home_seat(h);
  if (!home) return home.error();
  LocalSeat* s = *home;
  if (!shared::try_acquire(s->busy)) {  // a draft of this thread, a nested call, or a shared seat
    s = find_seat(h, [](LocalSeat& l) { return shared::try_acquire(l.busy); });
    while (s == nullptr) {
      auto fresh = take_new_seat(h, 0);
      if (!fresh) return fresh.error();
      if (shared::try_acquire((*fresh)->busy)) s = *fresh;
    }
    if (is_lost(h, *s)) {
      shared::release(s->busy);
      return evicted(*s);
    }
    tick(h);  // as order(): what this thread put at home has stamps of another seat
  }
  return ExclusiveSeat(h, s);
}

std::optional<Error> ExclusiveSeat::refuse_evicted() const noexcept {
  return is_lost(*handle_, *seat_) ? std::optional(evicted(*seat_)) : std::nullopt;
}

namespace {

void read_clock(LocalSeat& seat) noexcept {
  const std::uint64_t now = os::coarse_now_ns();
  const bool busy = now - shared::mark_load(seat.clock_ns) < 50'000'000;
  const std::uint32_t period = busy ? std::min(63u, seat.clock_period.load() * 2 + 1) : 0;
  seat.clock_period.store(period);
  shared::count_from(seat.until_clock, period);
  shared::mark_raise(seat.clock_ns, now);
  beat(*seat.shared, now);
}

}  // namespace

std::uint64_t* pin(Handle& h, LocalSeat& seat, std::uint64_t count) noexcept {
  auto& cells = seat.shared->pins;
  if (shared::count_down(seat.until_clock)) read_clock(seat);
  const std::uint64_t epoch = shared::epoch_load(h.space.control());
  for (auto& cell : cells) {
    const std::uint64_t now = shared::pin_load(cell);
    if (format::pin_count(now) == 0 &&
        shared::pin_enter(cell, now, format::pin_cell(epoch, count) | (now & format::kPinClosing))) {
      if (&cell == &cells[0]) shared::hint_store(seat.shared->pinned_since_ns, shared::mark_load(seat.clock_ns));
      return &cell;
    }
  }
  for (;;) {  // all four are busy: join the youngest that has room
    std::uint64_t* best = nullptr;
    std::uint64_t best_word = 0;
    for (auto& cell : cells) {
      const std::uint64_t now = shared::pin_load(cell);
      if (format::pin_count(now) + count > format::kPinCountMax) continue;
      if (best == nullptr || format::pin_epoch(now) > format::pin_epoch(best_word)) best = &cell, best_word = now;
    }
    if (best == nullptr) return nullptr;
    // A cell that fell idle meanwhile takes the epoch of now; a busy one keeps its own, which is only stronger.
    const std::uint64_t to = format::pin_count(best_word) == 0
                                 ? format::pin_cell(epoch, count) | (best_word & format::kPinClosing)
                                 : best_word + count;
    if (shared::pin_enter(*best, best_word, to)) return best;
  }
}

void leave_seat(LocalSeat& s) noexcept {
  shared::hint_store(s.shared->beat_ns, os::coarse_now_ns());  // leaving changes the file
  for (auto& cell : s.shared->pins) shared::pin_clear(cell);
  shared::seat_store(s.shared->state, format::seat_word(s.generation, format::SeatState::free));
  step("close.free");
  s.byte.release();
}

}  // namespace durra::detail
