// The index made anew from the records: after a reboot, a copy, or doubt.
#pragma once
#include "store/handle.h"

namespace durra::detail {

// PROTOCOL.md REBUILD.  Precondition: the caller holds RECOVER and nobody else is alive.  A death anywhere leaves the
// old witness, so the next opener starts over.  Never writes bytes of records.  On success this handle holds a seat.
// `in_order`: the file was closed in order, here or where it was copied from.
// Errors: damaged (below what was synced), full (no room for the index), io.
Result<void> rebuild(Handle&, bool in_order);

}  // namespace durra::detail
