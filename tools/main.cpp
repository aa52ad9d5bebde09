// The command: finds the verb, runs it, turns what it throws into words and an exit status.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>

#include "tools/call.h"
#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/help.h"
#include "tools/json.h"
#include "tools/text.h"
#include "tools/verb.h"

namespace durra::tools {
namespace {

// Not by fmt::print: it throws where nobody hears it, and the exit status still has to say it.
void tell(const std::string& text) { std::fputs(text.c_str(), stderr); }

int complain(const Complaint& c, const char* verb, std::string_view store, bool json) {
  std::fflush(stdout);
  tell(fmt::format("durra: {}{}{}\n", escape(c.path), c.path.empty() ? "" : ": ", c.text));
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
  } catch (const std::system_error& e) {  // fmt's too, of an output that cannot be written: main names standard output
    const int code = e.code().value();
    if (std::ferror(stdout) == 0)
      return complain({"", {Code::io, static_cast<std::uint16_t>(code)}, e.what()}, verb.name, call.store, call.json);
    errno = code;
    return kFailed;
  }
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty()) {
    tell(help_text());
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

// Where a standard stream is closed, the next file that is opened gets its number: a store would be written into, or
// imported.  So each is held by what answers EBADF, as a closed one does.
bool hold_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd) return false;
  return true;
}

}  // namespace
}  // namespace durra::tools

int main(int argc, char** argv) {
  using namespace durra::tools;
  if (!hold_standard_streams()) return kFailed;
  int status = dispatch({argv + 1, argv + argc});
  // What was said must have been heard: a full disk behind `durra dump > file` is an error.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    tell(fmt::format("durra: standard output: {}\n", std::strerror(errno)));
    status = status == kDone ? kFailed : status;
  }
  return status;
}
