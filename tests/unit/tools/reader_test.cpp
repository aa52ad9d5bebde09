// Records from lines, NDJSON and paragraphs.
#include "tools/reader.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/tools/fake_input.h"
#include "tools/failure.h"
#include "tools/json.h"

namespace durra::tools {
namespace {

// "KEY=PAYLOAD@LINE" of each record; of what cannot be taken "!LINE: why".
std::vector<std::string> read(const std::string& text, const ReaderOptions& options) {
  std::vector<std::string> items;
  auto input = input_of(text);
  check(options);
  const auto reader = make_reader(input, options);
  try {
    while (const auto item = reader->next())
      items.push_back(key_text(item->key) + "=" + std::string(item->payload) + "@" + std::to_string(item->line));
  } catch (const BadInput& bad) {
    items.push_back("!" + std::to_string(bad.line) + ": " + bad.what);
  }
  return items;
}

using Items = std::vector<std::string>;
const ReaderOptions kLines{"lines", {}, ""}, kDump{"ndjson", {}, ""}, kPackages{"paragraphs", "Package", ""};

TEST(LinesReader, the_number_is_the_key) {
  EXPECT_EQ(read("a\n\nc", kLines), (Items{"1=a@1", "2=@2", "3=c@3"}));
  EXPECT_EQ(read("a\n", {"lines", {}, "log/"}), Items{"log/1=a@1"});
}

TEST(NdjsonReader, takes_what_dump_prints) {
  EXPECT_EQ(read(R"({"key":"user/1","stamp":"118.5","text":"{\"name\":\"Ada\"}"})"
                 "\n\n"
                 R"({"id":7,"stamp":"3.1","base64":"QUJD"})"
                 "\n"
                 R"({"key_base64":"/w==","text":""})",
                 kDump),
            (Items{R"(user/1={"name":"Ada"}@1)", "7=ABC@3", R"(\xff=@4)"}));
  EXPECT_EQ(read(R"({"id":7,"text":"x"})", {"ndjson", {}, "old/"}), Items{"old/7=x@1"});
}

RC_GTEST_PROP(NdjsonReader, any_record_survives_dump_and_import,
              (std::string key, std::string payload, std::uint64_t id)) {
  for (const auto& k : {OwnedKey(key), OwnedKey(id)}) {
    Json json = key_json(k);
    add_payload(json, payload);
    auto input = input_of(line_of(json));
    const auto reader = make_ndjson_reader(input, {}, "");
    const auto item = reader->next();
    RC_ASSERT(item.has_value());
    RC_ASSERT(item->key == k);
    RC_ASSERT(item->payload == payload);
    RC_ASSERT(!reader->next().has_value());
  }
}

TEST(NdjsonReader, with_a_key_field_the_line_is_the_payload) {
  const ReaderOptions options{"ndjson", "name", ""};
  EXPECT_EQ(read("{\"name\":\"Ada\", \"n\":1}\n{\"name\":12}", options),
            (Items{"Ada={\"name\":\"Ada\", \"n\":1}@1", "12={\"name\":12}@2"}));
  EXPECT_EQ(read("{\"n\":1}", options), Items{"!1: no field \"name\""});
  EXPECT_EQ(read("{\"name\":1.5}", options),
            Items{"!1: field \"name\" is neither a string nor an integer up to 2^64 - 1"});
}

TEST(NdjsonReader, an_integer_key_is_taken_as_it_stands_or_not_at_all) {
  const auto id = [](const std::string& number) { return "\n{\"id\":" + number + ",\"text\":\"x\"}"; };
  EXPECT_EQ(read(id("0"), kDump), Items{"0=x@2"});
  EXPECT_EQ(read(id("18446744073709551615"), kDump), Items{"18446744073709551615=x@2"});
  for (const char* wrong : {"-1", "-9223372036854775808", "1.5", "1.0", "18446744073709551616", "-1e3", "null", "true"})
    EXPECT_EQ(read(id(wrong), kDump), Items{"!2: field \"id\" is neither a string nor an integer up to 2^64 - 1"})
        << wrong;
  EXPECT_EQ(read(id("-1"), {"ndjson", "id", "old/"})[0].substr(0, 3), "!2:");
}

TEST(NdjsonReader, bad_lines_are_named) {
  const std::string good = "{\"key\":\"a\",\"text\":\"\"}\n";
  EXPECT_EQ(read(good + "{\"key\":", kDump), (Items{"a=@1", "!2: not JSON, at column 8"}));
  EXPECT_EQ(read("[1]", kDump), Items{"!1: not a JSON object"});
  EXPECT_EQ(read("{\"key\":\"a\"}", kDump)[0].substr(0, 30), "!1: no \"text\" and no \"base64\";");
  EXPECT_EQ(read("{\"text\":\"a\"}", kDump)[0].substr(0, 24), "!1: no \"key\" and no \"id\"");
  EXPECT_EQ(read("{\"key\":\"a\",\"base64\":\"A\"}", kDump), Items{"!1: field \"base64\" is not base64"});
  EXPECT_EQ(read("{\"key\":\"a\",\"base64\":7}", kDump), Items{"!1: field \"base64\" is not base64"});
  EXPECT_EQ(read("{\"id\":1e400,\"text\":\"\"}", kDump), Items{"!1: not JSON: a number out of range"});
  EXPECT_EQ(read("{\"key\":\"\xff\",\"text\":\"\"}", kDump)[0].substr(0, 11), "!1: not JSO");
  EXPECT_EQ(read(std::string(100'000, '['), kDump)[0].substr(0, 11), "!1: not JSO");  // deep, not recursive
}

TEST(ParagraphsReader, fields_continuations_and_blank_lines) {
  EXPECT_EQ(
      read("\n\nPackage: bash\nDescription: a shell\n the GNU one\n .\n\n \t\npackage:  dash \nSize: 1", kPackages),
      (Items{"bash=Package: bash\nDescription: a shell\n the GNU one\n .\n@3", "dash=package:  dash \nSize: 1\n@9"}));
  EXPECT_EQ(read("Package: a\n\n", {"paragraphs", "Package", "deb/"}), Items{"deb/a=Package: a\n@1"});
}

TEST(ParagraphsReader, a_key_may_be_folded_and_the_first_one_counts) {
  EXPECT_EQ(read("Package:\n bash\n shell\nPackage: b\n c\n", kPackages),
            Items{"bash shell=Package:\n bash\n shell\nPackage: b\n c\n@1"});
}

TEST(ParagraphsReader, lines_may_end_as_on_other_systems) {
  EXPECT_EQ(read("Package: a\r\n\r\nPackage: b\r\n", kPackages), (Items{"a=Package: a\r\n@1", "b=Package: b\r\n@3"}));
}

TEST(ParagraphsReader, bad_lines_are_named) {
  EXPECT_EQ(read("Package: a\n\nSize: 1\n", kPackages),
            (Items{"a=Package: a\n@1", "!3: no field \"Package\" in the paragraph that begins here"}));
  EXPECT_EQ(read("Package:\n", kPackages), Items{"!1: no field \"Package\" in the paragraph that begins here"});
  EXPECT_EQ(read(" more\n", kPackages), Items{"!1: a continuation line with no field above it"});
  EXPECT_EQ(read("Package: a\nhello\n", kPackages), Items{"!2: expected \"Field: value\""});
  EXPECT_EQ(read(": a\n", kPackages), Items{"!1: expected \"Field: value\""});
}

TEST(ReaderOptionsCheck, options_must_fit_each_other) {
  EXPECT_THROW(check({"lines", "Package", ""}), Complaint);
  EXPECT_THROW(check({"paragraphs", {}, ""}), Complaint);
  EXPECT_NO_THROW(check({"ndjson", "name", "x/"}));
}

}  // namespace
}  // namespace durra::tools
