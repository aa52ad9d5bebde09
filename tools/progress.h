// One line on the terminal that says how far a long verb is: after 0.5 s, on a tty only, wiped at the end.
#pragma once
#include <durra/care.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace durra::tools {

// "verify  42 %  [#######.........]  3.1 GB/s  8 s left"; in bytes; `total` 0: not known.
std::string progress_line(std::string_view verb, std::uint64_t done, std::uint64_t total, double seconds);

class ProgressLine {
 public:
  explicit ProgressLine(std::string verb);
  ~ProgressLine();  // wipes the line
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  // For the library: false once ^C was pressed.  Good while this lives.
  Progress callback();
  void show(std::uint64_t done, std::uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;
  std::string verb_;
  bool on_terminal_, drawn_ = false;
  Clock::time_point begun_, drawn_last_;
};

}  // namespace durra::tools
