// A seat: what one participant (one thread of one handle at work) shows to the others.  256 bytes.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace durra::format {

inline constexpr std::uint32_t kPinCells = 4;

// Changed by: its owner, who holds the seat's byte of the file; after the owner's death by whoever got that byte.
// Release of a pin: any thread of the owner's process.  Read by: anyone.
struct Seat {
  alignas(64) std::uint64_t state;  //   0  {generation:60 | SeatState:4}
  std::uint64_t batch;              //   8  file offset of the envelope being installed; 0 = none
  std::uint64_t sync;               //  16  the request a flush was begun for; 0 = none
  std::uint64_t beat_ns;            //  24  coarse UTC time, stored at most once a second while working
  alignas(64) std::array<std::uint64_t, kPinCells> pins;  //  64  {epoch:48 | closing:1 | count:15}; idle = count 0
  alignas(64) std::uint32_t pid;                          // 128  for people only
  std::uint32_t tid;                                      // 132
  std::uint64_t since_ns;                                 // 136  UTC
  std::array<char, 16> command;                           // 144
  std::uint64_t pinned_since_ns;                          // 160  coarse UTC time of the oldest pin, a hint
  alignas(64) std::uint64_t puts;                         // 192  since the seat was taken; relaxed, for people only
  std::uint64_t gets;                                     // 200
  std::uint64_t erases;                                   // 208
  std::uint64_t conflicts;                                // 216
  std::uint64_t bytes;                                    // 224  of payload put
  std::uint64_t claims;                                   // 232  regions claimed
};
static_assert(sizeof(Seat) == 256);
static_assert(offsetof(Seat, pins) == 64 && offsetof(Seat, pid) == 128 && offsetof(Seat, puts) == 192);

enum class SeatState : std::uint8_t { free = 0, live = 1 };

constexpr std::uint64_t seat_word(std::uint64_t generation, SeatState s) noexcept {
  return generation << 4 | static_cast<std::uint64_t>(s);
}
constexpr SeatState seat_state(std::uint64_t word) noexcept { return static_cast<SeatState>(word & 15); }
constexpr std::uint64_t seat_generation(std::uint64_t word) noexcept { return word >> 4; }

// A pin cell.  While `count` > 0 nothing that was reachable in `epoch` or later is moved or reused.  `closing` is set
// by the owning handle when it closes, so that the last release knows it is the last.
inline constexpr std::uint64_t kPinClosing = 1ull << 15;
inline constexpr std::uint64_t kPinCountMax = 30'000;
constexpr std::uint64_t pin_epoch(std::uint64_t cell) noexcept { return cell >> 16; }
constexpr std::uint64_t pin_count(std::uint64_t cell) noexcept { return cell & (kPinClosing - 1); }
constexpr std::uint64_t pin_cell(std::uint64_t epoch, std::uint64_t count) noexcept { return epoch << 16 | count; }

// Bytes of the file that are locked (open file description locks), far beyond its end.
inline constexpr std::uint64_t kLockSeats = 1ull << 62;                   // + seat: held while its owner lives
inline constexpr std::uint64_t kLockRecover = kLockSeats + (1ull << 20);  // held while opening, closing, rebuilding
inline constexpr std::uint64_t kLockReader = kLockSeats + (1ull << 21);   // shared, while a read-only opener lives
inline constexpr std::uint64_t kLockHold = kLockSeats + (1ull << 32);     // + region: a block that somebody has open
inline constexpr std::uint64_t kLockEpoch = 1ull << 61;  // + epoch, shared: the pin of a read-only opener

}  // namespace durra::format
