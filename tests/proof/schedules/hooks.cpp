// What the compiler calls at each access to memory of code that is compiled with -fsanitize=thread, and the functions
// that copy bytes: to the scheduler, if the access is to the store's file while a schedule runs.
//
// This file and the scheduler are compiled without that option.
#include <atomic>
#include <cstring>
#include <type_traits>

#include "tests/proof/schedules/scheduler.h"

namespace durra::schedules {
namespace {

inline void plain(const volatile void* at, std::size_t size, bool write, const void* place) noexcept {
  if (!scheduler.watching()) [[unlikely]]
    return;
  const std::uint32_t first = memory.find(at);
  if (first == Memory::kNone) [[likely]]
    return;
  const std::uint32_t last = memory.find(static_cast<const volatile std::byte*>(at) + size - 1);
  for (std::uint32_t word = first; word <= last; ++word) scheduler.plain(word, write, place);
}

constexpr bool acquires(int order) noexcept { return order != __ATOMIC_RELAXED && order != __ATOMIC_RELEASE; }
constexpr bool releases(int order) noexcept { return order >= __ATOMIC_RELEASE; }

// The word, if the access is one of those; the choice of who goes on is made here, before the access.
inline std::uint32_t arrive(const volatile void* at) noexcept {
  if (!scheduler.watching()) [[unlikely]]
    return Memory::kNone;
  const std::uint32_t word = memory.find(at);
  if (word != Memory::kNone) scheduler.arrive(word);
  return word;
}

template <class T>
T load(const volatile T* at, int order, const void* place) noexcept {
  const std::uint32_t word = arrive(at);
  const T value = *at;
  if (word != Memory::kNone) scheduler.did_read(word, value, acquires(order), place);
  return value;
}

template <class T>
void store(volatile T* at, T value, int order, const void* place) noexcept {
  const std::uint32_t word = arrive(at);
  if (word != Memory::kNone) scheduler.will_write(word, value, releases(order), false, place);
  *at = value;
}

// A read-modify-write that changes nothing is a read.
template <class T, class F>
T update(volatile T* at, int order, const void* place, F change) noexcept {
  const std::uint32_t word = arrive(at);
  const T before = *at;
  const T after = static_cast<T>(change(before));
  if (word != Memory::kNone) {
    scheduler.did_read(word, before, acquires(order), place);
    if (after != before) scheduler.will_write(word, after, releases(order), true, place);
  }
  *at = after;
  return before;
}

template <class T>
bool exchange_if(volatile T* at, T* expected, T value, int order, int order_failed, const void* place) noexcept {
  const std::uint32_t word = arrive(at);
  const T before = *at;
  const bool same = before == *expected;
  if (word != Memory::kNone) {
    scheduler.did_read(word, before, acquires(same ? order : order_failed), place);
    if (same) scheduler.will_write(word, value, releases(order), true, place);
  }
  if (same)
    *at = value;
  else
    *expected = before;
  return same;
}

}  // namespace
}  // namespace durra::schedules

namespace s = durra::schedules;
#define PLACE __builtin_return_address(0)

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_read_range(void* p, unsigned long n) {
  if (n != 0) s::plain(p, n, false, PLACE);
}
void __tsan_write_range(void* p, unsigned long n) {
  if (n != 0) s::plain(p, n, true, PLACE);
}
void __tsan_atomic_thread_fence(int order) {
  if (s::scheduler.watching() && order == __ATOMIC_SEQ_CST) s::scheduler.fence();
}
void __tsan_atomic_signal_fence(int) {}

// clang-format off: it takes the uses of a macro for parts of one declaration
#define PLAIN(N)                                                           \
  void __tsan_read##N(void* p) { s::plain(p, N, false, PLACE); }           \
  void __tsan_write##N(void* p) { s::plain(p, N, true, PLACE); }           \
  void __tsan_unaligned_read##N(void* p) { s::plain(p, N, false, PLACE); } \
  void __tsan_unaligned_write##N(void* p) { s::plain(p, N, true, PLACE); }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

#define UPDATE(BITS, T, NAME, EXPRESSION)                                    \
  T __tsan_atomic##BITS##_##NAME(volatile T* p, T v, int order) {            \
    return s::update(p, order, PLACE, [v](T before) { return EXPRESSION; }); \
  }
#define ATOMIC(BITS, T)                                                                             \
  T __tsan_atomic##BITS##_load(const volatile T* p, int order) { return s::load(p, order, PLACE); } \
  void __tsan_atomic##BITS##_store(volatile T* p, T v, int order) { s::store(p, v, order, PLACE); } \
  UPDATE(BITS, T, exchange, (static_cast<void>(before), v))                                         \
  UPDATE(BITS, T, fetch_add, before + v)                                                            \
  UPDATE(BITS, T, fetch_sub, before - v)                                                            \
  UPDATE(BITS, T, fetch_and, before& v)                                                             \
  UPDATE(BITS, T, fetch_or, before | v)                                                             \
  UPDATE(BITS, T, fetch_xor, before ^ v)                                                            \
  int __tsan_atomic##BITS##_compare_exchange_strong(volatile T* p, T* e, T v, int o, int f) {       \
    return s::exchange_if(p, e, v, o, f, PLACE);                                                    \
  }                                                                                                 \
  int __tsan_atomic##BITS##_compare_exchange_weak(volatile T* p, T* e, T v, int o, int f) {         \
    return s::exchange_if(p, e, v, o, f, PLACE);                                                    \
  }
ATOMIC(8, unsigned char)
ATOMIC(16, unsigned short)
ATOMIC(32, unsigned int)
ATOMIC(64, unsigned long)
// clang-format on

// The linker sends calls of these functions here (--wrap).
void* __real_memcpy(void*, const void*, size_t);
void* __real_memmove(void*, const void*, size_t);
void* __real_memset(void*, int, size_t);
int __real_memcmp(const void*, const void*, size_t);
void* __wrap_memcpy(void* to, const void* from, size_t n) {
  if (n != 0) s::plain(from, n, false, PLACE), s::plain(to, n, true, PLACE);
  return __real_memcpy(to, from, n);
}
void* __wrap_memmove(void* to, const void* from, size_t n) {
  if (n != 0) s::plain(from, n, false, PLACE), s::plain(to, n, true, PLACE);
  return __real_memmove(to, from, n);
}
void* __wrap_memset(void* to, int c, size_t n) {
  if (n != 0) s::plain(to, n, true, PLACE);
  return __real_memset(to, c, n);
}
int __wrap_memcmp(const void* a, const void* b, size_t n) {
  if (n != 0) s::plain(a, n, false, PLACE), s::plain(b, n, false, PLACE);
  return __real_memcmp(a, b, n);
}
}
