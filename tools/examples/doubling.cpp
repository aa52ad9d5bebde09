// Two workers double ten numbers, one after the other: exactly times four, whoever is killed and started again.
// Instead of a SharedArray that fork doubles twice and spawn, which pickles it, not at all: this one is opened by name.
//   build/example_doubling
#include <durra/types.h>

#include <algorithm>
#include <iostream>
#include <numeric>
#include <thread>

#include "tools/examples/processes.h"

using Numbers = durra::Array<std::int64_t>;

// Turn t reads one row and writes the other, then says so in one instruction.  Until then its input is untouched, so
// that a turn that was broken off is done again; `x *= 2` in place could not know what it had done.
void double_all(int worker) {
  auto store = durra::open("doubling.durra").value();
  auto rows = Numbers::open(store, "numbers", {2, 10}).value();
  auto turns = Numbers::open(store, "turns", {1}).value();
  while (turns.atomic(0).load() < worker) std::this_thread::yield();
  if (turns.atomic(0).load() > worker) return;  // killed after its turn
  const auto from = static_cast<std::size_t>(worker % 2);
  std::ranges::transform(rows.row(from), rows.row(1 - from).begin(), [](auto x) { return 2 * x; });
  turns.atomic(0).fetch_add(1);
}

int main() {
  auto store = durra::open("doubling.durra").value();
  auto rows = Numbers::open(store, "numbers", {2, 10}).value();
  auto turns = Numbers::open(store, "turns", {1}).value();
  if (turns.atomic(0).load() == 0) std::iota(rows.row(0).begin(), rows.row(0).end(), 0);

  examples::run_workers(2, double_all);

  bool right = true;
  for (std::size_t i = 0; i < 10; ++i) {
    std::cout << rows(0, i) << ' ';
    right &= rows(0, i) == 4 * static_cast<std::int64_t>(i);
  }
  std::cout << '\n';
  return right ? 0 : 1;
}
