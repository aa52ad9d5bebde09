// `durra metrics` beside the processes that count: exact, whoever was killed.
#include <durra/types.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "tests/support/scratch.h"

namespace durra::test {
namespace {

std::string said_by(const std::string& command) {
  std::string all;
  std::array<char, 4096> part;
  FILE* out = ::popen(command.c_str(), "r");
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), out)) all.append(part.data(), n);
  EXPECT_EQ(::pclose(out), 0) << command;
  return all;
}

TEST(Metrics, sums_over_processes_that_come_and_go) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store s = open(path).value();
  for (int p = 0; p < 4; ++p) {
    Child child([&] {
      Store mine = open(path).value();
      auto ok = Counter::open(mine, "requests_total{code=\"200\"}").value();
      auto failed = Counter::open(mine, "requests_total{code=\"500\"}").value();
      auto busy = Gauge::open(mine, "in_flight").value();
      busy.set(1);
      for (int i = 0; i < 1'000; ++i) ok.add();
      failed.add(p);
      ::raise(SIGKILL);
      return 0;
    });
    child.wait();
  }
  auto busy = Gauge::open(s, "in_flight").value();
  busy.set(2.5);
  EXPECT_EQ(said_by(DURRA_COMMAND " metrics " + path),
            "# TYPE in_flight gauge\nin_flight 2.5\n"
            "# TYPE requests_total counter\nrequests_total{code=\"200\"} 4000\nrequests_total{code=\"500\"} 6\n");
  EXPECT_EQ(said_by(DURRA_COMMAND " metrics " + path + " in_"), "# TYPE in_flight gauge\nin_flight 2.5\n");
}

}  // namespace
}  // namespace durra::test
