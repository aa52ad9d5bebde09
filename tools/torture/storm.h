// The storm: workers at one store, killed with kill -9 at random and started again, and what must hold all the while.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace durra::tools {

struct StormOptions {
  unsigned processes = 4;
  double seconds = 20;
  std::uint64_t rate = 2000;  // changes a second and worker
  std::uint64_t seed = 0;
  std::function<void(std::uint64_t second, std::uint64_t disk_bytes)> tell_size{};  // every second
  bool all = false;  // batches, snapshots, a tail, compaction, readers that hold on
};

struct StormReport {
  std::uint64_t kills = 0, blackouts = 0, while_opening = 0;  // processes; times that all died at once; of the former
  std::uint64_t acknowledged = 0, lost = 0, torn = 0;
  std::uint64_t stalls = 0, longest_ns = 0;
  std::uint64_t seats_leaked = 0, regions_leaked = 0;
  std::uint64_t file_bytes = 0, records = 0, torn_tails = 0, damage = 0, rebuilt_in_ns = 0;
  std::uint64_t violations = 0, batches = 0, conflicts = 0, snapshots = 0, counted = 0, compactions = 0;  // all
  std::uint64_t disk_bytes_max = 0;
  std::string first;  // the first thing that was wrong, in words
  bool good() const noexcept {
    return lost == 0 && torn == 0 && violations == 0 && stalls == 0 && seats_leaked == 0 && regions_leaked == 0 &&
           damage == 0;
  }
};

// `store` must not exist.  Throws a Complaint when an operation fails that may not, and after ^C.
StormReport storm(const std::string& store, const StormOptions&);

}  // namespace durra::tools
