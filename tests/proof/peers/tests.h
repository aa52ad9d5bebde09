// The four tests that all peers get, and what came of each.
#pragma once
#include <cstdint>
#include <string>

#include "tests/proof/peers/peer.h"

namespace durra::peers {

// Two writers at work; one is killed, then the other; a third process looks.
struct Kills {
  std::uint32_t rounds = 0;
  std::uint32_t stuck = 0;   // the writer that lived on waited for ever, or who came later did
  std::uint32_t closed = 0;  // the store cannot be opened any more, or not be written
  std::uint32_t lost = 0;    // something that was acknowledged is not there
  std::uint32_t insane = 0;  // a value that nobody has put, or a crash by signal of who reads it
  std::uint32_t bad() const { return stuck + closed + lost + insane; }
};
Kills kill_writers(const Peer&, std::uint32_t rounds, std::uint64_t seed);

// A reader holds what it reads in place and is killed, or stopped for long; a writer goes on in a store that may grow
// to 16 MiB and holds 64 KiB.
struct Reader {
  std::uint32_t puts = 0;  // of those that were tried
  std::uint32_t tried = 0;
  std::uint64_t grown = 0;      // bytes of disk
  std::string end = "goes on";  // or how it ended
};
Reader stale_reader(const Peer&, bool killed, std::uint32_t puts);

// A disk (tmpfs) that runs full under a writer; what was acknowledged is read by the next process.
struct Full {
  std::uint32_t disks = 0, errors = 0, signals = 0, lost = 0;
  bool possible = true;  // this machine lets us mount
};
Full full_disk(const Peer&, std::uint32_t disks);

// Bytes of the closed file are changed, then all is read.
struct Flips {
  std::uint32_t files = 0;
  std::uint32_t signals = 0, hangs = 0;  // of who opens and reads
  std::uint32_t silent = 0;              // other bytes, or "not there", and no error
  std::uint32_t unfound = 0;             // of those: the store's own check does not find them either
  std::uint32_t told = 0, harmless = 0;  // an error; or all is as it was put
};
Flips flip_bytes(const Peer&, std::uint32_t files, std::uint64_t seed);

}  // namespace durra::peers
