// The parts of OPEN that the tools of care.h share.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// Step 1 of OPEN: what the file says of itself, judged; read through the descriptor, so that a truncated file is an
// answer.  `writable`: also refuse what this build may read but not write.
Result<format::Superblock> read_superblock(const os::File&, bool writable);

// A store in a file that has no name yet: made by create_unnamed, filled, then published by its NewFile.
Result<Store> open_unnamed(const os::NewFile&, const std::string& path);

}  // namespace durra::detail
