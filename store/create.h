// A new file: complete before it has a name.
#pragma once
#include <durra/store.h>

#include <string>

namespace durra::detail {

// Makes an empty store at `path`.  `busy` when the name is taken: the winner's file is as good.
Result<void> create(const std::string& path, const Options&);

}  // namespace durra::detail
