// Memory that a process shares with the children it forks.
#pragma once
#include <sys/mman.h>

#include <new>
#include <span>

namespace durra::bench {

// Begins as zeros.
template <class T>
class SharedPages {
 public:
  explicit SharedPages(std::size_t count) : count_(count) {
    void* const at =
        ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    at_ = static_cast<T*>(at);
  }
  ~SharedPages() { ::munmap(at_, count_ * sizeof(T)); }
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;

  std::span<T> all() const noexcept { return {at_, count_}; }
  T& operator[](std::size_t i) const noexcept { return at_[i]; }

 private:
  T* at_;
  std::size_t count_;
};

}  // namespace durra::bench
