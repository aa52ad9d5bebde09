// One call of a verb: its arguments, and how it wants to be answered.  Hides CLI11, which takes seconds to compile.
//
//   std::string key;
//   call.needs_store().needs("KEY", key, "digits are an integer key").parse();
//   auto store = open_to_read(call.store);
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/verb.h"

namespace durra::tools {

// `durra VERB --help` was asked for: not an error.
struct HelpWanted {
  std::string text;
};

class Call {
 public:
  // `arguments`: what follows the verb.
  Call(const Verb&, std::vector<std::string> arguments);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // First say what the verb takes; a variable keeps its value when its argument is not given.  Then parse.
  Call& needs_store();  // STORE, into `store`
  Call& needs(const char* name, std::string& to, const char* about);
  Call& takes(const char* name, std::optional<std::string>& to, const char* about);
  Call& option(const char* name, std::string& to, const char* about);
  Call& option(const char* name, std::optional<std::string>& to, const char* about);
  Call& option(const char* name, std::uint64_t& to, const char* about);
  Call& option(const char* name, double& to, const char* about);
  Call& size(const char* name, std::uint64_t& to, const char* about);  // bytes; takes "64KiB"
  Call& flag(const char* name, bool& to, const char* about);
  Call& one_of(const char* name, std::string& to, std::vector<std::string> words, const char* about);
  Call& hidden(const char* name, std::uint64_t& to);  // how a verb speaks to its own children; not in the help
  Call& footer(const char* text);                     // examples, below the help
  void parse();                                       // throws a Complaint (usage), or HelpWanted

  const Verb& verb;
  std::string store;  // "" for verbs without
  bool json = false;  // known before parse, for its errors

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::vector<std::string> arguments_;
};

}  // namespace durra::tools
