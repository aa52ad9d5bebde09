// One of the tortured: opens the store and changes it, until it is killed or told to stop.
#pragma once
#include <durra/result.h>

#include "tools/torture/ledger.h"

namespace durra::tools {

Result<void> torture_worker(Ledger&, unsigned worker);

}  // namespace durra::tools
