// Pins of read-only openers.
#include "store/reader_pin.h"

#include "store/seat.h"

namespace durra::detail {
namespace {

// Two cells may have the same epoch: its byte is let go with the last of them.
void let_go(Handle& h, ReaderPins& pins, std::size_t i) noexcept {
  const std::uint64_t mine = std::exchange(pins.locked[i], 0);
  if (mine == 0) return;
  for (const std::uint64_t other : pins.locked)
    if (other == mine) return;
  os::unlock(h.file, format::kLockEpoch + mine - 1);
}

// The lock comes before the first word that is read; an epoch that is old by then is only stronger.
Result<void> lock(Handle& h, ReaderPins& pins, std::size_t i, std::uint64_t epoch) noexcept {
  if (pins.locked[i] == epoch + 1) return {};
  let_go(h, pins, i);
  const auto held = os::try_lock(h.file, format::kLockEpoch + epoch, os::Lock::shared);
  if (!held) return held.error();
  if (!*held) return Error{Code::busy, 0, 0, "somebody holds the lock of read-only openers"};
  pins.locked[i] = epoch + 1;
  shared::reclaim_fence();
  return {};
}

}  // namespace

Result<std::uint64_t*> pin_reader(Handle& h, std::uint64_t count) noexcept {
  if (auto no = h.lost_files()) return *no;
  ReaderPins& pins = h.reader_pins;
  const std::lock_guard guard(pins.mutex);
  const std::uint64_t epoch = shared::epoch_load(h.space.control());
  std::size_t best = pins.cells.size();
  for (std::size_t i = 0; i < pins.cells.size(); ++i) {
    const std::uint64_t now = shared::pin_load(pins.cells[i]);
    if (format::pin_count(now) != 0) {
      const bool room = format::pin_count(now) + count <= format::kPinCountMax;
      const bool younger =
          best == pins.cells.size() || format::pin_epoch(now) > format::pin_epoch(shared::pin_load(pins.cells[best]));
      if (room && younger) best = i;
      continue;
    }
    if (auto locked = lock(h, pins, i, epoch); !locked) return locked.error();
    // A handle that closes has marked the cell; nobody else raises a count from 0.
    shared::pin_enter(pins.cells[i], now, format::pin_cell(epoch, count) | (now & format::kPinClosing));
    return &pins.cells[i];
  }
  // All four are busy: the youngest, unless its last Record went meanwhile.
  while (best != pins.cells.size()) {
    const std::uint64_t now = shared::pin_load(pins.cells[best]);
    if (auto locked = lock(h, pins, best, format::pin_epoch(now)); !locked) return locked.error();
    if (shared::pin_enter(pins.cells[best], now, now + count)) return &pins.cells[best];
  }
  return too_many_pins();
}

std::uint64_t leave_reader(Handle& h, std::uint64_t* cell, std::uint64_t count) noexcept {
  ReaderPins& pins = h.reader_pins;
  const std::lock_guard guard(pins.mutex);
  const std::uint64_t before = shared::pin_leave(*cell, count);
  // A handle that closes lets go of all with its file.
  if (format::pin_count(before) == count && (before & format::kPinClosing) == 0)
    let_go(h, pins, static_cast<std::size_t>(cell - pins.cells.data()));
  return before;
}

}  // namespace durra::detail
