// What a durable put is measured against: the same bytes by pwrite and fdatasync, one after the other, in a file whose
// blocks were written before.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace durra::bench {

class RawFile {
 public:
  explicit RawFile(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    const std::vector<char> zeros(4096);  // as the pieces that durra writes for durable puts: the fastest
    for (off_t at = 0; at < kSize; at += static_cast<off_t>(zeros.size()))
      check(::pwrite(fd_, zeros.data(), zeros.size(), at) == static_cast<ssize_t>(zeros.size()));
    check(::fdatasync(fd_) == 0);
  }
  ~RawFile() { ::close(fd_); }
  RawFile(const RawFile&) = delete;

  void append(std::span<const std::byte> bytes) {
    if (at_ + static_cast<off_t>(bytes.size()) > kSize) at_ = 0;
    check(::pwrite(fd_, bytes.data(), bytes.size(), at_) == static_cast<ssize_t>(bytes.size()));
    check(::fdatasync(fd_) == 0);
    at_ += static_cast<off_t>(bytes.size());
  }

 private:
  static constexpr off_t kSize = 2 << 20;  // as a region
  static void check(bool good) {
    if (!good) throw std::runtime_error("the raw file could not be written");
  }
  const int fd_;
  off_t at_ = 0;
};

}  // namespace durra::bench
