// Where instructions store, by their bytes.
#include "tests/testing/decode.h"

#include <gtest/gtest.h>

#include <vector>

namespace durra::testing {
namespace {

Registers registers() {
  Registers r{};
  for (std::uint64_t i = 0; i < 16; ++i) r.general[i] = (i + 1) << 20;
  return r;
}
constexpr std::uint64_t value(unsigned number) { return (number + 1ull) << 20; }

Operand decoded(std::vector<std::uint8_t> bytes) {
  bytes.resize(16);
  return decode(bytes.data(), registers());
}

TEST(Decode, operands_in_memory) {
  EXPECT_EQ(decoded({0x89, 0x08}).from, value(0));                                 // mov %ecx, (%rax)
  EXPECT_EQ(decoded({0x48, 0x89, 0x48, 0xf8}).from, value(0) - 8);                 // mov %rcx, -8(%rax)
  EXPECT_EQ(decoded({0x49, 0x89, 0x8c, 0x24, 0, 1, 0, 0}).from, value(12) + 256);  // mov %rcx, 256(%r12)
  EXPECT_EQ(decoded({0x4a, 0x89, 0x14, 0xe0}).from, value(0) + 8 * value(12));     // mov %rdx, (%rax,%r12,8)
  EXPECT_EQ(decoded({0xc7, 0x04, 0x25, 0, 0x10, 0, 0, 1, 0, 0, 0}).from, 4096u);   // movl $1, 4096
  EXPECT_EQ(decoded({0xf0, 0x48, 0x0f, 0xb1, 0x0f}).from, value(7));               // lock cmpxchg %rcx, (%rdi)
  EXPECT_EQ(decoded({0x66, 0x0f, 0x7f, 0x07}).from, value(7));                     // movdqa %xmm0, (%rdi)
  EXPECT_EQ(decoded({0xc5, 0xfe, 0x7f, 0x07}).from, value(7));                     // vmovdqu %ymm0, (%rdi)
  EXPECT_EQ(decoded({0xc4, 0xc1, 0x7e, 0x7f, 0x41, 0x20}).from, value(9) + 32);    // vmovdqu %ymm0, 32(%r9)
  EXPECT_EQ(decoded({0x41, 0x8f, 0x00}).from, value(8));                           // pop (%r8)
}

TEST(Decode, scaled_displacements_cover_all_units) {
  const Operand o = decoded({0x62, 0xf1, 0xfe, 0x48, 0x7f, 0x47, 0x01});  // vmovdqu64 %zmm0, 64(%rdi)
  EXPECT_LE(o.from, value(7) + 64);
  EXPECT_GE(o.from + o.size, value(7) + 128);
}

TEST(Decode, strings_store_where_rdi_points) {
  EXPECT_EQ(decoded({0xf3, 0xa4}).from, value(7));        // rep movsb
  EXPECT_EQ(decoded({0xf3, 0x48, 0xab}).from, value(7));  // rep stosq
}

TEST(Decode, what_stores_nowhere_else) {
  EXPECT_EQ(decoded({0x48, 0x89, 0xc8}).size, 0u);              // mov %rcx, %rax
  EXPECT_EQ(decoded({0x50}).size, 0u);                          // push %rax
  EXPECT_EQ(decoded({0xe8, 0, 0, 0, 0}).size, 0u);              // call
  EXPECT_EQ(decoded({0x0f, 0x84, 0, 0, 0, 0}).size, 0u);        // je
  EXPECT_EQ(decoded({0x64, 0x89, 0x08}).size, 0u);              // mov %ecx, %fs:(%rax)
  EXPECT_EQ(decoded({0x48, 0x8b, 0x05, 0, 0, 0, 0}).size, 0u);  // mov 0(%rip), %rax
  EXPECT_EQ(decoded({0xc5, 0xf8, 0x77}).size, 0u);              // vzeroupper
  EXPECT_TRUE(decoded({0x0f, 0x05}).syscall);
}

}  // namespace
}  // namespace durra::testing
