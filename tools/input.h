// Lines of a file or a pipe, as a stream: never more in memory than one line needs.
#pragma once
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace durra::tools {

// What a reader cannot take, and where.
struct BadInput {
  std::uint64_t line;
  std::string what;
};

// Thrown in place of the input's end when `interrupted`: what was read of a line or a record is no whole one.
struct InputCut {};

class Input {
 public:
  // Up to `size` bytes to `to`; 0: the end.
  using Source = std::function<std::size_t(char* to, std::size_t size)>;

  explicit Input(Source source) : source_(std::move(source)) {}
  // A file, or standard input for "-".  Throws a Complaint; when it is read, InputCut.
  static Input from(const std::string& path);

  // The next line without its '\n', good until the next call; false at the end.  Throws BadInput beyond kLineMax.
  bool next(std::string_view& line);
  std::uint64_t line_number() const noexcept { return line_number_; }  // of the last line given; the first is 1
  std::uint64_t bytes_taken() const noexcept { return taken_; }
  std::uint64_t bytes_total() const noexcept { return total_; }  // 0: not known

  static constexpr std::size_t kLineMax = std::size_t{1} << 30;

 private:
  bool fill();

  Source source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;  // what was read and not given yet
  std::uint64_t line_number_ = 0, taken_ = 0, total_ = 0;
};

}  // namespace durra::tools
