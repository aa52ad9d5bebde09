// One scene: some plays side by side, explored as far as its limit goes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/proof/schedules/explorer.h"
#include "tests/proof/schedules/world.h"

namespace durra::schedules {

struct Scene {
  std::vector<const Play*> plays;
  std::uint8_t kills = 0;                           // at most so many die
  std::uint8_t preemptions = Explorer::kUnbounded;  // at most; unbounded: as far as the limit goes, then up to 4
  std::uint64_t limit = 0;                          // schedules, of each attempt
  std::string name() const;                         // "put|get/kill"
};
// The other way; no plays if the name is of none.
Scene scene_named(std::string name);

// What came of it.  Plain data, in memory that the one who explores and the one who asked share.
struct Outcome {
  std::uint64_t schedules, complete, states, points, accesses;
  // Up to how many preemptions everything was seen; kUnbounded: all of it; kNotEvenNone: not even what has none.
  static constexpr std::uint8_t kNotEvenNone = 0xfe;
  std::uint8_t preemptions;
  bool finished, failed;
  char story[4000];
};

// Explores; or, with a path that a failure told, runs that one schedule.  Once in a process: it leaves everything as it
// is.
void explore(const Scene&, std::uint64_t seed, Outcome&, const std::string& path = {});

}  // namespace durra::schedules
