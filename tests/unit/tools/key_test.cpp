// Keys on the command line.
#include "tools/key.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tools/failure.h"

namespace durra::tools {
namespace {

TEST(KeyArgument, digits_are_an_integer_and_a_mark_makes_them_a_string) {
  EXPECT_EQ(parse_key("7"), OwnedKey(7));
  EXPECT_EQ(parse_key("007"), OwnedKey(7));
  EXPECT_EQ(parse_key("s:7"), OwnedKey("7"));
  EXPECT_EQ(parse_key("-7"), OwnedKey("-7"));
  EXPECT_EQ(parse_key("7a"), OwnedKey("7a"));
  EXPECT_EQ(parse_key("user/1"), OwnedKey("user/1"));
  EXPECT_EQ(parse_key("s:s:7"), OwnedKey("s:7"));
  EXPECT_EQ(parse_key("18446744073709551615"), OwnedKey(UINT64_MAX));
}

TEST(KeyArgument, what_is_no_key_is_a_usage_error) {
  for (const char* wrong : {"", "s:", "18446744073709551616"}) try {
      parse_key(wrong);
      FAIL() << wrong;
    } catch (const Complaint& c) {
      EXPECT_EQ(c.error.code, Code::invalid) << wrong;
    }
}

RC_GTEST_PROP(KeyArgument, an_integer_key_reads_back, (std::uint64_t id)) {
  RC_ASSERT(parse_key(key_text(OwnedKey(id))) == OwnedKey(id));
}

RC_GTEST_PROP(KeyArgument, a_printable_string_key_reads_back, ()) {
  const auto text = *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::elementOf(std::string("s:/017 aZé"))));
  const OwnedKey key(text);
  if (key_text(key).find('\\') == std::string::npos) RC_ASSERT(parse_key(key_text(key)) == key);
}

TEST(KeyArgument, an_owned_key_is_the_librarys_key) {
  const OwnedKey number(7), text("7");
  EXPECT_FALSE(Key(number).is_text());
  EXPECT_EQ(Key(number).id(), 7u);
  EXPECT_TRUE(Key(text).is_text());
  EXPECT_EQ(Key(text).text(), "7");
  EXPECT_FALSE(number == text);
}

TEST(KeyArgument, conditions) {
  EXPECT_EQ(parse_condition("absent"), absent);
  EXPECT_EQ(parse_condition("1.2"), Stamp{1 << 16 | 2});
  EXPECT_THROW(parse_condition("now"), Complaint);
}

}  // namespace
}  // namespace durra::tools
