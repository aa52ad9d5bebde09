// Arguments: what CLI11 makes of them must not surprise anybody.
#include "tools/call.h"

#include <gtest/gtest.h>

#include "tools/failure.h"

namespace durra::tools {
namespace {

constexpr Verb kPut{"change", "put", "write one record", nullptr};

struct Parsed {
  std::string store, key;
  std::optional<std::string> value;
  std::uint64_t size = 5, count = 6;
  std::string word = "a";
  bool flag = false, json = false;
};

Parsed parse(std::vector<std::string> arguments) {
  Parsed p;
  Call call(kPut, std::move(arguments));
  call.needs_store()
      .needs("KEY", p.key, "a key")
      .takes("VALUE", p.value, "a value")
      .size("--size", p.size, "bytes")
      .option("--count", p.count, "how many")
      .one_of("--word", p.word, {"a", "b"}, "a word")
      .flag("--flag", p.flag, "a flag")
      .parse();
  p.store = call.store;
  p.json = call.json;
  return p;
}

std::string complaint_of(std::vector<std::string> arguments) {
  try {
    parse(std::move(arguments));
  } catch (const Complaint& c) {
    EXPECT_EQ(c.error.code, Code::invalid);
    return c.text;
  }
  return "";
}

TEST(Arguments, positions_and_defaults) {
  const auto p = parse({"s.durra", "k"});
  EXPECT_EQ(p.store, "s.durra");
  EXPECT_EQ(p.key, "k");
  EXPECT_EQ(p.value, std::nullopt);
  EXPECT_EQ(p.size, 5u);
  EXPECT_FALSE(p.json);
}

TEST(Arguments, options_may_stand_anywhere) {
  const auto p = parse({"--size", "64KiB", "s", "--flag", "k", "--json", "v", "--count=9", "--word", "b"});
  EXPECT_EQ(p.size, 64u << 10);
  EXPECT_EQ(p.count, 9u);
  EXPECT_EQ(p.word, "b");
  EXPECT_TRUE(p.flag && p.json);
  EXPECT_EQ(p.value, "v");
}

TEST(Arguments, a_payload_is_taken_as_it_is) {
  for (const char* value : {"", "{}", "[]", "[1,2]", "%%", "\"x\"", "-", "a=b", "é", " ", "\n"})
    EXPECT_EQ(parse({"s", "k", value}).value, value);
  EXPECT_EQ(parse({"s", "k", "--", "--json"}).value, "--json");
  EXPECT_FALSE(parse({"s", "k", "--", "--json"}).json);
}

TEST(Arguments, mistakes_are_said_and_mended) {
  EXPECT_EQ(complaint_of({}), "put: STORE is missing; see: durra put --help");
  EXPECT_EQ(complaint_of({"s"}), "put: KEY is missing; see: durra put --help");
  EXPECT_EQ(complaint_of({"", "k"}), "put: STORE is empty; see: durra put --help");
  EXPECT_EQ(complaint_of({"s", "k", "v", "x"}), "put: did not expect \"x\"; see: durra put --help");
  EXPECT_EQ(complaint_of({"s", "k", "--flg"}), "put: did not expect \"--flg\"; did you mean \"--flag\"?");
  EXPECT_EQ(complaint_of({"s", "k", "--size", "64MB"}), "--size 64MB: expected a size like 64KiB, 1MiB, 64GiB");
  EXPECT_EQ(complaint_of({"s", "k", "--count", "-1"}).substr(0, 7), "--count");
  EXPECT_EQ(complaint_of({"s", "k", "--word", "c"}), "--word c: expected a | b");
  EXPECT_NE(complaint_of({"s", "k", "--size"}), "");
}

TEST(Arguments, help_is_no_error) {
  try {
    parse({"--help"});
    FAIL();
  } catch (const HelpWanted& help) {
    EXPECT_NE(help.text.find("durra put [OPTIONS] STORE KEY [VALUE]"), std::string::npos) << help.text;
  }
}

TEST(Arguments, json_is_known_even_when_the_rest_is_wrong) {
  Call call(kPut, {"--jsn", "--json"});
  EXPECT_TRUE(call.json);
}

}  // namespace
}  // namespace durra::tools
