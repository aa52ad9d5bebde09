// All changes of all sweeps, tried by several processes at once.  One that dies or hangs is replaced, and what it was
// trying is a failure.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/proof/flips/sweep.h"

namespace durra::test {

struct Tally {
  std::array<std::uint64_t, 4> verdicts{};  // by Verdict
  std::uint64_t bits = 0, words = 0, cuts = 0, checks = 0, crashes = 0;
};
using Tell = std::function<void(const std::string& story)>;
Tally try_all(const std::vector<Sweep>&, unsigned jobs, const std::string& folder, const Tell&);

// "closed/read_write/flip:65536:3", with which main.cpp repeats it.
std::string repeat(const Sweep&, const Change&);

}  // namespace durra::test
