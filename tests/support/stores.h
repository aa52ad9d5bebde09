// Small stores, where growth, splits and fullness come within milliseconds, and words for what calls answer.
#pragma once
#include <durra/care.h>

#include <cstdint>
#include <string>

#include "format/checksum.h"

namespace durra::test {

// Regions of 64 KiB: 256 root words, leaves of at most 256 slots.
inline Options small(std::uint64_t max_size = 8_MiB, std::uint32_t participants = 16) {
  Options o;
  o.max_size = max_size;
  o.region_size = 64_KiB;
  o.participants = participants;
  return o;
}
inline Options small(Mode mode) {
  Options o = small();
  o.mode = mode;
  return o;
}

// "ok", or the code's name: reads well in a failed expectation.
template <class T>
std::string outcome(const Result<T>& r) {
  return r ? "ok" : name(r.error().code);
}
// What get answers, as text: the payload, or the code in brackets.
inline std::string shown(const Result<Record>& r) {
  return r ? r->str() : std::string("<") + name(r.error().code) + ">";
}

// `size` bytes that no compressor makes smaller, different for each seed.
inline std::string noise(std::size_t size, std::uint64_t seed = 1) {
  std::string s(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    s[i] = static_cast<char>(format::mix64(seed * 0x9e3779b97f4a7c15u + i / 8) >> i % 8 * 8);
  return s;
}

}  // namespace durra::test
