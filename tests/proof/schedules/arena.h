// What participants allocate: in one arena, which is put back as a whole between two schedules.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace durra::schedules::arena {

void use(bool) noexcept;     // operator new allocates from the arena
void checkpoint() noexcept;  // everything as it is now is what rewind() brings back
void rewind() noexcept;
std::size_t used() noexcept;  // bytes

}  // namespace durra::schedules::arena

namespace durra::schedules {

// For what the harness itself keeps while a participant runs: never in the arena.
template <class T>
struct Outside {
  using value_type = T;
  Outside() = default;
  template <class U>
  Outside(const Outside<U>&) noexcept {}
  T* allocate(std::size_t n) {
    if (void* p = std::malloc(n * sizeof(T))) return static_cast<T*>(p);
    throw std::bad_alloc();
  }
  void deallocate(T* p, std::size_t) noexcept { std::free(p); }
  friend bool operator==(const Outside&, const Outside&) noexcept { return true; }
};
template <class T>
using List = std::vector<T, Outside<T>>;

}  // namespace durra::schedules
