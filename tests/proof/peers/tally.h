// What writers have put, so that somebody else may judge what is there.
#pragma once
#include <atomic>
#include <cstdint>
#include <random>
#include <string>

#include "tests/proof/peers/peer.h"

namespace durra::peers {

inline constexpr std::uint32_t kKeys = 64;  // of each writer

struct Tally {
  std::atomic<std::uint32_t> begun[2 * kKeys];         // the last version that a put was called for
  std::atomic<std::uint32_t> acknowledged[2 * kKeys];  // and the last for which it returned
  std::atomic<std::uint64_t> puts[2];
  std::atomic<bool> ready, go_on;
};

// The writer's next put: of a key that nobody else writes.
inline Answer put_next(Session& s, Tally& t, std::uint32_t writer, std::mt19937_64& random) {
  const auto key = static_cast<std::uint32_t>(writer * kKeys + random() % kKeys);
  const std::uint32_t version = ++t.begun[key];
  const Answer a = s.put(key, value_of(key, version));
  if (a == Answer::ok) {
    t.acknowledged[key] = version;
    ++t.puts[writer];
  }
  return a;
}

// What a reader finds: each key at a version that was put, and none older than what was acknowledged.
enum class Found : std::uint8_t { all, lost, insane, error };
inline Found look(Session& s, const Tally& t) {
  Found found = Found::all;
  for (std::uint32_t key = 0; key < 2 * kKeys; ++key) {
    std::string bytes;
    const Answer a = s.get(key, bytes);
    if (a == Answer::error || a == Answer::full) return Found::error;
    const auto version = a == Answer::absent ? std::optional(0u) : version_of(key, bytes);
    if (!version || *version > t.begun[key]) return Found::insane;
    if (*version < t.acknowledged[key]) found = Found::lost;
  }
  return found;
}

}  // namespace durra::peers
