// The one map from Code to exit status, and its text.
#include "tools/exit.h"

namespace durra::tools {

int exit_of(Code code) noexcept {
  switch (code) {
    case Code::not_found:
    case Code::conflict:
    case Code::full:
    case Code::mismatch:
    case Code::unsupported:
    case Code::evicted:
    case Code::forked:
    case Code::read_only:
    case Code::too_large:
    case Code::io: return kFailed;
    case Code::invalid: return kUsage;
    case Code::damaged:
    case Code::sync_lost: return kDamage;
    case Code::busy:
    case Code::timeout: return kNotNow;
  }
  return kFailed;
}

std::string_view exit_table() {
  return "  0        done\n"
         "  1        failed or absent: not_found conflict full mismatch unsupported evicted forked read_only too_large "
         "io\n"
         "  2        usage: invalid\n"
         "  3        damage seen or data lost: damaged sync_lost\n"
         "  4        not now: busy timeout\n"
         "  128 + n  ended by signal n\n";
}

}  // namespace durra::tools
