// What this machine can do at best: the floors that figures are compared with.
#pragma once
#include <cstdint>
#include <string>

namespace durra::bench {

struct Machine {
  double two_lines_ns;          // an index line, then the record line it names: no get can be faster
  double two_lines_alone_ns;    // the same when each waits for the one before, as nothing does in a loop
  double two_lines_batched_ns;  // the same with 16 under way
  double memcpy_gb_per_second;
  double clock_ns;  // one look at the clock: in every latency
};
Machine measure_machine(std::uint64_t records, std::uint64_t size);

std::string machine_text();  // "2 cpus (AMD EPYC 9R14), Linux 6.1.0-18-amd64"

}  // namespace durra::bench
