// What the parent of a benchmark and its working processes share: the task, the start signal, the outcomes.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>

#include "tools/bench/histogram.h"

namespace durra::bench {

inline constexpr unsigned kPartsMax = 16;
inline constexpr std::uint64_t kOverwrites = 3;      // of every key, where compaction is watched
inline constexpr std::uint64_t kSnapshots = 10'000;  // made and dropped
inline constexpr std::uint64_t kDurable = 1'000;     // puts of each process that wait for the disk
inline constexpr std::uint64_t kDurableWarm = 200;   // and as many before that are not measured: a drive settles

enum class Engine : std::uint32_t { durra, lmdb };
enum class Work : std::uint32_t {
  load,       // put keys that are not there, each its part
  overwrite,  // put keys that are, each its part, in random order
  get,        // every key, in random order
  get_many,   // the same, 16 at a time
  scan,       // every payload byte, once
  batch,      // as overwrite, 16 in a batch
  time_put,   // as overwrite, each call timed
  time_get,   // as get, each call timed
  churn,      // put every key kOverwrites times in the order of the load, each call timed, and sync; part 1 gets beside
  compact,    // durra::compact
  snapshot,   // make and drop kSnapshots of them, each timed
  power,      // put with Durability::power, kDurable times
  raw,        // the bytes of such puts by pwrite and fdatasync, into a file beside the store
  hold,       // open, put one record, and wait to be killed
  open,       // open, nothing else
  rebuild,    // open with Options::rebuild
  resident,   // open, and count the memory that this costs
};

struct Task {
  Engine engine = Engine::durra;
  Work work = Work::load;
  std::uint64_t records = 0, size = 0;
  std::uint64_t round = 0;  // makes every value of every round another
  unsigned parts = 1;       // processes
};

struct alignas(64) Outcome {
  std::uint64_t begun_ns = 0, ended_ns = 0, operations = 0, bytes = 0;
  Histogram latency, beside;      // beside: of who works beside the others
  std::array<char, 240> error{};  // in words, when the work failed
};

struct Board {
  Task task;
  std::int32_t parent = 0;
  std::array<char, 4096> path{};  // of the store, or of the peer's directory
  alignas(64) std::atomic<std::uint32_t> ready{0};
  alignas(64) std::atomic<std::uint64_t> go_ns{0};  // the instant to begin; 0 = wait
  std::atomic<std::uint32_t> over{0};               // 1: who works beside the others may stop
  std::array<Outcome, kPartsMax> outcomes;
};

}  // namespace durra::bench
