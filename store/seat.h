// Seats and pins: how a thread of this process becomes a participant, and how it keeps what it reads in place.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// Where this thread went last.  Trivial, so that reading it costs no check of initialisation.
struct LastHome {
  std::uint64_t handle_id;
  LocalSeat* seat;
};
inline thread_local constinit LastHome last_home{0, nullptr};
Result<LocalSeat*> find_home(Handle&);

// Moves the clock on: stamps given from now on are greater than all that were given before.
inline void tick(const Handle& h) noexcept {
  auto& control = h.space.control();
  shared::clock_tick(control, shared::clock_load(control));  // one try: lost means that somebody else moved it on
}

// The seat this thread comes to first: shared with other threads only when the file has no more.  For pins.
inline Result<LocalSeat*> home_seat(Handle& h) {
  if (last_home.handle_id == h.id) [[likely]]
    return last_home.seat;
  return find_home(h);
}

// Whether it was taken for a dead one's, where locks go with descriptors: it is its successor's now, and its pins are.
bool is_lost(const Handle&, const LocalSeat&) noexcept;

// A seat for this thread alone, for as long as this object lives: what a put, erase or draft needs.
//
// Stamps of one seat rise.  Those of one thread shall too, though it is not always at its home: so whoever puts by
// another seat ticks the clock before and behind (PROTOCOL.md PUT, 6).
class ExclusiveSeat {
 public:
  static Result<ExclusiveSeat> take(Handle&);
  ExclusiveSeat(ExclusiveSeat&& o) noexcept : handle_(o.handle_), seat_(o.seat_) { o.seat_ = nullptr; }
  ExclusiveSeat& operator=(ExclusiveSeat&&) = delete;
  ~ExclusiveSeat() {
    if (seat_ == nullptr) return;
    order();
    shared::release(seat_->busy);
  }
  LocalSeat& operator*() const noexcept { return *seat_; }
  LocalSeat* operator->() const noexcept { return seat_; }
  // `evicted` where is_lost.
  std::optional<Error> refuse_evicted() const noexcept;
  // Between two puts of one thread at two seats, at either end: the later stamp is greater.  Nothing at home.  A death
  // before or after it leaves the clock as good as it was.
  void order() const noexcept {
    if (last_home.seat != seat_ && !handle_->forked()) [[unlikely]]
      tick(*handle_);
  }

 private:
  ExclusiveSeat(Handle& h, LocalSeat* s) noexcept : handle_(&h), seat_(s) {}
  Handle* handle_;
  LocalSeat* seat_;
};

// Pins `count` Records' worth in one cell of the seat (PROTOCOL.md PIN).  Waits for nobody.  Null when this seat's
// threads already hold 120,000 Records: too_many_pins().
std::uint64_t* pin(Handle&, LocalSeat&, std::uint64_t count = 1) noexcept;
// More on a cell that is already pinned by the caller (or is a read-only handle's): as old, hence as strong.  False
// when the cell has no room for them: too_many_pins().
inline bool try_pin_again(std::uint64_t* cell, std::uint64_t count = 1) noexcept {
  for (;;) {
    const std::uint64_t now = shared::pin_load(*cell);
    if (format::pin_count(now) + count > format::kPinCountMax) return false;
    if (shared::pin_enter(*cell, now, now + count)) return true;
  }
}

inline Error too_many_pins() noexcept {
  return Error{Code::full, 0, format::kPinCells * format::kPinCountMax, "too many Records are held at the same time"};
}

// A pin for the length of one operation, or shorter.
class OperationPin {
 public:
  OperationPin(Handle& h, LocalSeat& s) noexcept : handle_(h), cell_(pin(h, s)) {}
  ~OperationPin() { drop(); }
  OperationPin(const OperationPin&) = delete;
  explicit operator bool() const noexcept { return cell_ != nullptr; }
  std::uint64_t* cell() const noexcept { return cell_; }  // for try_pin_again
  void drop() noexcept {
    if (cell_ != nullptr) Handle::release_pin(&handle_, cell_);
    cell_ = nullptr;
  }

 private:
  Handle& handle_;
  std::uint64_t* cell_;
};

// Pins that were counted for what is still to be made, a Record or a walk: whoever has made one takes its pin, and when
// memory runs out before, the rest goes back.
class PinsToTake {
 public:
  PinsToTake(Handle& h, std::uint64_t* cell, std::uint64_t count = 1) noexcept
      : handle_(h), cell_(cell), count_(count) {}
  ~PinsToTake() {
    if (count_ != 0) Handle::release_pin(&handle_, cell_, count_);
  }
  PinsToTake(const PinsToTake&) = delete;
  std::uint64_t* take() noexcept {
    --count_;
    return cell_;
  }

 private:
  Handle& handle_;
  std::uint64_t* const cell_;
  std::uint64_t count_;
};

// At most once a second: the time of the seat's last operation, which a cold opener compares with the file's (F9).
void beat(format::Seat&, std::uint64_t now_ns) noexcept;

// Gives the seat back to the file: state FREE, byte released.  Its region was left before (leave_region).
void leave_seat(LocalSeat&) noexcept;

// The handle is going: threads that end later have nothing to give back to it.
void forget_homes(std::uint64_t handle_id) noexcept;

}  // namespace durra::detail
