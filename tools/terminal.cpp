// Colour, where it is wanted.
#include "tools/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace durra::tools {

std::string damage_text(std::string text) {
  static const bool coloured = [] {
    const auto set = [](const char* name) -> std::string_view {
      const char* value = std::getenv(name);
      return value == nullptr ? "" : value;
    };
    return isatty(STDOUT_FILENO) == 1 && set("NO_COLOR").empty() && set("TERM") != "dumb";
  }();
  return coloured ? "\033[31m" + text + "\033[0m" : text;
}

}  // namespace durra::tools
