// Lines as a stream.
#include "tools/input.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/tools/fake_input.h"
#include "tools/failure.h"

namespace durra::tools {
namespace {

std::vector<std::string> lines_of(Input input) {
  std::vector<std::string> lines;
  for (std::string_view line; input.next(line);) lines.emplace_back(line);
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LineInput, a_last_line_needs_no_newline) {
  EXPECT_EQ(lines_of(input_of("")), Lines{});
  EXPECT_EQ(lines_of(input_of("\n")), Lines{""});
  EXPECT_EQ(lines_of(input_of("a\n\nb")), (Lines{"a", "", "b"}));
  EXPECT_EQ(lines_of(input_of("a\nb\n")), (Lines{"a", "b"}));
}

RC_GTEST_PROP(LineInput, pieces_do_not_matter, (std::vector<std::string> lines)) {
  std::string text;
  for (auto& line : lines) {
    std::erase(line, '\n');
    text += line + '\n';
  }
  RC_ASSERT(lines_of(input_of(text, *rc::gen::inRange<std::size_t>(1, 50))) == lines);
}

TEST(LineInput, lines_longer_than_the_buffer_come_whole) {
  const std::string big(3'000'000, 'x');
  EXPECT_EQ(lines_of(input_of("a\n" + big + "\nb\n", 100'000)), (Lines{"a", big, "b"}));
}

TEST(LineInput, says_where_it_is) {
  auto input = input_of("ab\nc\n");
  std::string_view line;
  ASSERT_TRUE(input.next(line));
  EXPECT_EQ(input.line_number(), 1u);
  EXPECT_EQ(input.bytes_taken(), 3u);
  ASSERT_TRUE(input.next(line));
  EXPECT_EQ(input.line_number(), 2u);
  EXPECT_EQ(input.bytes_taken(), 5u);
  EXPECT_FALSE(input.next(line));
}

TEST(LineInput, a_file) {
  const auto path = std::filesystem::temp_directory_path() / ("durra-input-" + std::to_string(getpid()));
  std::ofstream(path) << "a\nb";
  auto input = Input::from(path);
  EXPECT_EQ(input.bytes_total(), 3u);
  EXPECT_EQ(lines_of(std::move(input)), (Lines{"a", "b"}));
  std::filesystem::remove(path);
}

TEST(LineInput, a_file_that_is_not_there_or_cannot_be_read) {
  try {
    Input::from("no/such/file");
    FAIL();
  } catch (const Complaint& c) {
    EXPECT_EQ(c.error.code, Code::not_found);
    EXPECT_EQ(c.path, "no/such/file");
  }
  auto folder = Input::from("/");
  std::string_view line;
  EXPECT_THROW(folder.next(line), Complaint);
}

}  // namespace
}  // namespace durra::tools
