// The JSON of the command.
#include "tools/json.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tools/text.h"

namespace durra::tools {
namespace {

TEST(CommandJson, base64_known_answers) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64(std::string_view("\0\1\2", 3)), "AAEC");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

RC_GTEST_PROP(CommandJson, base64_reads_back, (std::string bytes)) { RC_ASSERT(from_base64(base64(bytes)) == bytes); }

TEST(CommandJson, base64_is_strict) {
  for (const char* wrong : {"A", "AA", "AAE", "AA=A", "====", "AAEC ", "AA-_", "Zh==", "=", "AAEC=AAA"})
    EXPECT_EQ(from_base64(wrong), std::nullopt) << wrong;
}

RC_GTEST_PROP(CommandJson, payload_and_key_are_never_lossy, (std::string bytes)) {
  Json json = key_json(OwnedKey(bytes));
  add_payload(json, bytes);
  const auto read = Json::parse(line_of(json));
  RC_ASSERT((read.contains("key") ? read["key"].get<std::string>()
                                  : from_base64(read["key_base64"].get<std::string>())) == bytes);
  RC_ASSERT((read.contains("text") ? read["text"].get<std::string>()
                                   : from_base64(read["base64"].get<std::string>())) == bytes);
  RC_ASSERT(read.contains("text") == valid_utf8(bytes));
}

TEST(CommandJson, an_integer_key_keeps_all_its_bits) {
  EXPECT_EQ(line_of(key_json(OwnedKey(UINT64_MAX))), "{\"id\":18446744073709551615}\n");
}

TEST(CommandJson, an_envelope_begins_with_the_schema) {
  EXPECT_EQ(line_of(envelope("info", "app.durra", true)),
            "{\"durra\":1,\"verb\":\"info\",\"store\":\"app.durra\",\"ok\":true}\n");
  EXPECT_EQ(line_of(envelope("bench", "", true)), "{\"durra\":1,\"verb\":\"bench\",\"ok\":true}\n");
  EXPECT_EQ(line_of(envelope("get", "\xff.durra", false)),
            "{\"durra\":1,\"verb\":\"get\",\"store\":\"\xef\xbf\xbd.durra\",\"ok\":false}\n");
}

TEST(CommandJson, errors_carry_what_their_code_means) {
  EXPECT_EQ(error_json({Code::damaged, 0, 3'195'072, "x"}, "m").dump(),
            R"({"code":"damaged","offset":3195072,"message":"m"})");
  EXPECT_EQ(error_json({Code::full, 28, 4096, "x", 17}, "m").dump(),
            R"({"code":"full","needed_bytes":4096,"available_bytes":17,"errno":28,"message":"m"})");
  EXPECT_EQ(error_json({Code::full, 0, 1024, "seats"}, "m").dump(), R"({"code":"full","message":"m"})");
  EXPECT_EQ(error_json({Code::full, 0, 4096, "x", 8192}, "m").dump(),
            R"({"code":"full","needed_bytes":4096,"limit_bytes":8192,"message":"m"})");
  EXPECT_EQ(error_json({Code::too_large, 0, 1024}, "m").dump(),
            R"({"code":"too_large","limit_bytes":1024,"message":"m"})");
  EXPECT_EQ(error_json({Code::busy, 0, 4121}, "m").dump(), R"({"code":"busy","pid":4121,"message":"m"})");
  EXPECT_EQ(error_json({Code::not_found}, "m").dump(), R"({"code":"not_found","message":"m"})");
}

}  // namespace
}  // namespace durra::tools
