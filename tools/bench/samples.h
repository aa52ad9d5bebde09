// One figure of a benchmark over its runs.
#pragma once
#include <algorithm>
#include <vector>

namespace durra::bench {

class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  bool empty() const noexcept { return values_.empty(); }
  double median() const {
    if (empty()) return 0;
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t half = sorted.size() / 2;
    return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }
  double min() const { return empty() ? 0 : *std::min_element(values_.begin(), values_.end()); }
  double max() const { return empty() ? 0 : *std::max_element(values_.begin(), values_.end()); }

 private:
  std::vector<double> values_;
};

}  // namespace durra::bench
