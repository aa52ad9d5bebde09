// A struct that a process shares with the children it starts: an unnamed file, handed down as a descriptor.  What a
// killed child stored in it stays, in the order it stored it.
#pragma once
#include <durra/result.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <utility>

namespace durra::tools {

template <class T>
class SharedMemory {
 public:
  static Result<SharedMemory> create() {
    const int fd = ::memfd_create("durra", 0);  // without MFD_CLOEXEC: children attach by its number
    if (fd < 0) return failed("memfd_create");
    if (::ftruncate(fd, sizeof(T)) != 0) return failed("ftruncate", fd);
    auto m = map(fd);
    if (m) new (m->at_) T;
    return m;
  }
  static Result<SharedMemory> attach(int fd) { return map(fd); }

  SharedMemory(SharedMemory&& o) noexcept : at_(std::exchange(o.at_, nullptr)), fd_(std::exchange(o.fd_, -1)) {}
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory() {
    if (at_ == nullptr) return;
    ::munmap(at_, sizeof(T));
    ::close(fd_);
  }
  T& operator*() const noexcept { return *at_; }
  T* operator->() const noexcept { return at_; }
  int fd() const noexcept { return fd_; }

 private:
  SharedMemory(T* at, int fd) noexcept : at_(at), fd_(fd) {}
  static Result<SharedMemory> map(int fd) {
    void* at = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return failed("mmap", fd);
    return SharedMemory(static_cast<T*>(at), fd);
  }
  static Error failed(const char* call, int fd = -1) {
    const Error e{Code::io, static_cast<std::uint16_t>(errno), 0, call};
    if (fd >= 0) ::close(fd);
    return e;
  }

  T* at_;
  int fd_;
};

}  // namespace durra::tools
