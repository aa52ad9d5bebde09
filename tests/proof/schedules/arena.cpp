// The arena: blocks of powers of two and their halves between, with a list of free ones each.
#include "tests/proof/schedules/arena.h"

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace durra::schedules::arena {
namespace {

constexpr std::size_t kSize = 8u << 20, kClasses = 48;

// Its first bytes are its own state, so that rewind() puts that back too.
struct Free {
  Free* next;
};
struct State {
  std::size_t used;
  Free* free[kClasses];
};
alignas(64) std::byte room[kSize];
std::byte copy[kSize];
bool on = false;
State& state() noexcept { return *reinterpret_cast<State*>(room); }

// 16, 24, 32, 48, 64, …
std::size_t class_of(std::size_t size) noexcept {
  std::size_t c = 0;
  for (std::size_t fits = 16; fits < size; ++c) fits = c % 2 == 0 ? fits + fits / 2 : fits / 3 * 4;
  return c;
}
std::size_t size_of(std::size_t c) noexcept { return (c % 2 == 0 ? std::size_t{16} : std::size_t{24}) << c / 2; }

struct Header {
  std::uint64_t block_class;
  std::uint64_t padding;
};

void* take(std::size_t size, std::size_t align) {
  State& s = state();
  if (s.used == 0) s.used = (sizeof(State) + 63) & ~std::size_t{63};
  const std::size_t c = class_of(size + sizeof(Header) + (align > 16 ? align : 0));
  if (c >= kClasses) std::abort();
  std::byte* p;
  if (s.free[c] != nullptr) {
    p = reinterpret_cast<std::byte*>(s.free[c]);
    s.free[c] = s.free[c]->next;
  } else {
    p = room + s.used;
    s.used += (size_of(c) + 15) & ~std::size_t{15};
    if (s.used > kSize) std::abort();
  }
  // Aligned by moving on; the header lies right before what is returned.
  auto user = reinterpret_cast<std::uintptr_t>(p) + sizeof(Header);
  if (align > 16) user = (user + align - 1) & ~(align - 1);
  *reinterpret_cast<Header*>(user - sizeof(Header)) = {c, user - reinterpret_cast<std::uintptr_t>(p)};
  return reinterpret_cast<void*>(user);
}

bool is_here(const void* p) noexcept { return p >= room && p < room + kSize; }

void give(void* p) noexcept {
  const Header h = *reinterpret_cast<Header*>(static_cast<std::byte*>(p) - sizeof(Header));
  auto* block = reinterpret_cast<Free*>(static_cast<std::byte*>(p) - h.padding);
  block->next = state().free[h.block_class];
  state().free[h.block_class] = block;
}

void* allocate(std::size_t size, std::size_t align) {
  if (on) return take(size, align);
  void* p = align > 16 ? std::aligned_alloc(align, (size + align - 1) & ~(align - 1)) : std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void release(void* p) noexcept {
  if (is_here(p)) return give(p);
  std::free(p);
}

}  // namespace

void use(bool yes) noexcept { on = yes; }
void checkpoint() noexcept { std::memcpy(copy, room, state().used); }
void rewind() noexcept { std::memcpy(room, copy, reinterpret_cast<const State*>(copy)->used); }
std::size_t used() noexcept { return state().used; }

}  // namespace durra::schedules::arena

namespace arena = durra::schedules::arena;
void* operator new(std::size_t size) { return arena::allocate(size, 16); }
void* operator new[](std::size_t size) { return arena::allocate(size, 16); }
void* operator new(std::size_t size, std::align_val_t align) {
  return arena::allocate(size, static_cast<std::size_t>(align));
}
void* operator new[](std::size_t size, std::align_val_t align) {
  return arena::allocate(size, static_cast<std::size_t>(align));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return arena::allocate(size, 16); }
void operator delete(void* p) noexcept { arena::release(p); }
void operator delete[](void* p) noexcept { arena::release(p); }
void operator delete(void* p, std::size_t) noexcept { arena::release(p); }
void operator delete[](void* p, std::size_t) noexcept { arena::release(p); }
void operator delete(void* p, std::align_val_t) noexcept { arena::release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { arena::release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { arena::release(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { arena::release(p); }
