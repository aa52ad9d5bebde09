// An array that two processes change in place, without a copy; it is there tomorrow.
// Instead of np.ndarray(shape, dtype, buffer=shm.buf): the array has its dtype and shape in the file.
//   build/example_array
#include <durra/types.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "tools/examples/processes.h"

using Numbers = durra::Array<std::int64_t>;

int main() {
  auto store = durra::open("array.durra").value();
  auto numbers = Numbers::open(store, "numbers", {7}).value();
  const auto show = [&] {
    for (const auto x : numbers.values()) std::cout << x << ' ';
    std::cout << '\n';
  };
  const std::int64_t* const address = numbers.values().data();
  const std::int64_t first[] = {1, 2, 3, 4, 5, 100, 200};
  std::ranges::copy(first, numbers.values().begin());
  show();

  examples::run_workers(1, [](int) {
    auto mine = durra::open("array.durra").value();
    auto same = Numbers::open(mine, "numbers", {7}).value();
    for (auto& x : same.values()) x = -std::abs(x);  // not -x: who is killed half-way begins again
  });
  show();
  std::cout << (numbers.values().data() == address ? "at the same address\n" : "moved\n");
  return std::ranges::equal(first, numbers.values(), {}, std::negate{}) ? 0 : 1;
}
