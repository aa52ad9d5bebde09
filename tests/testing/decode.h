// Where an x86-64 instruction may store: the operand in memory, as far as a tracer needs it.
#pragma once
#include <cstdint>

namespace durra::testing {

// Of a machine that is about to execute the instruction; rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
struct Registers {
  std::uint64_t general[16];
};

struct Operand {
  bool syscall = false;
  // It may store within [from, from + size), or on its stack, or nowhere; size 0: nowhere else.  An operand that is
  // relative to a segment or to the instruction lies in no file, and is nowhere.
  std::uint64_t from = 0, size = 0;
};

// Reads no byte behind the instruction.  Not known: xsave and its like, scatter, bts with a bit offset in a register.
Operand decode(const std::uint8_t* instruction, const Registers&) noexcept;

}  // namespace durra::testing
