// The page for Prometheus: families together, names judged.
#include "tools/metrics.h"

#include <gtest/gtest.h>

#include <limits>

namespace durra::tools {
namespace {

TEST(Metrics, a_series_is_a_name_and_labels) {
  EXPECT_EQ(family_of("up"), "up");
  EXPECT_EQ(family_of("job:errors:rate5m"), "job:errors:rate5m");
  EXPECT_EQ(family_of(R"(requests_total{code="200",path="/a\"b\\\n"})"), "requests_total");
  EXPECT_EQ(family_of("requests_total{}"), "requests_total");
  EXPECT_EQ(family_of(R"(x{a="1",})"), "x");
  for (const char* wrong : {"", "1up", "next row", "x{", "x{a}", "x{a=1}", R"(x{a="1)", R"(x{a="1"}y)", R"(x{a="\q"})",
                            R"(x{a="1"b="2"})", "x{a=\"\n\"}", R"(x{:a="1"})", R"(x{a="\)"})
    EXPECT_EQ(family_of(wrong), "") << wrong;
}

TEST(Metrics, families_stay_together) {
  EXPECT_EQ(exposition({{"a_b", "counter", 1},
                        {"a{x=\"2\"}", "counter", 2},
                        {"a", "counter", 3},
                        {"done/1", "counter", 4},
                        {"load", "gauge", 0.5}}),
            "# \"done/1\" 4 is no series\n"
            "# TYPE a counter\na 3\na{x=\"2\"} 2\n"
            "# TYPE a_b counter\na_b 1\n"
            "# TYPE load gauge\nload 0.5\n");
  EXPECT_EQ(exposition({}), "");
}

TEST(Metrics, numbers_as_prometheus_writes_them) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(exposition({{"a", "gauge", infinity}}), "# TYPE a gauge\na +Inf\n");
  EXPECT_EQ(exposition({{"a", "gauge", -infinity}}), "# TYPE a gauge\na -Inf\n");
  EXPECT_EQ(exposition({{"a", "gauge", infinity - infinity}}), "# TYPE a gauge\na NaN\n");
  EXPECT_EQ(exposition({{"a", "counter", 1e15}}), "# TYPE a counter\na 1000000000000000\n");
}

}  // namespace
}  // namespace durra::tools
