// Who runs: every access to a contested word of the store's file is a point where another may go on instead.
//
// Plain accesses are no such points: between two accesses that are, what a participant does to its own bytes cannot be
// told apart from all at once, as long as nobody races for them; and that is watched (races.h).
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "tests/proof/schedules/explorer.h"
#include "tests/proof/schedules/fiber.h"
#include "tests/proof/schedules/memory.h"
#include "tests/proof/schedules/races.h"

namespace durra::schedules {

// How a schedule ended.
enum class End : std::uint8_t {
  complete,  // everybody is done, or dead
  cut,       // in a state that was seen before
  learned,   // a word was found to be contested: what was explored so far was not all of it
  endless,   // more steps than anything may take
  race,
  refused,  // a participant complained
};

class Scheduler {
 public:
  static constexpr std::uint32_t kStepsMax = 400'000;  // accesses to the file in one schedule

  // ---- Before and between schedules, from outside of all fibers
  // Runs `body` as this fiber, alone and unwatched: nothing is noted, nothing is a point.  False: he complained.
  bool alone(unsigned fiber, const std::function<void()>& body);
  // The same with accesses noted, for the observer after a schedule: `complete`, `refused` or `endless`.
  End observe(const std::function<void()>& body);
  // What all fibers, the file and the arena are now is what every schedule begins from.
  void checkpoint();
  // One schedule of the first `players` fibers.  It leaves everything as it ended: call rewind() before the next.
  End run(unsigned players, void (*body)(unsigned player), Explorer&);
  void rewind() noexcept;
  const Races::Race& race() const noexcept { return race_; }
  bool is_dead(unsigned player) const noexcept { return players_[player].state == State::dead; }
  unsigned dead() const noexcept { return dead_; }  // how many
  std::uint32_t steps() const noexcept { return steps_; }
  std::uint32_t slept() const noexcept { return slept_; }  // how often somebody slept to the end of his patience
  std::uint64_t points() const noexcept { return points_; }

  // ---- From a fiber
  bool watching() const noexcept { return watching_; }
  unsigned player() const noexcept { return now_; }
  // An atomic access is about to be made to the word.
  void arrive(std::uint32_t word) noexcept {
    if (++steps_ > kStepsMax) stop(End::endless);
    if (now_ == kObserver) return;
    if (memory.contested(word))
      point(word, true);
    else if (explorer_->kills_left() != 0 && memory.matters_to_observer(word))
      point(word, false);
  }
  void plain(std::uint32_t word, bool write, const void* place) noexcept;
  void did_read(std::uint32_t word, Word value, bool acquires, const void* place) noexcept;
  // Before a write: `changes` is what the history is to know of it.
  void will_write(std::uint32_t word, Word change, bool releases, bool is_update, const void* place) noexcept;
  void fence() noexcept { races_.fence(now_); }

  [[noreturn]] void refuse() noexcept { stop(End::refused); }

  // ---- The simulated kernel, from a fiber
  std::uint64_t elapsed() const noexcept { return players_[now_].elapsed; }
  void pass(std::uint64_t ns) noexcept { players_[now_].elapsed += ns; }
  void nap(std::uint64_t ns) noexcept;
  void sleep_on(std::uint32_t word, std::uint64_t at_most_ns) noexcept;
  void wake(std::uint32_t word) noexcept;
  // Words of the kernel, as atomic accesses.
  Word kernel_load(std::uint32_t n) noexcept;
  void kernel_store(std::uint32_t n, Word value) noexcept;
  bool kernel_change(std::uint32_t n, Word from, Word to) noexcept;
  // By the kernel for this player, wherever he is: no point.
  void kernel_force(unsigned player, std::uint32_t n, Word value) noexcept;

 private:
  enum class State : std::uint8_t { absent, fresh, ready, asleep, done, dead };
  struct Player {
    State state = State::absent;
    std::uint64_t history = 0, elapsed = 0;
    std::uint32_t waits_for = Memory::kNone;
    std::uint64_t until = 0;
  };

  static void enter(void* self) noexcept;
  void point(std::uint32_t word, bool may_switch) noexcept;
  void hand_over(bool others_only) noexcept;
  void decide(bool current_may, bool others_may, bool others_only) noexcept;
  void kill(unsigned player) noexcept;
  void go_to(unsigned player) noexcept;
  [[noreturn]] void stop(End) noexcept;
  std::uint8_t ready() const noexcept;
  bool wake_first_sleeper() noexcept;
  std::uint64_t state() noexcept;
  void learn() noexcept {
    if (memory.contests() != contests_) stop(End::learned);
  }
  void remember(Word what) noexcept { players_[now_].history = mix(players_[now_].history, what); }

  std::array<Fiber, kFibers + 1> fibers_;  // and one who is dead before it begins
  std::array<Player, kFibers + 1> players_;
  Races races_;
  Races::Race race_{};
  Explorer* explorer_ = nullptr;
  void (*body_)(unsigned) = nullptr;
  const std::function<void()>* alone_ = nullptr;
  unsigned now_ = 0, count_ = 0, dead_ = 0;
  bool watching_ = false;
  std::uint32_t steps_ = 0, slept_ = 0;
  std::uint64_t contests_ = 0, points_ = 0;
  End end_ = End::complete;
};

extern Scheduler scheduler;

}  // namespace durra::schedules
