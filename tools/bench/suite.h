// The rounds of a benchmark: each on fresh stores, durra and its peers by turns.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tools/bench/board.h"
#include "tools/bench/samples.h"

namespace durra::bench {

struct Plan {
  std::uint64_t records = 1'000'000, size = 100, runs = 5;
  std::vector<unsigned> processes{1, 2};  // the first is what the others are compared with
  std::vector<Engine> engines{Engine::durra};
  bool durable = true;  // measure puts that wait for the disk: not on a tmpfs
  std::uint64_t room() const noexcept { return (64u << 20) + records * (size + 80) * 6; }  // bytes of disk for a round
};

// By name: "put_2" is put with 2 processes, operations a second; "scan" and the like GB/s; "…_ns" and "…_ms" times.
using Figures = std::map<std::string, Samples>;

// `directory`: for the stores.  Calls `progress` between tasks.
std::map<Engine, Figures> run(const Plan&, const std::string& directory,
                              const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);

// Memory that opening a file of `bytes` costs, all of the process.  `filled`: with records; else a small store made
// longer, a hole where the records would be.
std::uint64_t resident_bytes(const std::string& directory, std::uint64_t bytes, bool filled);

const char* name(Engine) noexcept;

}  // namespace durra::bench
