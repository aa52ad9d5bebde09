// Pins of a read-only opener: it may not write into the file, so it locks the byte of an epoch, shared, and whoever
// wants to free a region asks the kernel for locked bytes up to the epoch of its retirement (F35).
#pragma once
#include <array>
#include <cstdint>
#include <mutex>

#include "format/seat.h"
#include "store/os.h"

namespace durra::detail {

struct Handle;

// Cells as a seat has them, private to the process: {epoch, count}.  A cell whose count is not 0 has its byte locked.
struct ReaderPins {
  std::mutex mutex;
  std::array<std::uint64_t, format::kPinCells> cells{};
  std::array<std::uint64_t, format::kPinCells> locked{};  // epoch + 1 whose byte is locked for it; 0: none
};

// Pins `count` Records' worth, or says why not: `io` when the descriptor is gone, `full` when too many are held.
Result<std::uint64_t*> pin_reader(Handle&, std::uint64_t count = 1) noexcept;
// Releases, and unlocks with the last of a cell.  Returns what the cell held before.
std::uint64_t leave_reader(Handle&, std::uint64_t* cell, std::uint64_t count) noexcept;

}  // namespace durra::detail
