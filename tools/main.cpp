// The command: finds the verb, runs it, turns what it throws into words and an exit status.
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "tools/call.h"
#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/help.h"
#include "tools/json.h"
#include "tools/text.h"
#include "tools/verb.h"

namespace durra::tools {
namespace {

int complain(const Complaint& c, const char* verb, std::string_view store, bool json) {
  std::fflush(stdout);
  fmt::print(stderr, "durra: {}{}{}\n", escape(c.path), c.path.empty() ? "" : ": ", c.text);
  if (json) {
    Json answer = envelope(verb, store.empty() ? std::string_view(c.path) : store, false);
    answer["error"] = error_json(c.error, c.text);
    std::fputs(line_of(answer).c_str(), stdout);
  }
  return exit_of(c.error.code);
}

int run(const Verb& verb, std::vector<std::string> arguments) {
  Call call(verb, std::move(arguments));
  try {
    return verb.run(call);
  } catch (const HelpWanted& help) {
    fmt::print("{}", help.text);
    return kDone;
  } catch (const Complaint& c) {
    return complain(c, verb.name, call.store, call.json);
  } catch (const std::bad_alloc&) {
    return complain({call.store, {Code::io, ENOMEM}, "out of memory"}, verb.name, call.store, call.json);
  }
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty()) {
    fmt::print(stderr, "{}", help_text());
    return kUsage;
  }
  const std::string& first = words[0];
  if (first == "--help" || first == "-h" || (first == "help" && words.size() == 1)) {
    fmt::print("{}", help_text());
    return kDone;
  }
  if (first == "--version") {
    fmt::print("durra {}\n", DURRA_VERSION);
    return kDone;
  }
  if (first == "help") return dispatch({words[1], "--help"});
  if (const Verb* verb = find_verb(first)) return run(*verb, {words.begin() + 1, words.end()});
  const auto close = nearest(first, verb_names());
  const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
  return complain(usage(fmt::format("no verb \"{}\"; {}", escape(first),
                                    close.empty() ? "see: durra --help" : fmt::format("did you mean \"{}\"?", close))),
                  first.c_str(), "", json);
}

}  // namespace
}  // namespace durra::tools

int main(int argc, char** argv) {
  using namespace durra::tools;
  int status = dispatch({argv + 1, argv + argc});
  // What was said must have been heard: a full disk behind `durra dump > file` is an error.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "durra: standard output: {}\n", std::strerror(errno));
    status = status == kDone ? kFailed : status;
  }
  return status;
}
