// The programs whose power is cut: named scenes, and random ones by seed.
#pragma once
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace durra::test {

struct Plan {
  std::string name;
  Program program;
  unsigned first = 0;  // so many operations come before the trace: they are on the disk
  bool has_tail = false;
  bool splits = false;  // all keys go to one slot of one leaf of the index, which grows until it is many
};
// Names the keys of a program that splits for the store that Dice(program.seed) makes.  `path`: where one may be.
void crowd(Program&, const std::string& path);
// `random` of them beside the scenes; `only`: of this name.
std::vector<Plan> all_plans(std::uint64_t seed, unsigned random, const std::string& only);

}  // namespace durra::test
