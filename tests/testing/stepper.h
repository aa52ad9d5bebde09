// The recorded child's side: single steps, and what each of them did to the file.
#pragma once
#include <string>

#include "tests/testing/log.h"

namespace durra::testing {

// Runs the code under the trap flag in this process and logs what happens to the file at `path`.  Ends the process if
// it cannot go on, with the reason in the log.
void step_through(const std::string& path, const std::function<void()>& code, std::uint64_t size_max, Log&);

}  // namespace durra::testing
