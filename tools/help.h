// The list of verbs and the text of --help.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "tools/verb.h"

namespace durra::tools {

const Verb* find_verb(std::string_view name);  // null when there is none
std::vector<std::string_view> verb_names();
std::string help_text();

}  // namespace durra::tools
