// Counters and gauges of a store as Prometheus reads them.
// Text exposition format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace durra::tools {

struct Series {
  std::string name;  // with labels: requests_total{code="200"}
  const char* type;  // "counter", "gauge"
  double value;
};

// "requests_total" of requests_total{code="200"}; empty where the name is no series: Prometheus would refuse the page.
std::string_view family_of(std::string_view series) noexcept;
// One family after the other, each with its type; what is no series is a comment.
std::string exposition(std::vector<Series>);

}  // namespace durra::tools
