// Cuts the power of your code at random and asks you what is left.
//
//   std::optional<Store> s;
//   auto cuts = testing::cut_everywhere(
//       "ledger.durra", [&] { pay(*s, "anna", "ben", 10, Durability::power); testing::mark("paid"); },
//       [](const testing::Cut& cut) -> std::string {              // somebody who comes after the reboot
//         auto s = durra::open("ledger.durra").value();
//         if (total(s) != 100) return "money was made or lost";
//         if (!cut.said.empty() && balance(s, "ben") != 10) return "an acknowledged payment is gone";
//         return "";
//       },
//       {.trace = {.first = [&] { s = durra::open("ledger.durra").value(); }}}).value();
//   for (const auto& f : cuts.failures) std::cout << f << '\n';   // empty, or the bug
//
// The code runs once and is traced (trace.h).  Then the power fails many times: after any event, one time in four just
// behind a mark().  Of the file each block of 8, 64, 512 or 4,096 bytes has on the disk any version since its last
// flush, and the file any length since then.  This is put at the path as a new file, another inode, so that whoever
// opens a store does so as after a reboot, and is looked at.
//
// Say Durability::power where you mean it: what was put without is lost by most cuts, as it should be.  That needs a
// path on a disk, since a tmpfs answers `unsupported`.  Who looks needs none, and a rebuild that flushes takes its
// time: record() on the disk, and give cut_everywhere the trace and a path in /dev/shm.
//
// What happened before the code, in `first` or before, is on the disk.  A file that the code makes is on the disk,
// under its name, with its first flush; before that the disk has it or not.  Not shown: flushes of the directory, other
// files, disks that lose what they said they had, blocks that tear below 8 bytes or get bytes that nobody stored.
#pragma once
#include <durra/testing/trace.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace durra::testing {

// One cut, and what it leaves.
struct Cut {
  std::uint64_t number;                // of the cut, from 0: with the seed, it names it
  std::uint64_t instruction;           // the last that was executed
  bool exists;                         // whether the disk has a file
  std::vector<std::string_view> said;  // by mark(), in order
  std::string how;                     // what got to the disk: "blocks of 512: some"
};

// What is wrong, "" if nothing is.  As Look of crash.h: in a forked process of its own; it may open the store and
// change it, and closes what it opened; an exception, a signal and a call that does not return are failures too.
using LookAtCut = std::function<std::string(const Cut&)>;

struct CutOptions {
  TraceOptions trace{};
  std::uint64_t images = 10'000;      // cuts.  Equal files with equal marks are looked at once
  std::uint64_t seed = 1;             // the same makes the same cuts of the same trace
  std::chrono::seconds patience{10};  // for one look
  std::uint64_t failures_max = 20;    // then it ends; at least 1
};

struct Cuts {
  std::uint64_t images = 0;     // as asked for
  std::uint64_t different = 0;  // of them
  std::uint64_t looks = 0;      // those that were looked at
  std::vector<std::string> failures;
};

// At the path there is afterwards what was looked at last, or nothing if that was no file.
// A process with other threads may call this if the code needs no lock that they may hold.
// `failures` empty says little if `looks` is no more than 1: the code did nothing to the file.
// Errors: those of record(), and `not_found` if the code makes no file.
Result<Cuts> cut_everywhere(const std::string& path, const std::function<void()>& code, const LookAtCut&,
                            const CutOptions& = {});

// The same for a trace.  The path is that of the recorded file, which is still there, or another, in any file system.
// std::invalid_argument: the trace has no file.  std::runtime_error, also std::system_error: what is at the path cannot
// be opened, or no process forked; a file that cannot be replaced is a failure of its look.
Cuts cut_everywhere(const std::string& path, const Trace&, const LookAtCut&, const CutOptions& = {});

}  // namespace durra::testing
