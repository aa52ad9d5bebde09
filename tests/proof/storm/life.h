// The life of one of the tortured, and how it is to end.
#pragma once
#include <sys/types.h>

#include <cstdint>

#include "tools/torture/ledger.h"

namespace durra::test {

enum class End : std::uint8_t {
  timer,    // the kernel kills it at an instant of its own life, wherever it is: opening, working, closing
  stopped,  // the kernel stops it at such an instant; whoever waits for it would wait long
  struck,   // somebody else kills it, at an instant of theirs
  family,   // the same, when it has forked a child that still has a copy of its handle
  calm,     // it ends by itself when it is told to stop
};

struct Fate {
  End end = End::timer;
  std::uint64_t after_ns = 0;  // timer, stopped: from its first instruction on
};

// Forks a process that opens the store, works, closes it and opens it again, until its fate catches it.  Of a family,
// it leads a process group.  It ends with 0 when the ledger says stop, with 1 when something was wrong.
pid_t start_life(tools::Ledger&, unsigned worker, const Fate&);

}  // namespace durra::test
