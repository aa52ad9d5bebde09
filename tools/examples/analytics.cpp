// Five collectors measure, one process watches: count, mean and deviation of each metric, live on a terminal.
// Instead of RealtimeAnalytics, whose collectors wrote over one another and which never printed a statistic.
//   build/example_analytics
#include <durra/types.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "tools/examples/processes.h"

struct Sample {
  std::uint64_t number;
  double value;
};
template <>
inline constexpr bool durra::no_padding<Sample> = true;

using Ring = durra::Ring<Sample>;
constexpr std::uint64_t kSamples = 20'000;
std::string name(int metric) { return "metric/" + std::to_string(metric); }

Sample measure(int metric, std::uint64_t number) {  // around 50 + 5 metric, deviation 10
  std::mt19937_64 random(number * 5 + static_cast<std::uint64_t>(metric));
  return {number, std::normal_distribution(50.0 + 5 * metric, 10.0)(random)};
}

void collect(int metric) {
  auto store = durra::open("analytics.durra").value();
  auto ring = Ring::writer(store, name(metric), 1'024).value();  // the only one, and a killed one's successor
  for (auto n = ring.pushed(); n < kSamples; ++n) {
    ring.push(measure(metric, n));
    if (n % 100 == 0) usleep(1'000);
  }
}

struct Watched {
  int metric;
  Ring ring;
  std::uint64_t next = 0, seen = 0, overwritten = 0, torn = 0;
  double sum = 0, squares = 0;

  double mean() const { return sum / static_cast<double>(seen); }
  void look(bool show) {
    for (const auto& [number, value] : ring.last(ring.capacity())) {
      if (number < next) continue;
      overwritten += number - std::exchange(next, number + 1);  // a collector waits for nobody
      torn += value != measure(metric, number).value;
      ++seen, sum += value, squares += value * value;
    }
    const double deviation = std::sqrt(squares / static_cast<double>(seen) - mean() * mean());
    if (show) std::printf("metric %d: seen %5lu, mean %6.2f, deviation %5.2f\n", metric, seen, mean(), deviation);
  }
};

int main() {
  auto store = durra::open("analytics.durra").value();
  std::vector<Watched> all;
  for (int i = 0; i < 5; ++i) {
    Ring::writer(store, name(i), 1'024).value();  // so that there is one to read
    all.push_back({i, Ring::reader(store, name(i)).value()});
  }
  examples::run_workers(5, collect, [&] {
    for (auto& w : all) w.look(isatty(1));
    if (isatty(1)) std::printf("\033[5A");  // five lines up: the next look writes over them
  });

  std::uint64_t pushed = 0, seen = 0, overwritten = 0, torn = 0;
  bool right = true;
  for (auto& w : all) {
    w.look(true);
    pushed += w.ring.pushed(), seen += w.seen, overwritten += w.overwritten, torn += w.torn;
    right &= std::abs(w.mean() - (50 + 5 * w.metric)) < 2;
  }
  std::printf("pushed %lu = seen %lu + overwritten %lu, torn %lu\n", pushed, seen, overwritten, torn);
  return right && pushed == 5 * kSamples && pushed == seen + overwritten && torn == 0 ? 0 : 1;
}
