// A new file: complete before it has a name.
#pragma once
#include <durra/store.h>

#include <string>

#include "store/os.h"

namespace durra::detail {

// An empty store in a file that gets its name, `path`, from publish.
Result<os::NewFile> create_unnamed(const std::string& path, const Options&);

// Makes an empty store at `path`.  `busy` when the name is taken: the winner's file is as good.
Result<void> create(const std::string& path, const Options&);

}  // namespace durra::detail
