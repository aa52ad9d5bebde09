// What the crash runner and the power runner share: many states of a file, looked at in forked processes that may die.
#pragma once
#include <durra/testing/trace.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace durra::testing {

struct Looks {
  std::size_t count = 0;
  // Puts number i where it is looked at, and gives the look at it: "" or what is wrong.  In the process that looks;
  // i rises there, from any number on.
  std::function<std::function<std::string()>(std::size_t i)> look;
  std::function<std::string(std::size_t i)> story;  // how that of a failure begins
};

// One process looks until it finds something wrong or dies of it; then another goes on behind that.  Ends when there
// are so many failures (at least one).  How many looks there were.
std::uint64_t look_at_all(const Looks&, std::chrono::seconds patience, std::uint64_t failures_max,
                          std::vector<std::string>& failures);

// The words for a story: `, said "a", said "b"`.
std::string said(const std::vector<std::string_view>& words);

// Whether there is a file in it, then or later: without one there is nothing to look at.
bool has_file(const Trace&);
// record(), and `not_found` where there is no file.
Result<Trace> record_file(const std::string& path, const std::function<void()>& code, const TraceOptions&);

}  // namespace durra::testing
