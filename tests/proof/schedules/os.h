// What the simulated operating system (os.cpp) is told.
#pragma once
#include <cstdint>

namespace durra::schedules {

extern std::uint64_t os_seed;  // of what it calls random

// Gives back what the kernel holds for a process that died.
void release_locks_of(unsigned player) noexcept;

}  // namespace durra::schedules
