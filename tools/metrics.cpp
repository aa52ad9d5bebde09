// Prometheus' text format.
#include "tools/metrics.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "tools/text.h"

namespace durra::tools {
namespace {

bool is_first(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Eats a name; false where none begins.
bool eat_name(std::string_view& text, bool colons) noexcept {
  std::size_t n = 0;
  const auto may = [&](char c) { return is_first(c) || (colons && c == ':') || (n != 0 && is_digit(c)); };
  while (n < text.size() && may(text[n])) ++n;
  text.remove_prefix(n);
  return n != 0;
}

// Eats "…" with \\, \" and \n escaped.
bool eat_quoted(std::string_view& text) noexcept {
  if (!text.starts_with('"')) return false;
  std::size_t n = 1;
  while (n < text.size() && text[n] != '"') {
    if (text[n] == '\n') return false;
    if (text[n] == '\\' && (++n == text.size() || std::string_view("\\\"n").find(text[n]) == text.npos)) return false;
    ++n;
  }
  if (n >= text.size()) return false;
  text.remove_prefix(n + 1);
  return true;
}

bool eat(std::string_view& text, char c) noexcept {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

bool eat_labels(std::string_view& text) noexcept {
  if (!eat(text, '{')) return true;
  while (!eat(text, '}')) {
    if (!eat_name(text, false) || !eat(text, '=') || !eat_quoted(text)) return false;
    if (!eat(text, ',') && !text.starts_with('}')) return false;
  }
  return true;
}

std::string number(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", v);
}

}  // namespace

std::string_view family_of(std::string_view series) noexcept {
  std::string_view rest = series;
  if (!eat_name(rest, true)) return {};
  const std::string_view family = series.substr(0, series.size() - rest.size());
  return eat_labels(rest) && rest.empty() ? family : std::string_view{};
}

std::string exposition(std::vector<Series> all) {
  const auto order = [](const Series& s) { return std::tuple(family_of(s.name), std::string_view(s.name)); };
  std::ranges::sort(all, {}, order);
  std::string page;
  std::string_view last;
  for (const Series& s : all) {
    const std::string_view family = family_of(s.name);
    if (family.empty()) {
      page += fmt::format("# \"{}\" {} is no series\n", escape(s.name), number(s.value));
      continue;
    }
    if (family != last) page += fmt::format("# TYPE {} {}\n", family, s.type);
    last = family;
    page += fmt::format("{} {}\n", s.name, number(s.value));
  }
  return page;
}

}  // namespace durra::tools
