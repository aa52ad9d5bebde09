// One process makes 100 samples, another adds them up: whoever starts first, and whoever is killed on the way.
// Instead of a flag, a lock and a sleep, where the sum was right only if the producer happened to run first.
//   build/example_producer_consumer
#include <durra/store.h>

#include <cstdio>

#include "tools/examples/processes.h"

using namespace std::chrono_literals;

struct Total {
  std::int64_t samples = 0;
  double sum = 0;
};
template <>
inline constexpr bool durra::no_padding<Total> = true;

void produce(durra::Store& store) {
  auto sent = store.records("samples/");  // it is the only producer, and goes on where it was
  for (auto i = std::ranges::distance(sent); i < 100; ++i)
    store.append("samples", durra::bytes_of(3.14 * static_cast<double>(i))).value();
}

void consume(durra::Store& store) {
  Total total;
  if (auto last = store.get("total")) total = last->as<Total>().value();
  auto tail = durra::Tail::open(store, "consumer", "samples/").value();
  while (total.samples < 100) {
    total.sum += tail.next(10s).value().as<double>().value();
    ++total.samples;
    durra::Batch batch;
    batch.put("total", durra::bytes_of(total));
    tail.save(batch);  // what was added and where it came from: all or nothing, so no sample counts twice
    store.put(batch).value();
  }
}

int main() {
  examples::run_workers(2, [](int worker) {
    auto store = durra::open("producer_consumer.durra").value();
    worker == 0 ? consume(store) : produce(store);
  });
  const auto total = durra::open("producer_consumer.durra").value().get("total").value().as<Total>().value();
  std::printf("%.2f\n", total.sum);
  return std::abs(total.sum - 15543) < 1e-6 ? 0 : 1;
}
