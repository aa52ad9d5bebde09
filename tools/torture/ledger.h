// What the tortured have promised: shared by the parent and all workers, outside of the store, not lost by a kill.
//
// A worker writes down what it is about to do before it does it, and that it is done after the call returned.  So a
// kill leaves at most one change of one key open: it was published, or it never happened.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace durra::tools {

inline constexpr unsigned kWorkersMax = 16;
inline constexpr unsigned kOwnKeys = 64;   // per worker: nobody else changes them
inline constexpr unsigned kCounters = 4;   // changed by everybody with update(): each counts everybody's changes
inline constexpr unsigned kRegisters = 4;  // put by everybody, blindly: the stamps say who was last
inline constexpr unsigned kLocks = 2;      // created and erased by everybody with put_if and erase_if

// One key as one worker changes it.  Changed by: that worker; after its death by the parent.  Read by: anyone.
struct Cell {
  std::atomic<std::uint64_t> next{0};          // the last sequence that was ever used; never used again
  std::atomic<std::uint64_t> intended{0};      // at most this may be seen
  std::atomic<std::uint64_t> acknowledged{0};  // at least this must be seen
};

struct WorkerLedger {
  alignas(64) std::atomic<std::uint32_t> hurry{0};  // a futex: the parent is about to kill; do not pause
  alignas(64) std::atomic<std::uint64_t> lives{0};  // how often it was started
  std::atomic<std::uint64_t> acknowledged{0};       // changes
  std::atomic<std::uint64_t> longest_ns{0};         // of all operations: wall time less the wait for a CPU
  std::atomic<std::uint64_t> stalls{0};             // operations over kStall
  std::atomic<std::uint64_t> longest_open_ns{0};    // may wait for somebody else who opens or closes
  std::atomic<std::uint64_t> register_next{0};
  std::array<std::atomic<std::uint64_t>, kRegisters> newest{};  // greatest stamp acknowledged
  std::array<Cell, kOwnKeys> own;
  std::array<Cell, kCounters> counters;
  Cell events;  // appended
};

struct Ledger {
  std::uint32_t workers = 0;
  std::uint64_t seed = 0, rate = 0;  // changes a second and worker
  std::int32_t parent = 0;
  std::array<char, 4096> store{};
  std::atomic<std::uint32_t> stop{0};
  bool all = false;               // also the company: tools/torture/company.h
  std::uint32_t accounts = 1000;  // between which everybody moves money (all)
  std::atomic<std::uint64_t> lost{0}, torn{0}, violations{0};
  std::atomic<std::uint64_t> batches{0}, conflicts{0}, snapshots{0}, counted{0}, compactions{0};
  std::atomic<std::uint32_t> told{0};
  std::array<char, 240> first{};  // the first thing that was wrong, in words
  std::array<WorkerLedger, kWorkersMax> each;

  void note_lost(const char* what, unsigned owner, unsigned key, std::uint64_t seen) noexcept {
    ++lost;
    tell(what, owner, key, seen);
  }
  void note_violation(const char* what, unsigned owner, unsigned key, std::uint64_t seen) noexcept {
    ++violations;
    tell(what, owner, key, seen);
  }
  void note_torn(const char* what, unsigned owner, unsigned key) noexcept {
    ++torn;
    tell(what, owner, key, 0);
  }

 private:
  void tell(const char* what, unsigned owner, unsigned key, std::uint64_t seen) noexcept {
    if (told.exchange(1) != 0) return;
    std::snprintf(first.data(), first.size(), "%s: worker %u, key %u, saw %llu", what, owner, key,
                  static_cast<unsigned long long>(seen));
  }
};

}  // namespace durra::tools
