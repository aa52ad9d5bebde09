// The list of verbs, made of verbs.def, and the text of --help.
#include "tools/help.h"

#include <fmt/core.h>

#include <algorithm>

#include "tools/exit.h"

namespace durra::tools {

#define DURRA_VERB(group, name, about) int verb_##name(Call&);
#include "tools/verbs.def"
#undef DURRA_VERB

std::span<const Verb> verbs() {
#define DURRA_VERB(group, name, about) {#group, #name, about, verb_##name},
  static constexpr Verb kVerbs[] = {
#include "tools/verbs.def"
  };
#undef DURRA_VERB
  return kVerbs;
}

const Verb* find_verb(std::string_view name) {
  const auto all = verbs();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Verb& v) { return name == v.name; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string_view> verb_names() {
  std::vector<std::string_view> names;
  for (const Verb& verb : verbs()) names.emplace_back(verb.name);
  return names;
}

std::string help_text() {
  std::string text =
      "durra: one file, many processes put and get at once; kill -9 any of them, there is nothing to repair\n\n"
      "usage: durra VERB STORE [ARGUMENTS] [--json]          more: durra VERB --help\n";
  std::string_view group;
  for (const Verb& verb : verbs()) {
    if (group != verb.group) text += fmt::format("\n{}\n", group = verb.group);
    text += fmt::format("  {:<9}{}\n", verb.name, verb.about);
  }
  text += "\nKEY: digits are an integer key, anything else is a string; s:7 is the string \"7\"\n";
  text += "\nexit status\n";
  text += exit_table();
  return text;
}

}  // namespace durra::tools
