// What people read when something goes wrong.
#include <durra/result.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace durra {
namespace {

TEST(Result, damage_names_the_place) {
  EXPECT_EQ((Error{Code::damaged, 0, 0x4c0, "record checksum mismatch"}.message()),
            "damaged at 0x4c0: record checksum mismatch");
  EXPECT_EQ((Error{Code::damaged, 0, 0, "no"}.message()), "damaged at 0x0: no");
}

TEST(Result, full_says_how_much_is_missing) {
  EXPECT_EQ((Error{Code::full, ENOSPC, 1 << 20, "pwrite", 212 << 10}.message()),
            "full: pwrite: No space left on device (needs 1 MiB, 212 KiB free)");
  EXPECT_EQ((Error{Code::full, EDQUOT, 1, "x", 0}.message()),
            "full: x: Disk quota exceeded (needs 1 byte, 0 bytes free)");
  EXPECT_EQ((Error{Code::full, 0, 1023, "max_size is reached", 1536}.message()),
            "full: max_size is reached (needs 1023 bytes, the limit is 1.5 KiB)");
  EXPECT_EQ((Error{Code::full, 0, 1024, "every participant seat is taken"}.message()),
            "full: every participant seat is taken");
}

TEST(Result, io_says_what_the_kernel_said) {
  EXPECT_EQ((Error{Code::io, ENOENT, 0, "open"}.message()), "io: open: No such file or directory");
}

TEST(Result, busy_names_the_process_and_too_large_the_limit) {
  EXPECT_EQ((Error{Code::busy, 0, 4711, "somebody rebuilds"}.message()), "busy: somebody rebuilds (process 4711)");
  EXPECT_EQ((Error{Code::too_large, 0, 1024, "key"}.message()), "too_large: key (at most 1 KiB)");
}

TEST(Result, a_code_alone_is_enough) { EXPECT_EQ(Error{Code::conflict}.message(), "conflict"); }

TEST(Result, every_code_has_a_name_of_its_own) {
  for (std::uint16_t a = 1; a <= 15; ++a)
    for (std::uint16_t b = 0; b < a; ++b)
      EXPECT_STRNE(name(static_cast<Code>(a)), name(static_cast<Code>(b))) << a << " and " << b;
  EXPECT_STREQ(name(static_cast<Code>(16)), "unknown");
}

TEST(Result, holds_a_value_or_an_error) {
  const Result<int> good = 7;
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 7);
  const Result<int> bad = Error{Code::not_found};
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::not_found);
  EXPECT_TRUE(Result<void>());
}

TEST(Result, value_throws_the_error_in_the_callers_code) {
  try {
    (void)Result<int>(Error{Code::damaged, 0, 64, "bits"}).value();
    FAIL();
  } catch (const Failure& f) {
    EXPECT_EQ(f.error.code, Code::damaged);
    EXPECT_STREQ(f.what(), "damaged at 0x40: bits");
  }
}

TEST(Result, moves_what_cannot_be_copied) {
  Result<std::unique_ptr<int>> r = std::make_unique<int>(3);
  EXPECT_EQ(*std::move(r).value(), 3);
}

TEST(Result, an_error_is_32_bytes) { EXPECT_LE(sizeof(Error), 40u); }

}  // namespace
}  // namespace durra
