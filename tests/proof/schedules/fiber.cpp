// Switching stacks (System V ABI, x86-64) and the executable's thread-local variables.
#include "tests/proof/schedules/fiber.h"

#include <link.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

// Keeps the registers that a call keeps, on the stack that is left; takes them from the other.
extern "C" void durra_switch_stacks(void** from, void* to);
asm(R"(
.text
.globl durra_switch_stacks
.type durra_switch_stacks, @function
durra_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size durra_switch_stacks, .-durra_switch_stacks
.globl durra_fiber_entry
.type durra_fiber_entry, @function
durra_fiber_entry:
  movq %r12, %rdi
  callq *%r13
  ud2
.size durra_fiber_entry, .-durra_fiber_entry
)");
extern "C" void durra_fiber_entry();

namespace durra::schedules {
namespace {

constexpr std::size_t kStack = 256u << 10;

// The thread-local variables of the executable, the library's among them, as they are for the one thread there is.
std::span<std::byte> locals() noexcept {
  static const std::span<std::byte> block = [] {
    std::span<std::byte> found;
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* out) {
          for (int i = 0; i < info->dlpi_phnum; ++i)
            if (info->dlpi_phdr[i].p_type == PT_TLS && info->dlpi_tls_data != nullptr)
              *static_cast<std::span<std::byte>*>(out) = {static_cast<std::byte*>(info->dlpi_tls_data),
                                                          info->dlpi_phdr[i].p_memsz};
          return 1;  // the executable is the first
        },
        &found);
    return found;
  }();
  return block;
}

Fiber* running = nullptr;
void* outside = nullptr;  // the stack pointer of who is not a fiber
std::vector<std::byte> locals_outside;

}  // namespace

Fiber::Fiber() : locals_(locals().size()), kept_(locals().size()) {
  void* const room = ::mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED || ::mprotect(room, 4096, PROT_NONE) != 0) std::abort();
  top_ = static_cast<std::byte*>(room) + kStack;
  locals_outside.resize(locals().size());
}

void Fiber::begin(void (*body)(void*), void* argument) noexcept {
  auto** p = static_cast<void**>(top_);
  *--p = nullptr;  // so that the stack is aligned as before a call
  *--p = nullptr;
  *--p = reinterpret_cast<void*>(&durra_fiber_entry);
  *--p = nullptr;                        // rbp
  *--p = nullptr;                        // rbx
  *--p = argument;                       // r12
  *--p = reinterpret_cast<void*>(body);  // r13
  *--p = nullptr;                        // r14
  *--p = nullptr;                        // r15
  stack_pointer_ = p;
  locals_ = kept_;
}

Fiber* Fiber::current() noexcept { return running; }

void Fiber::jump(Fiber* to) noexcept {
  const auto live = locals();
  Fiber* const from = running;
  auto& kept = from != nullptr ? from->locals_ : locals_outside;
  const auto& next = to != nullptr ? to->locals_ : locals_outside;
  std::memcpy(kept.data(), live.data(), live.size());
  std::memcpy(live.data(), next.data(), live.size());
  running = to;
  durra_switch_stacks(from != nullptr ? &from->stack_pointer_ : &outside, to != nullptr ? to->stack_pointer_ : outside);
}

void Fiber::switch_to(Fiber& to) noexcept {
  if (running != &to) jump(&to);
}
void Fiber::leave() noexcept { jump(nullptr); }

}  // namespace durra::schedules
