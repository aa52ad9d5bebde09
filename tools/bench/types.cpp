// What typed things cost, beside the bare memory that they are.
#include "tools/bench/types.h"

#include <durra/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <numeric>
#include <span>

#include "tools/bench/samples.h"
#include "tools/bench/shared_pages.h"
#include "tools/clock.h"
#include "tools/failure.h"

namespace durra::bench {
namespace {

constexpr std::size_t kRounds = 5, kAdds = 4'000'000, kDoubles = 1u << 20, kPushes = 1'000'000;

struct Value {
  std::array<std::int64_t, 8> x;
};

// ns each, of so many that `work` does.
template <class Work>
double each_ns(std::size_t count, Work work) {
  const std::uint64_t begun = tools::now_ns();
  work();
  return static_cast<double>(tools::now_ns() - begun) / static_cast<double>(count);
}

double sum(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

// Where a sum goes, so that nobody leaves it out.
volatile double kept;

}  // namespace

Types measure_types(const std::string& directory) {
  const std::string path = directory + "/types.durra";
  Samples counter_ns, fetch_add_ns, array_ns, pointer_ns, push_ns;
  {
    Store store = tools::must(open(path), path);
    auto counter = tools::must(Counter::open(store, "counter"), path);
    auto array = tools::must(Array<double>::open(store, "array", {kDoubles}), path);
    auto ring = tools::must(Ring<Value>::writer(store, "ring", 1024), path);
    const SharedPages<std::atomic<std::int64_t>> bare(1);
    const SharedPages<double> doubles(kDoubles);
    for (const auto values : {array.values(), doubles.all()}) std::iota(values.begin(), values.end(), 0.0);
    for (std::size_t round = 0; round < kRounds; ++round) {
      counter_ns.add(each_ns(kAdds, [&] {
        for (std::size_t i = 0; i < kAdds; ++i) counter.add();
      }));
      fetch_add_ns.add(each_ns(kAdds, [&] {
        for (std::size_t i = 0; i < kAdds; ++i) bare[0].fetch_add(1, std::memory_order_relaxed);
      }));
      array_ns.add(each_ns(kDoubles, [&] { kept = sum(array.values()); }));
      pointer_ns.add(each_ns(kDoubles, [&] { kept = sum(doubles.all()); }));
      push_ns.add(each_ns(kPushes, [&] {
        for (std::size_t i = 0; i < kPushes; ++i) ring.push({{static_cast<std::int64_t>(i)}});
      }));
    }
  }
  ::unlink(path.c_str());
  return {counter_ns.median(), fetch_add_ns.median(), array_ns.median(), pointer_ns.median(), push_ns.median()};
}

}  // namespace durra::bench
