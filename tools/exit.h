// The exit status of the command.
#pragma once
#include <durra/result.h>

#include <string_view>

namespace durra::tools {

inline constexpr int kDone = 0, kFailed = 1, kUsage = 2, kDamage = 3, kNotNow = 4;

int exit_of(Code) noexcept;     // the one map
std::string_view exit_table();  // the same for people, in --help; a test compares the two

}  // namespace durra::tools
