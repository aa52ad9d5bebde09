// Numbers, times and foreign bytes as people read them.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tools/text.h"

namespace durra::tools {
namespace {

TEST(Text, counts_have_groups_of_three) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(20'413), "20,413");
  EXPECT_EQ(count_text(UINT64_MAX), "18,446,744,073,709,551,615");
  EXPECT_EQ(count_text(1, "record"), "1 record");
  EXPECT_EQ(count_text(0, "process"), "0 processes");
}

TEST(Text, sizes_are_short_and_exact_ones_look_exact) {
  EXPECT_EQ(size_text(0), "0 bytes");
  EXPECT_EQ(size_text(1), "1 byte");
  EXPECT_EQ(size_text(1023), "1,023 bytes");
  EXPECT_EQ(size_text(64_GiB), "64 GiB");
  EXPECT_EQ(size_text(3'250'586), "3.1 MiB");
  EXPECT_EQ(size_text(212_KiB + 100), "212 KiB");
  EXPECT_EQ(size_text(1_MiB - 1), "1.0 MiB");  // never "1024 KiB"
  EXPECT_EQ(size_text(UINT64_MAX), "16.0 EiB");
}

RC_GTEST_PROP(Text, a_whole_size_is_read_back, ()) {
  const auto shift = *rc::gen::inRange(0, 5) * 10;
  const auto n = *rc::gen::inRange<std::uint64_t>(1, 1000) << shift;
  RC_ASSERT(parse_size(std::to_string(n)) == n);
  std::string text = size_text(n);
  if (n >= 1024) RC_ASSERT(parse_size(text) == n);
}

TEST(Text, sizes_take_binary_units_only) {
  EXPECT_EQ(parse_size("64GiB"), 64_GiB);
  EXPECT_EQ(parse_size("64g"), 64_GiB);
  EXPECT_EQ(parse_size("64 KiB"), 64_KiB);
  EXPECT_EQ(parse_size("7B"), 7u);
  EXPECT_EQ(parse_size("16777215T"), 16777215ull << 40);
  for (const char* wrong : {"", "GiB", "-1", "1.5GiB", "64MB", "1KiBs", "16777216T", "18446744073709551616", "1PiB"})
    EXPECT_EQ(parse_size(wrong), std::nullopt) << wrong;
}

TEST(Text, durations) {
  EXPECT_EQ(duration_text(0), "0 ns");
  EXPECT_EQ(duration_text(45'400), "45 us");
  EXPECT_EQ(duration_text(99'600), "0.1 ms");
  EXPECT_EQ(duration_text(300'000), "0.3 ms");
  EXPECT_EQ(duration_text(21'000'000), "21 ms");
  EXPECT_EQ(duration_text(99'700'000), "0.10 s");
  EXPECT_EQ(duration_text(110'000'000), "0.11 s");
  EXPECT_EQ(duration_text(12'300'000'000), "12.3 s");
  EXPECT_EQ(duration_text(200'000'000'000), "3 min 20 s");
  EXPECT_EQ(duration_text(7'500'000'000'000), "2 h 5 min");
  EXPECT_EQ(duration_text(266'400'000'000'000), "3 d 2 h");
}

TEST(Text, times_are_utc) {
  constexpr std::uint64_t kSecond = 1'000'000'000, kThen = 1'795'293'688 * kSecond;
  EXPECT_EQ(utc_text(kThen), "2026-11-21 20:41:28 UTC");
  EXPECT_EQ(utc_iso(kThen), "2026-11-21T20:41:28Z");
  EXPECT_EQ(utc_short(kThen, kThen + 60 * kSecond), "20:41:28");
  EXPECT_EQ(utc_short(kThen, kThen + 86'400 * kSecond), "2026-11-21");
}

TEST(Text, shares) {
  EXPECT_EQ(percent_text(0, 0), "0 %");
  EXPECT_EQ(percent_text(42, 100), "42 %");
}

RC_GTEST_PROP(Text, a_stamp_is_read_back, (std::uint64_t word)) {
  RC_ASSERT(parse_stamp(stamp_text(Stamp{word})) == Stamp{word});
}

TEST(Text, what_is_no_stamp) {
  EXPECT_EQ(parse_stamp("118.5"), Stamp{118 << 16 | 5});
  for (const char* wrong : {"", ".", "118", "118.", ".5", "118.65536", "281474976710656.0", "1.2.3", "-1.0"})
    EXPECT_EQ(parse_stamp(wrong), std::nullopt) << wrong;
}

TEST(Text, utf8_is_strict) {
  for (const char* good : {"", "a", "é", "€", "𝄞", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80"})
    EXPECT_TRUE(valid_utf8(good)) << good;
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9d\x84", "a\xff"})
    EXPECT_FALSE(valid_utf8(bad)) << bad;
}

TEST(Text, what_is_shown_is_one_line_that_commands_no_terminal) {
  EXPECT_EQ(escape("user/1 é"), "user/1 é");
  EXPECT_EQ(escape("a\nb\tc\\d"), "a\\nb\\tc\\\\d");
  EXPECT_EQ(escape("\033[2J"), "\\x1b[2J");
  EXPECT_EQ(escape(std::string_view("\0\x7f", 2)), "\\x00\\x7f");
  EXPECT_EQ(escape("\xc2\x9b"
                   "2J"),
            "\\xc2\\x9b2J");  // CSI in one character
  EXPECT_EQ(escape("a\xff\xc3"), "a\\xff\\xc3");
}

RC_GTEST_PROP(Text, escaped_text_is_printable_and_tells_bytes_apart, (std::string a, std::string b)) {
  RC_ASSERT(valid_utf8(escape(a)));
  for (char c : escape(a)) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  RC_ASSERT((escape(a) == escape(b)) == (a == b));
}

TEST(Text, a_mistyped_word_finds_its_neighbour) {
  const std::vector<std::string_view> verbs{"info", "ls", "get", "put", "verify", "regions", "import"};
  EXPECT_EQ(edit_distance("verfiy", "verify"), 1u);  // swapped neighbours
  EXPECT_EQ(edit_distance("", "get"), 3u);
  EXPECT_EQ(nearest("verfiy", verbs), "verify");
  EXPECT_EQ(nearest("gte", verbs), "get");
  EXPECT_EQ(nearest("region", verbs), "regions");
  EXPECT_EQ(nearest("app.durra", verbs), "");
  EXPECT_EQ(nearest("", verbs), "");
}

}  // namespace
}  // namespace durra::tools
