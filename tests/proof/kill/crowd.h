// Keys that all go to one leaf of the index, and a store whose keys are known before it is made.
#pragma once
#include <string>

#include "tests/proof/kill/model.h"

namespace durra::test {

// From the first slot on: the 15th makes the leaf grow, the 33rd splits it.  Of the uuid of fixed_store().  `top`:
// which of the root's words leads to the leaf.
std::string crowded_key(std::uint32_t i, std::uint8_t top = 0x42);
void crowd(Store&, Model&, std::uint32_t from, std::uint32_t to, std::uint8_t top = 0x42);

// A new store whose uuid is always the same, and with it its seed.
Store fixed_store(const std::string& path, const Options&);

}  // namespace durra::test
