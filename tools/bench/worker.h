// The working process of a benchmark.
#pragma once
#include "tools/bench/board.h"

namespace durra::bench {

// Opens, warms up, waits for the start, works, and writes the outcome on the board.
void work(Board&, unsigned part);

}  // namespace durra::bench
