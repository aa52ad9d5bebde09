// Numbers, times and foreign bytes as people read them.  Never localised; times are UTC.
#pragma once
#include <durra/bytes.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace durra::tools {

std::string count_text(std::uint64_t n);                            // 20,413
std::string count_text(std::uint64_t n, const char* noun);          // 1 record, 2 records, 2 processes
std::string size_text(std::uint64_t bytes);                         // 48 bytes, 3.1 MiB, 64 GiB: no decimals if exact
std::string duration_text(std::uint64_t ns);                        // 45 us, 0.3 ms, 21 ms, 0.11 s, 3 min 20 s
std::string percent_text(std::uint64_t part, std::uint64_t whole);  // 42 %
std::string utc_text(std::uint64_t ns);                             // 2026-11-21 20:41:28 UTC
std::string utc_iso(std::uint64_t ns);                              // 2026-11-21T20:41:28Z
std::string utc_short(std::uint64_t ns, std::uint64_t now_ns);      // 20:41:28 on the day of `now_ns`, else the date
std::string stamp_text(Stamp);                                      // 118.5: the upper 48 and the lower 16 bits
std::string hex_text(std::uint64_t n);                              // 0x30c4c0

std::optional<std::uint64_t> parse_size(std::string_view text);   // 64GiB, 64G, 65536; units are powers of 1024
std::optional<std::uint64_t> parse_count(std::string_view text);  // digits only
std::optional<Stamp> parse_stamp(std::string_view text);          // what stamp_text prints

// Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
bool valid_utf8(std::string_view bytes) noexcept;
// One line that no terminal takes for commands: control characters, backslashes and bytes that are no UTF-8 escaped.
std::string escape(std::string_view bytes);
std::size_t width_of(std::string_view utf8) noexcept;  // in characters

// The word nearest to a mistyped one; empty when none is near.
template <class Words>
std::string_view nearest(std::string_view wrong, const Words& words);
std::size_t edit_distance(std::string_view a, std::string_view b);  // swapped neighbours count as one edit

template <class Words>
std::string_view nearest(std::string_view wrong, const Words& words) {
  std::string_view best;
  std::size_t best_distance = wrong.size() < 4 ? 2 : 3;
  for (std::string_view word : words)
    if (const auto distance = edit_distance(wrong, word); distance < best_distance)
      best = word, best_distance = distance;
  return best;
}

}  // namespace durra::tools
