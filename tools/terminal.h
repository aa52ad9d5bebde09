// Colour: for damage only, on a terminal only, never against NO_COLOR.
#pragma once
#include <string>

namespace durra::tools {

std::string damage_text(std::string text);  // red on standard output where that is wanted

}  // namespace durra::tools
