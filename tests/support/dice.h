// The kernel's dice, thrown by a seed: uuids, and with them the places of keys in an index, are the same again.
#pragma once
#include <cstdint>
#include <random>

#include "store/os.h"

namespace durra::test {

inline void throw_dice(std::mt19937_64& dice, void* to, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) static_cast<unsigned char*>(to)[i] = static_cast<unsigned char>(dice());
}

// In force from its construction to its destruction, one at a time.
class Dice final : public os::Faults {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) { os::set_faults(this); }
  ~Dice() override { os::set_faults(nullptr); }
  Dice(const Dice&) = delete;
  int before(os::Call) override { return 0; }
  bool random(void* to, std::size_t size) override {
    throw_dice(random_, to, size);
    return true;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace durra::test
