// durra metrics STORE [PREFIX]: its counters and gauges as a page for Prometheus.
#include "tools/metrics.h"

#include <durra/counter.h>
#include <fmt/core.h>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/opening.h"

namespace durra::tools {

int verb_metrics(Call& call) {
  std::optional<std::string> prefix;
  call.needs_store()
      .takes("PREFIX", prefix, "only names that begin so")
      .footer(
          "A process counts with durra::Counter::open(store, \"requests_total{code=\\\"200\\\"}\") and add();\n"
          "a durra::Gauge is the sum of what each living process says.  Both survive kill -9.")
      .parse();
  auto store = open_to_change(call.store);  // a block is kept in place by whoever looks at it
  std::vector<Series> all;
  for (const Counter& c : must(Counter::all(store, prefix.value_or("")), call.store))
    all.push_back({std::string(c.name()), "counter", static_cast<double>(c.value())});
  for (const Gauge& g : must(Gauge::all(store, prefix.value_or("")), call.store))
    all.push_back({std::string(g.name()), "gauge", g.value()});
  if (call.json) {
    Json list = Json::array();
    for (const Series& s : all) list.push_back({{"name", s.name}, {"type", s.type}, {"value", s.value}});
    answer(call, {{"metrics", list}});
    return kDone;
  }
  fmt::print("{}", exposition(std::move(all)));
  return kDone;
}

}  // namespace durra::tools
