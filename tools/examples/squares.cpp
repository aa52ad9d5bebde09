// Two workers square five numbers, each number once.
// Instead of multiprocessing.Array and a lock, where both workers squared all of them: 1 16 81 256 625.
//   build/example_squares
#include <durra/types.h>

#include <algorithm>
#include <array>
#include <iostream>

#include "tools/examples/processes.h"
#include "tools/examples/tickets.h"

using Numbers = durra::Array<std::int64_t>;

int main() {
  auto store = durra::open("squares.durra").value();
  auto numbers = Numbers::open(store, "numbers", {5}).value();
  auto squares = Numbers::open(store, "squares", {5}).value();
  std::ranges::copy(std::array{1, 2, 3, 4, 5}, numbers.values().begin());

  examples::run_workers(2, [](int worker) {
    auto mine = durra::open("squares.durra").value();
    const auto in = Numbers::open(mine, "numbers", {5}).value();
    auto out = Numbers::open(mine, "squares", {5}).value();
    examples::Tickets(mine, "tickets", 5).work_off(worker, [&](std::size_t i) { out(i) = in(i)*in(i); });
  });

  for (const auto x : squares.values()) std::cout << x << ' ';
  std::cout << "\nby worker";
  examples::Tickets tickets(store, "tickets", 5);
  for (std::size_t i = 0; i < 5; ++i) std::cout << ' ' << tickets.owner(i);
  std::cout << '\n';
  return std::ranges::equal(squares.values(), std::array{1, 4, 9, 16, 25}) ? 0 : 1;
}
