// Kills your code at every instruction and asks you what is left.
//
//   std::optional<Store> s;
//   auto deaths = testing::kill_everywhere(
//       "ledger.durra", [&] { pay(*s, "anna", "ben", 10); testing::mark("paid"); },
//       [](const testing::Death& death) -> std::string {          // somebody who comes after the death
//         auto s = durra::open("ledger.durra").value();
//         if (total(s) != 100) return "money was made or lost";
//         if (!death.said.empty() && balance(s, "ben") != 10) return "an acknowledged payment is gone";
//         return "";
//       },
//       {.trace = {.first = [&] { s = durra::open("ledger.durra").value(); }}}).value();
//   for (const auto& f : deaths.failures) std::cout << f << '\n';   // empty, or the bug
//
// The code runs once and is traced (trace.h).  Each different state of the file that it passed through, together with
// what it had said until then, is put into the file, the same inode, and looked at: as if the process had been killed
// there.  Of the dead nothing else is left: neither its locks nor its memory.  What the death does to other files and
// to memory shared otherwise is not shown.
//
// The file's modification time is put back to what it was before `first` ran, since durra takes a file that was
// changed after its last use for a copy restored in place.  Blocks that were given back to the file system are zeros.
#pragma once
#include <durra/testing/trace.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace durra::testing {

// One state of the file, at which the code may have been killed.
struct Death {
  std::uint64_t number;                // of the state, from 0
  std::uint64_t instruction;           // the first that left it
  std::uint64_t instructions;          // how many leave it, all passages together
  bool exists;                         // whether there is a file
  std::vector<std::string_view> said;  // by mark(), in order; they live as long as the call
};

// What is wrong, "" if nothing is.  Runs in a forked process of its own (many states in one, as long as it survives
// them): what it stores in variables outside is seen by its own next calls only.  It may open the store and change it,
// and closes what it opened.  An exception, a signal and a call that does not return are failures too.
using Look = std::function<std::string(const Death&)>;

struct KillOptions {
  TraceOptions trace{};
  std::chrono::seconds patience{10};  // for one look
  // Of the states only these are looked at; all, unless given.
  std::function<bool(const Death&)> wanted{};
  std::uint64_t failures_max = 20;  // then it ends; at least 1
};

struct Deaths {
  std::uint64_t points = 0;  // instructions of the code: each is a place to be killed at
  std::uint64_t images = 0;  // different states that they leave
  std::uint64_t looks = 0;   // states that were looked at
  std::uint64_t pairs = 0;   // kill_twice: points × points, before equal states are left out
  std::vector<std::string> failures;
};

// At the path there is afterwards what was looked at last, or nothing if that was no file; a second name of it,
// `path.kept…`, is there meanwhile, so the file system must have hard links.  A process with other threads may call
// this if the code needs no lock that they may hold.
// `failures` empty says little if `looks` is no more than 1: the code did nothing to the file, or nothing was wanted.
// Errors: those of record(), and `not_found` if the code makes no file.  std::runtime_error, also std::system_error:
// the file cannot be opened, linked or mapped (64 GiB of addresses), or no process forked.  What goes wrong when a
// state is put there is a failure of its look.
Result<Deaths> kill_everywhere(const std::string& path, const std::function<void()>& code, const Look&,
                               const KillOptions& = {});

// The same for a trace that was recorded at this path, where the file still is.  std::invalid_argument: it has no file.
Deaths kill_everywhere(const std::string& path, const Trace&, const Look&, const KillOptions& = {});

// The same once more for who cleans up: at each wanted state of `code`, `recovery` runs and is traced, and `look` sees
// each state that it passes through.  `look` gets the first death and the second; said are the words of both.  Of the
// options' trace all but `first` holds for the recovery too.
using LookTwice = std::function<std::string(const Death& first, const Death& second)>;
Result<Deaths> kill_twice(const std::string& path, const std::function<void()>& code,
                          const std::function<void()>& recovery, const LookTwice&, const KillOptions& = {});
Deaths kill_twice(const std::string& path, const Trace&, const std::function<void()>& recovery, const LookTwice&,
                  const KillOptions& = {});

// Puts states of a trace into the file at its path, the same inode, while it lives: the recorded file must be there
// when it is made.  Nobody else may have the file open who minds that it may become shorter.
class Placer {
 public:
  Placer(std::string path, const Trace&);
  ~Placer();
  Placer(const Placer&) = delete;
  // Equal bytes are not touched.
  void place(bool exists, std::string_view bytes);

 private:
  struct Kept;
  std::unique_ptr<Kept> kept_;  // the file
};

}  // namespace durra::testing
