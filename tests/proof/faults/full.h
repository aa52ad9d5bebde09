// A disk that is full at a given byte.
#pragma once
#include <cstdint>
#include <string>

#include "tests/proof/faults/injector.h"

namespace durra::test {

inline constexpr std::uint64_t kPage = 4096;
inline constexpr std::uint64_t kPagesMax = 320;  // larger than all that fill_up puts

enum class Limit : std::uint8_t {
  disk,       // a tmpfs of that size
  file_size,  // RLIMIT_FSIZE
};

// Creates a store where only `pages` pages fit, puts, erases and compacts until nothing fits any more, opens it again,
// makes room and goes on.  Throws a story.  False: this machine cannot have such a disk.
bool judge_full(Limit, std::uint64_t pages, const std::string& folder, Injector&);

}  // namespace durra::test
