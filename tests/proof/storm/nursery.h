// One round of the storm: a store of its own, eight workers that are killed and replaced, and what must hold all the
// while and at the end.
#pragma once
#include <array>
#include <cstdint>
#include <string>

namespace durra::test {

inline constexpr unsigned kAtOnce = 8;

// Figures of a round, in memory that outlives the process that makes them: plain numbers.
struct Round {
  // Deaths; of these: before the store was open; stopped before; leaving a forked child.  Times that nobody was left.
  std::uint64_t kills = 0, opening = 0, stopped = 0, families = 0, blackouts = 0, rebuilds = 0;
  std::uint64_t acknowledged = 0, lost = 0, torn = 0, violations = 0;
  std::uint64_t stalls = 0, longest_ns = 0, longest_open_ns = 0;
  std::uint64_t seats = 0, regions = 0, pins = 0;  // left over
  std::uint64_t events = 0, batches = 0, compactions = 0, snapshots = 0;
  std::array<char, 320> wrong{};  // what else was wrong, in words; empty: nothing

  void add(const Round&);
  bool good() const { return lost + torn + violations + stalls + seats + regions + pins == 0 && wrong[0] == 0; }
};

// In a process of its own.  `path` must not exist; so many deaths, then an end in order.
void storm_round(const std::string& path, std::uint64_t seed, std::uint64_t kills, Round&);

}  // namespace durra::test
