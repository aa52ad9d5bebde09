// The map from Code to exit status, and that --help tells the same.
#include "tools/exit.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

#include "tools/help.h"

namespace durra::tools {
namespace {

constexpr int kLastCode = static_cast<int>(Code::io);

// Status by the name of each code, as the lines "  1        failed or absent: not_found conflict …" tell it.
std::map<std::string, int> told() {
  std::map<std::string, int> map;
  std::istringstream table{std::string(exit_table())};
  for (std::string line; std::getline(table, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream names(line.substr(colon + 1));
    for (std::string word; names >> word;) map[word] = std::stoi(line);
  }
  return map;
}

TEST(ExitStatus, the_table_tells_what_the_function_does) {
  const auto table = told();
  EXPECT_EQ(table.size(), static_cast<std::size_t>(kLastCode));
  for (int code = 1; code <= kLastCode; ++code) {
    const auto* word = name(static_cast<Code>(code));
    ASSERT_TRUE(table.contains(word)) << word;
    EXPECT_EQ(table.at(word), exit_of(static_cast<Code>(code))) << word;
  }
  EXPECT_STREQ(name(static_cast<Code>(kLastCode + 1)), "unknown");  // so that a new code is not forgotten here
}

TEST(ExitStatus, help_has_the_table_and_every_verb) {
  const auto help = help_text();
  EXPECT_NE(help.find(exit_table()), std::string::npos);
  for (const auto verb : verb_names())
    EXPECT_NE(help.find("\n  " + std::string(verb) + " "), std::string::npos) << verb;
  EXPECT_EQ(find_verb("compcat"), nullptr);
  ASSERT_NE(find_verb("get"), nullptr);
  EXPECT_STREQ(find_verb("get")->name, "get");
}

}  // namespace
}  // namespace durra::tools
