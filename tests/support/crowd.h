// Text keys that all go to one slot of one leaf of a small store's index: a few of them make it grow, and split.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace durra::test {

inline constexpr std::uint32_t kCrowdedRoot = 0x42;  // the word of the root that leads there; with regions of 64 KiB

// `seed`: the store's, format::store_seed of its uuid.
std::vector<std::string> crowded_names(std::size_t count, std::uint64_t seed);

}  // namespace durra::test
