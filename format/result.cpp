// The words of an error.
#include <durra/result.h>

#include <system_error>

namespace durra {
namespace {

// "212 KiB", "1.5 GiB": rounded down, so that "free" never promises too much.
std::string human(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  std::uint64_t whole = bytes, rest = 0;
  for (; whole >= 1024; whole >>= 10, ++unit) rest = whole & 1023;
  std::string text = std::to_string(whole);
  if (const std::uint64_t tenth = rest * 10 / 1024; unit > 0 && whole < 10 && tenth != 0)
    text += "." + std::to_string(tenth);
  return text + " " + (bytes == 1 ? "byte" : kUnits[unit]);
}

std::string hex(std::uint64_t n) {
  std::string digits;
  do digits.insert(digits.begin(), "0123456789abcdef"[n & 15]);
  while (n >>= 4);
  return "0x" + digits;
}

}  // namespace

void detail::fail(const Error& e) { throw Failure(e); }

const char* name(Code code) noexcept {
  switch (code) {
    case Code::not_found: return "not_found";
    case Code::conflict: return "conflict";
    case Code::timeout: return "timeout";
    case Code::busy: return "busy";
    case Code::full: return "full";
    case Code::mismatch: return "mismatch";
    case Code::damaged: return "damaged";
    case Code::sync_lost: return "sync_lost";
    case Code::unsupported: return "unsupported";
    case Code::evicted: return "evicted";
    case Code::forked: return "forked";
    case Code::read_only: return "read_only";
    case Code::too_large: return "too_large";
    case Code::invalid: return "invalid";
    case Code::io: return "io";
  }
  return "unknown";
}

std::string Error::message() const {
  std::string text = name(code);
  if (code == Code::damaged) text += " at " + hex(detail);
  if (what != nullptr) text += std::string(": ") + what;
  if (errno_value != 0) text += ": " + std::generic_category().message(errno_value);
  if (code == Code::full && detail != 0 && errno_value != 0)
    text += " (needs " + human(detail) + ", " + human(available) + " free)";
  if (code == Code::full && detail != 0 && errno_value == 0 && available != 0)
    text += " (needs " + human(detail) + ", the limit is " + human(available) + ")";
  if (code == Code::busy && detail != 0) text += " (process " + std::to_string(detail) + ")";
  if (code == Code::too_large && detail != 0) text += " (at most " + human(detail) + ")";
  return text;
}

}  // namespace durra
