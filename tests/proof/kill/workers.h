// Units of work for some processes, and what they found, added up.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/proof.h"

namespace durra::test {

enum class Figure : std::uint8_t { points, images, looks, pairs, pair_images, together, count_ };
using Figures = std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Figure::count_)>;

struct Found {
  Figures& figures;
  std::vector<std::string> failures;
  void add(Figure f, std::uint64_t n) { figures[static_cast<std::size_t>(f)] += n; }
};

struct Unit {
  std::string name;
  std::function<void(Found&)> run;  // what it throws is a failure
};

// Runs them in proof.jobs() processes, each of which takes the next as soon as it is done with one.  A unit that ends
// its process, or has not ended after `patience` seconds, is a failure.  In a full run each says what time it took.
void run_units(Proof& proof, const std::vector<Unit>&, Figures&, unsigned patience);

}  // namespace durra::test
