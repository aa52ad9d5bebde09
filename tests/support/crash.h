// A process that dies or stops at a numbered step of the protocol (store/step.h), chosen beforehand.
//
//   const Steps steps = steps_of(body);                    // everything `body` passes while armed
//   for (const Point& at : points_of(steps)) ends_at(body, at);   // the same body, killed there
//
// `body` runs in a forked child and opens the store itself; what it passes counts between arm() and disarm().
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/shared_page.h"

namespace durra::test {

using Body = std::function<void()>;
using Steps = std::vector<std::string>;

// The `passing`-th time (from 0) that `step` is passed.
struct Point {
  std::string step;
  std::uint32_t passing = 0;
  std::string name() const { return step + "#" + std::to_string(passing); }
};

// Within a body: from here on, until here, steps count.
void arm() noexcept;
void disarm() noexcept;

// Runs the body to its end and returns the steps it passed while armed, in their order.  An expectation that fails in
// the body, or a step past the 4,096th, fails the test.
Steps steps_of(const Body&);
// Each passing of each step; of a step that is passed more often than `passings_max`, only the first so many.
std::vector<Point> points_of(const Steps&, std::uint32_t passings_max = ~0u);

// Every name in a step("...") of the library's source.
Steps steps_in_source();

// Runs the body until it is killed at the point.  True: it was; false: it ended without passing it.
bool ends_at(const Body&, const Point&);

// Runs the body until it stops (SIGSTOP) at the point; then until it ends.
class Stopped {
 public:
  Stopped(const Body&, const Point&);
  bool reached() const noexcept { return reached_; }  // false: it ended without passing the point
  int finish();                                       // SIGCONT; the wait status
 private:
  Child child_;
  bool reached_ = false;
};

}  // namespace durra::test
