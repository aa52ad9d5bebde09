// Data races: two accesses to one word, one of them a write, one of them not atomic, that no chain of releases and
// acquires puts in an order.  Vector clocks, as in FastTrack (Flanagan and Freund, PLDI'09), over the memory orders
// that the code asked for: so an order that is too weak is seen, though this processor and this scheduler would not
// show it.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "tests/proof/schedules/memory.h"

namespace durra::schedules {

class Races {
 public:
  struct Race {
    std::uint32_t word;
    unsigned first, second;                  // fibers
    const void *first_place, *second_place;  // in the code
  };

  Races();
  void rewind() noexcept;
  // Of a contested word.  A race with an earlier access is the result.
  bool plain(unsigned fiber, std::uint32_t word, bool write, const void* place, Race& out) noexcept;
  bool atomic(unsigned fiber, std::uint32_t word, bool write, const void* place, Race& out) noexcept;
  void acquire(unsigned fiber, std::uint32_t word) noexcept;
  // Of a read-modify-write the releases before it go on; of another store they do not.
  void release(unsigned fiber, std::uint32_t word, bool goes_on) noexcept;
  void stores_relaxed(std::uint32_t word) noexcept;  // ends the releases before it
  void fence(unsigned fiber) noexcept;               // seq_cst

 private:
  using Clock = std::array<std::uint32_t, kFibers>;
  struct Access {
    std::uint32_t clock = 0;
    const void* place = nullptr;
  };
  using Accesses = std::array<Access, kFibers>;
  struct Known {
    std::uint32_t round = 0;
    Clock released{};
    Accesses plain_reads{}, plain_writes{}, reads{}, writes{};
  };
  Known& known(std::uint32_t word) noexcept {
    Known& k = known_[word];
    if (k.round != round_) k = Known{}, k.round = round_;
    return k;
  }
  bool unordered(unsigned fiber, std::uint32_t word, const Accesses&, const void* place, Race& out) const noexcept;
  void note(unsigned fiber, Accesses& a, const void* place) noexcept { a[fiber] = {clocks_[fiber][fiber], place}; }

  std::uint32_t round_ = 1;
  std::array<Clock, kFibers> clocks_{};
  Clock fence_{};
  std::vector<Known> known_;
};

}  // namespace durra::schedules
