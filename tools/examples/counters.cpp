// Four processes count to 1,000 each, without a lock, and as Prometheus wants to see it; beside it what goes wrong when
// a count is read, then written.
// Instead of SharedCounter with its Lock, which a killed process never gives back.
//   build/example_counters; build/durra metrics counters.durra
#include <durra/types.h>

#include <iostream>
#include <thread>

#include "tools/examples/processes.h"

int main() {
  auto store = durra::open("counters.durra").value();
  auto careless = durra::Array<std::int64_t>::open(store, "careless", {1}).value();

  examples::run_workers(4, [](int worker) {
    auto mine = durra::open("counters.durra").value();
    auto requests = durra::Counter::open(mine, "requests_total{worker=\"" + std::to_string(worker) + "\"}").value();
    auto racy = durra::Array<std::int64_t>::open(mine, "careless", {1}).value();
    while (requests.value() < 1'000) {  // its own count says where a killed one was
      const auto seen = racy.atomic(0).load();
      if (requests.value() % 16 == 0) std::this_thread::yield();  // now and then the others are faster
      racy.atomic(0).store(seen + 1);                             // and what they counted is forgotten
      requests.add();                                             // one instruction: counted or not, never half
    }
  });

  std::int64_t sum = 0;
  for (const auto& counter : durra::Counter::all(store, "requests_total").value()) {
    std::cout << counter.name() << ' ' << counter.value() << '\n';
    sum += counter.value();
  }
  std::cout << "sum " << sum << "\nread, then written: " << careless(0) << '\n';
  return sum == 4'000 ? 0 : 1;
}
