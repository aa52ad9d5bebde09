// The parent's side of a task: starts the processes, gives the start signal, adds up their outcomes.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "tools/bench/board.h"
#include "tools/shared_memory.h"

namespace durra::bench {

struct Total {
  std::uint64_t operations = 0, bytes = 0, ns = 0;  // ns: from the first begin to the last end
  Histogram latency, beside;
  double per_second() const noexcept { return static_cast<double>(operations) * 1e9 / static_cast<double>(ns); }
  double gb_per_second() const noexcept { return static_cast<double>(bytes) / static_cast<double>(ns); }
};

// All members throw a Complaint when a process fails, and after ^C.
class Crew {
 public:
  Crew(const std::string& path, const Task&);
  ~Crew();  // kill -9
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void begin();                // once all have opened and are warm
  void await(unsigned count);  // until `ready` was counted to that
  Total finish();

 private:
  void check(unsigned part, int status);

  tools::SharedMemory<Board> board_;
  std::vector<pid_t> children_;  // -1: has ended
};

Total perform(const std::string& path, const Task&);

// A process that has the store open while this lives: so nobody is the last to close it.
class Keeper {
 public:
  Keeper(const std::string& path, Task);

 private:
  Crew crew_;
};

}  // namespace durra::bench
