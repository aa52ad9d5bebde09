// What a verb of the command is.  A new one is a file in verbs/ with `int verb_NAME(Call&)` and a line in verbs.def.
#pragma once
#include <span>

namespace durra::tools {

class Call;

struct Verb {
  const char* group;
  const char* name;
  const char* about;  // one line of the help
  int (*run)(Call&);  // the exit status; errors are thrown (failure.h)
};

std::span<const Verb> verbs();  // in the order of the help

}  // namespace durra::tools
