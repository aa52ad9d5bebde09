// What all commands have in common.
#pragma once
#include <durra/testing/generators.h>
#include <durra/testing/stores.h>
#include <rapidcheck/state.h>

#include <sstream>
#include <string>

namespace durra::testing {

using Command = rc::state::Command<Model, Stores>;

// One key, and the number of a handle that exists.
struct OnKey : Command {
  Name name = *some_name();
  unsigned by = *rc::gen::inRange(0u, 4u);
  std::string on() const {
    std::ostringstream out;
    out << name << " by handle " << by;
    return out.str();
  }
};

// Fails the case unless nothing is different.
inline void expect_nothing(const std::string& different) {
  if (!different.empty()) RC_FAIL(different);
}

}  // namespace durra::testing
