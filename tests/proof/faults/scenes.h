// The operations whose calls to the operating system are made to fail, each with what comes before it.
#pragma once
#include <vector>

#include "tests/proof/faults/world.h"

namespace durra::test {

struct Scene {
  const char* name;
  void (*prepare)(World&);  // nothing fails yet
  void (*act)(World&);
};

const std::vector<Scene>& scenes();

}  // namespace durra::test
