// Numbers, times and foreign bytes as people read them.
#include "tools/text.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <numeric>
#include <vector>

namespace durra::tools {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::tm utc(std::uint64_t ns) {
  const auto seconds = static_cast<std::time_t>(ns / kSecond);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  return tm;
}

std::string format_time(std::uint64_t ns, const char* how) {
  const std::tm tm = utc(ns);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), how, &tm)};
}

// Bytes of the UTF-8 character at the start; 0 when there is none.
std::size_t utf8_length(std::string_view s) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return i < s.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef)
    return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  if (first >= 0xf0 && first <= 0xf4)
    return follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3) ? 4 : 0;
  return 0;
}

}  // namespace

std::string count_text(std::uint64_t n) {
  const std::string digits = std::to_string(n);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string count_text(std::uint64_t n, const char* noun) {
  const std::string_view word = noun;
  return count_text(n) + " " + noun + (n == 1 ? "" : word.ends_with("ss") ? "es" : "s");
}

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1024) return count_text(bytes, "byte");
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes) / 1024;
  for (; value >= 1023.5; value /= 1024) ++unit;
  const bool exact = bytes % (1ull << (10 * (unit + 1))) == 0;
  return fmt::format("{:.{}f} {}", value, exact || value >= 99.95 ? 0 : 1, kUnits[unit]);
}

std::string duration_text(std::uint64_t ns) {
  const auto n = static_cast<double>(ns);
  if (ns < 1'000) return fmt::format("{} ns", ns);
  if (n < 99.5e3) return fmt::format("{:.0f} us", n / 1e3);
  if (n < 9.95e6) return fmt::format("{:.1f} ms", n / 1e6);
  if (n < 99.5e6) return fmt::format("{:.0f} ms", n / 1e6);
  if (n < 9.995e9) return fmt::format("{:.2f} s", n / 1e9);
  if (n < 99.95e9) return fmt::format("{:.1f} s", n / 1e9);
  const std::uint64_t s = ns / kSecond;
  if (s < 3'600) return fmt::format("{} min {} s", s / 60, s % 60);
  if (s < 86'400) return fmt::format("{} h {} min", s / 3'600, s / 60 % 60);
  return fmt::format("{} d {} h", s / 86'400, s / 3'600 % 24);
}

std::string percent_text(std::uint64_t part, std::uint64_t whole) {
  return fmt::format("{:.0f} %", whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string utc_text(std::uint64_t ns) { return format_time(ns, "%Y-%m-%d %H:%M:%S UTC"); }
std::string utc_iso(std::uint64_t ns) { return format_time(ns, "%Y-%m-%dT%H:%M:%SZ"); }

std::string utc_short(std::uint64_t ns, std::uint64_t now_ns) {
  constexpr std::uint64_t kDay = 86'400 * kSecond;
  return format_time(ns, ns / kDay == now_ns / kDay ? "%H:%M:%S" : "%Y-%m-%d");
}

std::string stamp_text(Stamp stamp) {
  const auto word = static_cast<std::uint64_t>(stamp);
  return fmt::format("{}.{}", word >> 16, word & 0xffff);
}

std::string hex_text(std::uint64_t n) { return fmt::format("0x{:x}", n); }

std::optional<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto n = parse_count(text.substr(0, digits));
  std::string unit;
  for (char c : text.substr(digits))
    if (c != ' ') unit += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  if (!n || unit == "" || unit == "B") return n;
  const auto power = std::string_view("KMGT").find(unit[0]);
  const auto rest = std::string_view(unit).substr(1);
  if (power == std::string_view::npos || (rest != "" && rest != "IB")) return std::nullopt;
  const auto shift = 10 * (power + 1);
  if (*n > UINT64_MAX >> shift) return std::nullopt;
  return *n << shift;
}

std::optional<Stamp> parse_stamp(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto time = parse_count(text.substr(0, dot)), count = parse_count(text.substr(dot + 1));
  if (!time || !count || *time >> 48 != 0 || *count >> 16 != 0) return std::nullopt;
  return Stamp{*time << 16 | *count};
}

bool valid_utf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const auto length = utf8_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string escape(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto length = utf8_length(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    const bool c1_control = length == 2 && first == 0xc2 && static_cast<unsigned char>(bytes[1]) < 0xa0;
    if (first == '\\')
      text += "\\\\";
    else if (first == '\n')
      text += "\\n";
    else if (first == '\t')
      text += "\\t";
    else if (length == 0 || first < 0x20 || first == 0x7f)
      text += fmt::format("\\x{:02x}", first);
    else if (c1_control)
      text += fmt::format("\\xc2\\x{:02x}", static_cast<unsigned char>(bytes[1]));
    else
      text += bytes.substr(0, length);
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

std::size_t width_of(std::string_view utf8) noexcept {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace durra::tools
