// A process that dies or stops at a numbered step of the protocol.
#include "tests/support/crash.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

#include "store/step.h"

namespace durra::test {
namespace {

struct Trace {
  static constexpr std::uint32_t kMax = 4096;
  std::uint32_t count;
  char names[kMax][16];
};

// Of a child: what its hook does.
struct Plan {
  bool armed = false;
  Trace* trace = nullptr;
  const Point* point = nullptr;
  std::uint32_t passed = 0;
  int signal = 0;
};
Plan plan;

void hook(const char* step) {
  if (!plan.armed) return;
  if (plan.trace != nullptr && plan.trace->count++ < Trace::kMax)
    std::strncpy(plan.trace->names[plan.trace->count - 1], step, sizeof plan.trace->names[0] - 1);
  if (plan.point != nullptr && plan.point->step == step && plan.passed++ == plan.point->passing)
    std::raise(plan.signal);
}

Child start(const Body& body, const Plan& with) {
  return Child([&] {
    plan = with;
    step_hook = hook;
    const bool failed_before = testing::Test::HasFailure();
    body();
    step_hook = nullptr;
    std::_Exit(!failed_before && testing::Test::HasFailure() ? 1 : 0);
    return 0;
  });
}

}  // namespace

void arm() noexcept { plan.armed = true; }
void disarm() noexcept { plan.armed = false; }

Steps steps_of(const Body& body) {
  const SharedPage page;
  auto& trace = page.as<Trace>();
  EXPECT_EQ(start(body, {.trace = &trace}).wait(), 0) << "the body fails when nobody disturbs it";
  EXPECT_LE(trace.count, Trace::kMax);
  Steps steps;
  for (std::uint32_t i = 0; i < std::min(trace.count, Trace::kMax); ++i) steps.emplace_back(trace.names[i]);
  return steps;
}

std::vector<Point> points_of(const Steps& steps, std::uint32_t passings_max) {
  std::map<std::string, std::uint32_t> seen;
  std::vector<Point> points;
  for (const auto& s : steps)
    if (const std::uint32_t passing = seen[s]++; passing < passings_max) points.push_back({s, passing});
  return points;
}

Steps steps_in_source() {
  std::set<std::string> names;
  const std::regex call("\\bstep\\(\"([^\"]+)\"\\)");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(DURRA_SOURCE_DIR "/store")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    for (std::sregex_iterator i(text.begin(), text.end(), call), end; i != end; ++i) names.insert((*i)[1]);
  }
  return {names.begin(), names.end()};
}

bool ends_at(const Body& body, const Point& at) {
  const int status = start(body, {.point = &at, .signal = SIGKILL}).wait();
  if (!WIFSIGNALED(status)) return false;
  EXPECT_EQ(WTERMSIG(status), SIGKILL) << "at " << at.name();
  return true;
}

Stopped::Stopped(const Body& body, const Point& at) : child_(start(body, {.point = &at, .signal = SIGSTOP})) {
  siginfo_t what{};
  ::waitid(P_PID, static_cast<id_t>(child_.pid()), &what, WSTOPPED | WEXITED | WNOWAIT);
  reached_ = what.si_code == CLD_STOPPED;
}

int Stopped::finish() {
  ::kill(child_.pid(), SIGCONT);
  return child_.wait();
}

}  // namespace durra::test
