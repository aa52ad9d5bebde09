// How a verb fails: it throws a Complaint, main prints it and turns it into the exit status.
#pragma once
#include <durra/result.h>

#include <string>
#include <string_view>
#include <utility>

namespace durra::tools {

struct Complaint {
  std::string path;  // "" when no file is to blame
  Error error;
  std::string text;  // what, what was left, what next: the line after "durra: PATH: "
};

// The complaint about what the library answered for `path`: adds what was left and what to do next.
Complaint complaint(std::string_view path, const Error&);

// The caller's mistake: exit 2.
Complaint usage(std::string text);

// The value, or the complaint about `path`.
template <class T>
T must(Result<T> result, std::string_view path) {
  if (!result) throw complaint(path, result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace durra::tools
