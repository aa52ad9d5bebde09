// Words of a seat, and the places of the locks.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "format/layout.h"
#include "format/seat.h"

namespace durra::format {
namespace {

RC_GTEST_PROP(Seat, the_state_word_keeps_both_halves, ()) {
  const auto generation = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 60);
  const auto state = *rc::gen::element(SeatState::free, SeatState::live);
  const auto word = seat_word(generation, state);
  RC_ASSERT(seat_generation(word) == generation);
  RC_ASSERT(seat_state(word) == state);
}

RC_GTEST_PROP(Seat, a_pin_cell_keeps_epoch_count_and_closing, ()) {
  const auto epoch = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 48);
  const auto count = *rc::gen::inRange<std::uint64_t>(0, kPinCountMax + 1);
  const auto cell = pin_cell(epoch, count);
  RC_ASSERT(pin_epoch(cell) == epoch && pin_count(cell) == count && (cell & kPinClosing) == 0u);
  RC_ASSERT(pin_epoch(cell | kPinClosing) == epoch && pin_count(cell | kPinClosing) == count);
}

TEST(Seat, a_full_cell_has_room_for_every_seat_to_join_at_once) {
  EXPECT_LT(kPinCountMax + kSeatCountMax, kPinClosing);
}

TEST(Seat, no_lock_byte_has_two_meanings) {
  EXPECT_LT(kLockSeats + kSeatCountMax, kLockRecover);
  EXPECT_LT(kLockRecover, kLockHold);
  EXPECT_LT(kLockHold + kRegionCountMax, 1ULL << 63);
  EXPECT_LT(kLockEpoch + (1ULL << 48), kLockSeats);
  EXPECT_GT(kLockEpoch, kFileSizeMax);
}

}  // namespace
}  // namespace durra::format
