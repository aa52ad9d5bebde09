// An Input from a string, given in pieces of any size: a pipe may cut anywhere.
#pragma once
#include <algorithm>
#include <memory>
#include <string>

#include "tools/input.h"

namespace durra::tools {

inline Input input_of(std::string text, std::size_t piece = 7) {
  return Input([text = std::move(text), piece, at = std::make_shared<std::size_t>(0)](char* to, std::size_t size) {
    const auto n = std::min({piece, size, text.size() - *at});
    text.copy(to, n, *at);
    *at += n;
    return n;
  });
}

}  // namespace durra::tools
