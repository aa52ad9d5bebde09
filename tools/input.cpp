// Lines of a file or a pipe, as a stream.
#include "tools/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "tools/failure.h"
#include "tools/interrupt.h"

namespace durra::tools {
namespace {

// Closed by whoever drops it last; standard input is not ours to close.
std::shared_ptr<const int> shared_descriptor(int fd) {
  return {new int(fd), [](const int* p) {
            if (*p > STDIN_FILENO) close(*p);
            delete p;
          }};
}

[[noreturn]] void refuse(const std::string& path) {
  const int code = errno;
  throw Complaint{
      path, {code == ENOENT ? Code::not_found : Code::io, static_cast<std::uint16_t>(code)}, std::strerror(code)};
}

}  // namespace

Input Input::from(const std::string& path) {
  const bool standard = path == "-";
  const auto fd = shared_descriptor(standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (*fd < 0) refuse(path);
  const std::string name = standard ? "standard input" : path;
  Input input([fd, name](char* to, std::size_t size) -> std::size_t {
    for (;;) {
      // Behind the read too: ^C at a terminal ends also who writes our pipe, in the middle of a line.
      wait_to_read(*fd);
      const auto got = interrupted() ? 0 : read(*fd, to, size);
      if (interrupted()) throw InputCut{};
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) refuse(name);
    }
  });
  struct stat info {};
  if (fstat(*fd, &info) == 0 && S_ISREG(info.st_mode)) input.total_ = static_cast<std::uint64_t>(info.st_size);
  return input;
}

bool Input::next(std::string_view& line) {
  std::size_t searched = 0;  // of the bytes at hand: no '\n' there
  for (;;) {
    const char* from = buffer_.data() + begin_;
    const auto size = end_ - begin_;
    const auto* newline =
        size == searched ? nullptr : static_cast<const char*>(std::memchr(from + searched, '\n', size - searched));
    const bool last = newline == nullptr && !fill();
    if (newline == nullptr && !last) {
      searched = size;
      if (end_ - begin_ > kLineMax) throw BadInput{line_number_ + 1, "a line of more than 1 GiB"};
      continue;
    }
    if (last && size == 0) return false;
    const std::size_t length = last ? size : static_cast<std::size_t>(newline - from);
    line = {buffer_.data() + begin_, length};
    begin_ += length + (last ? 0 : 1);
    taken_ += length + (last ? 0 : 1);
    ++line_number_;
    return true;
  }
}

// More bytes behind those at hand, which may move; false at the end.
bool Input::fill() {
  constexpr std::size_t kPiece = 256 << 10;
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kPiece) buffer_.resize(std::max(end_ + kPiece, buffer_.size() + buffer_.size() / 2));
  const auto got = source_(buffer_.data() + end_, buffer_.size() - end_);
  end_ += got;
  return got > 0;
}

}  // namespace durra::tools
