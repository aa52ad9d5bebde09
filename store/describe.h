// What a block is, in words, for those who wanted another.
#pragma once
#include <durra/result.h>

#include <string>

#include "format/block.h"

namespace durra::detail {

// "array <f8 (3, 4)", "block of 4,096 bytes".
std::string describe(const format::BlockHead&, std::uint64_t size);
// `mismatch`: "it is …, not …".  An Error's text must stay: each different one is kept once for the process's life.
Error mismatch(const std::string& there, const std::string& wanted);

}  // namespace durra::detail
