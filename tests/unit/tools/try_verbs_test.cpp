// The verbs that try the library on a machine, as a user runs them: the last line and the exit status tell.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cctype>
#include <cstdio>
#include <string>

namespace {

struct Answer {
  int status = -1;
  std::string last_line;
};

Answer durra(const std::string& arguments) {
  Answer answer;
  FILE* pipe = ::popen((DURRA_COMMAND " " + arguments).c_str(), "r");
  if (pipe == nullptr) return answer;
  std::string text;
  for (int c; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) answer.status = WEXITSTATUS(status);
  if (!text.empty()) text.pop_back();
  answer.last_line = text.substr(text.rfind('\n') + 1);
  return answer;
}

// The number before a word, 0 when there is none.
long before(const std::string& line, const std::string& word) {
  const auto end = line.find(" " + word);
  if (end == std::string::npos) return 0;
  std::string digits;
  for (auto i = end; i > 0 && (std::isdigit(static_cast<unsigned char>(line[i - 1])) || line[i - 1] == ','); --i)
    if (line[i - 1] != ',') digits.insert(digits.begin(), line[i - 1]);
  return digits.empty() ? 0 : std::stol(digits);
}

TEST(TryVerbs, torture_loses_nothing_and_leaks_nothing) {
  const Answer a = durra("torture --seconds 3 --seed 1");
  EXPECT_EQ(a.status, 0) << a.last_line;
  EXPECT_GE(before(a.last_line, "kills"), 20) << a.last_line;
  EXPECT_GE(before(a.last_line, "acknowledged"), 500) << a.last_line;
  for (const char* good :
       {" 0 lost, 0 torn, ", ", stalls over 100 ms 0 (longest ", ", seats leaked 0, regions leaked 0"})
    EXPECT_NE(a.last_line.find(good), std::string::npos) << a.last_line;
}

TEST(TryVerbs, torture_answers_in_json) {
  const Answer a = durra("torture --seconds 1 --processes 2 --json");
  EXPECT_EQ(a.status, 0) << a.last_line;
  for (const char* good : {"{\"durra\":1,\"verb\":\"torture\"", "\"ok\":true", "\"lost\":0", "\"regions_leaked\":0"})
    EXPECT_NE(a.last_line.find(good), std::string::npos) << a.last_line;
}

TEST(TryVerbs, torture_refuses_impossible_arguments) {
  EXPECT_EQ(durra("torture --processes 1 2>&1").status, 2);
  EXPECT_EQ(durra("torture --processes 17 2>&1").status, 2);
}

TEST(TryVerbs, demo_tells_the_story) {
  const Answer a = durra("demo");
  EXPECT_EQ(a.status, 0) << a.last_line;
  EXPECT_GE(before(a.last_line, "acknowledged"), 1000) << a.last_line;
  EXPECT_EQ(before(a.last_line, "killed"), 12) << a.last_line;
  EXPECT_NE(a.last_line.find(" 0 lost, 12 killed, damage none"), std::string::npos) << a.last_line;
}

}  // namespace
