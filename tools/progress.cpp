// The progress line.
#include "tools/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "tools/interrupt.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

std::string rate_text(double bytes_per_second) {
  static constexpr const char* kUnits[] = {"B/s", "kB/s", "MB/s", "GB/s"};
  std::size_t unit = 0;
  for (; bytes_per_second >= 1000 && unit < 3; ++unit) bytes_per_second /= 1000;
  return fmt::format("{:.{}f} {}", bytes_per_second, bytes_per_second < 10 && unit > 0 ? 1 : 0, kUnits[unit]);
}

}  // namespace

std::string progress_line(std::string_view verb, std::uint64_t done, std::uint64_t total, double seconds) {
  const auto rate = rate_text(static_cast<double>(done) / seconds);
  if (total == 0) return fmt::format("{}  {}", verb, rate);
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto cells = static_cast<std::size_t>(part * 16);
  std::string line = fmt::format("{}  {:.0f} %  [{}{}]  {}", verb, part * 100, std::string(cells, '#'),
                                 std::string(16 - cells, '.'), rate);
  if (part > 0) line += fmt::format("  {:.0f} s left", seconds / part - seconds);
  return line;
}

ProgressLine::ProgressLine(std::string verb)
    : verb_(std::move(verb)), on_terminal_(isatty(STDERR_FILENO) == 1), begun_(Clock::now()) {
  drawn_last_ = begun_ + std::chrono::milliseconds(400);  // with the pause of `show`: the first after 0.5 s
}

ProgressLine::~ProgressLine() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

Progress ProgressLine::callback() {
  return [this](std::uint64_t done, std::uint64_t total) {
    show(done, total);
    return !interrupted();
  };
}

void ProgressLine::show(std::uint64_t done, std::uint64_t total) {
  if (!on_terminal_) return;
  const auto now = Clock::now();
  if (now - drawn_last_ < std::chrono::milliseconds(100)) return;
  const auto seconds = std::chrono::duration<double>(now - begun_).count();
  std::fputs(("\r" + progress_line(verb_, done, total, seconds) + "\033[K").c_str(), stderr);
  std::fflush(stderr);
  drawn_last_ = now;
  drawn_ = true;
}

}  // namespace durra::tools
