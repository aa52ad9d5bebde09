// One of the tortured: opens the store and changes it, until it is killed or told to stop.
#pragma once
#include <durra/result.h>

#include "tools/torture/ledger.h"

namespace durra::tools {

// Closes the store after so many changes at the latest.
Result<void> torture_worker(Ledger&, unsigned worker, std::uint64_t changes_max = ~0ull);

}  // namespace durra::tools
