// The index made anew from the records: after a reboot, a copy, or doubt.
#pragma once
#include <functional>

#include "store/handle.h"

namespace durra::detail {

// PROTOCOL.md REBUILD.  Precondition: the caller holds RECOVER and nobody else is alive.  A death anywhere leaves the
// old witness, so the next opener starts over.  Never writes bytes of records.  On success this handle holds a seat.
// `in_order`: the file was closed in order, here or where it was copied from.  `before_it_changes`: called when all is
// judged; an error before that, `damaged` for one, leaves the file as it was.
// Errors: damaged (below what was synced), full (no room for the index), io.
Result<void> rebuild(Handle&, bool in_order, const std::function<Result<void>()>& before_it_changes);

}  // namespace durra::detail
