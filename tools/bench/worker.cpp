// The working process of a benchmark.
#include "tools/bench/worker.h"

#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>

#include "tools/bench/durra_engine.h"
#include "tools/bench/raw_file.h"
#ifdef DURRA_HAVE_LMDB
#include "tools/bench/lmdb_engine.h"
#endif
#include "tools/clock.h"

namespace durra::bench {
namespace {

using tools::now_ns;

constexpr std::uint64_t kRecordOverhead = 48;  // of a record with an integer key, FORMAT.md

void wait_for_start(Board& board) {
  ++board.ready;
  while (board.go_ns == 0) tools::nap(std::chrono::microseconds(20));
  while (now_ns() < board.go_ns) {
  }
}

// A task that never ends ends the benchmark, with SIGALRM.
void limit_time(const Task& task) noexcept { ::alarm(static_cast<unsigned>(120 + task.records / 2000)); }

void must(bool good) {
  if (!good) throw std::runtime_error("a get did not find what was put");
}

// The work itself, between two looks at the clock.
template <class F>
void measure(Board& board, Outcome& outcome, std::uint64_t operations, F&& each) {
  wait_for_start(board);
  outcome.begun_ns = now_ns();
  for (std::uint64_t i = 0; i < operations; ++i) each(i);
  outcome.ended_ns = now_ns();
  outcome.operations = operations;
}

template <class F>
void time(Histogram& into, F&& call) {
  const std::uint64_t begun = now_ns();
  call();
  into.add(now_ns() - begun);
}

template <class E>
void work_with(E& engine, Board& board, Outcome& outcome, unsigned part) {
  const Task& task = board.task;
  const bool puts = task.work == Work::overwrite || task.work == Work::time_put || task.work == Work::batch;
  const auto order = shuffled(task.records, puts ? part : 0, puts ? task.parts : 1, task.round * kPartsMax + part);
  Value value(task.size);
  const auto key = [&](std::uint64_t i) { return key_of(order[i]); };
  const auto put = [&](std::uint64_t i) { engine.put(key(i), value.of(key(i), task.round)); };
  const auto get = [&](std::uint64_t i) { must(engine.get(key(i))); };
  const auto timed_put = [&](std::uint64_t i) { time(outcome.latency, [&] { put(i); }); };
  const auto timed_get = [&](std::uint64_t i) { time(outcome.latency, [&] { get(i); }); };
  for (std::uint64_t i = 0; i < order.size(); ++i) get(i);  // warm: pages mapped, caches as they will be

  switch (task.work) {
    case Work::overwrite: return measure(board, outcome, order.size(), put);
    case Work::get: return measure(board, outcome, order.size(), get);
    case Work::time_put: return measure(board, outcome, order.size(), timed_put);
    case Work::time_get: return measure(board, outcome, order.size(), timed_get);
    case Work::get_many:
      measure(board, outcome, order.size() / 16, [&](std::uint64_t i) {
        std::uint64_t keys[16];
        for (std::uint64_t k = 0; k < 16; ++k) keys[k] = key(i * 16 + k);
        must(engine.get_many(keys));
      });
      outcome.operations *= 16;
      return;
    case Work::batch:
      measure(board, outcome, order.size() / 16, [&](std::uint64_t i) {
        std::uint64_t keys[16];
        for (std::uint64_t k = 0; k < 16; ++k) keys[k] = key(i * 16 + k);
        engine.put_batch(keys, value, task.round);
      });
      outcome.operations *= 16;
      return;
    default: throw std::logic_error("no such work");
  }
}

template <class E>
void load_with(E& engine, Board& board, Outcome& outcome, unsigned part) {
  const Task& task = board.task;
  Value value(task.size);
  const std::uint64_t from = task.records * part / task.parts, to = task.records * (part + 1) / task.parts;
  measure(board, outcome, to - from,
          [&](std::uint64_t i) { engine.put(key_of(from + i), value.of(key_of(from + i), task.round)); });
}

template <class E>
void scan_with(E& engine, Board& board, Outcome& outcome) {
  std::uint64_t sum = 0;
  engine.scan(sum);
  measure(board, outcome, 1, [&](std::uint64_t) { outcome.bytes = engine.scan(sum); });
  std::ofstream("/dev/null") << sum;  // so that no byte is left unread
}

// What compaction goes on under.
void churn(DurraEngine& engine, Board& board, Outcome& outcome) {
  const Task& task = board.task;
  Value value(task.size);
  for (std::uint64_t i = 0; i < task.records; ++i) must(engine.get(key_of(i)));  // warm
  measure(board, outcome, task.records * kOverwrites, [&](std::uint64_t i) {
    const std::uint64_t key = key_of(i % task.records);
    const auto bytes = value.of(key, task.round * kOverwrites + i / task.records);
    time(outcome.latency, [&] { engine.put(key, bytes); });
  });
  board.over = 1;
  engine.sync();
}

void get_beside(DurraEngine& engine, Board& board, Outcome& outcome) {
  const auto order = shuffled(board.task.records, 0, 1, board.task.round);
  for (const std::uint32_t i : order) must(engine.get(key_of(i)));  // warm
  wait_for_start(board);
  outcome.begun_ns = outcome.ended_ns = now_ns();
  for (std::uint64_t i = 0; board.over == 0; i = (i + 1) % order.size())
    time(outcome.beside, [&] { must(engine.get(key_of(order[i]))); });
}

// What only durra has.
void upkeep(Board& board, Outcome& outcome, unsigned part) {
  DurraEngine engine(board.path.data(), board.task);
  switch (board.task.work) {
    case Work::churn: return part == 0 ? churn(engine, board, outcome) : get_beside(engine, board, outcome);
    case Work::compact: return measure(board, outcome, 1, [&](std::uint64_t) { engine.compact(); });
    default:
      return measure(board, outcome, kSnapshots,
                     [&](std::uint64_t) { time(outcome.latency, [&] { engine.snapshot(); }); });
  }
}

// New keys, beyond those that were loaded.
void power(Board& board, Outcome& outcome, unsigned part) {
  const Task& task = board.task;
  DurraEngine engine(board.path.data(), task);
  Value value(task.size);
  const std::uint64_t first = task.records + part * (kDurable + kDurableWarm);
  const auto put = [&](std::uint64_t i) {
    engine.put_power(key_of(first + i), value.of(key_of(first + i), task.round));
  };
  for (std::uint64_t i = 0; i < kDurableWarm; ++i) put(kDurable + i);
  measure(board, outcome, kDurable, put);
}

void raw(Board& board, Outcome& outcome, unsigned part) {
  RawFile file(board.path.data() + (".raw" + std::to_string(part)));
  Value value(board.task.size + kRecordOverhead);
  const auto append = [&](std::uint64_t i) { file.append(value.of(key_of(i), board.task.round)); };
  for (std::uint64_t i = 0; i < kDurableWarm; ++i) append(i);
  measure(board, outcome, kDurable, append);
}

std::uint64_t resident_bytes() {
  std::uint64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

template <class E>
void open_with(Board& board, Outcome& outcome) {
  wait_for_start(board);
  outcome.begun_ns = now_ns();
  E engine(board.path.data(), board.task);
  outcome.ended_ns = now_ns();
  outcome.operations = 1;
  outcome.bytes = resident_bytes();
  if (board.task.work != Work::hold) ::_exit(0);  // as if killed: closing is not what is measured
  engine.put(key_of(0), Value(board.task.size).of(key_of(0), board.task.round));
  ::alarm(0);  // it is there as long as it is wanted
  ++board.ready;
  for (;;) ::pause();
}

template <class E>
void work_as(Board& board, unsigned part) {
  Outcome& outcome = board.outcomes[part];
  switch (board.task.work) {
    case Work::hold:
    case Work::open:
    case Work::rebuild:
    case Work::resident: return open_with<E>(board, outcome);
    case Work::power: return power(board, outcome, part);
    case Work::raw: return raw(board, outcome, part);
    case Work::churn:
    case Work::compact:
    case Work::snapshot: return upkeep(board, outcome, part);
    default: break;
  }
  E engine(board.path.data(), board.task);
  switch (board.task.work) {
    case Work::load: return load_with(engine, board, outcome, part);
    case Work::scan: return scan_with(engine, board, outcome);
    default: return work_with(engine, board, outcome, part);
  }
}

}  // namespace

void work(Board& board, unsigned part) {
  limit_time(board.task);
  try {
#ifdef DURRA_HAVE_LMDB
    if (board.task.engine == Engine::lmdb) return work_as<LmdbEngine>(board, part);
#endif
    work_as<DurraEngine>(board, part);
  } catch (const std::exception& e) {
    std::snprintf(board.outcomes[part].error.data(), board.outcomes[part].error.size(), "%s", e.what());
    ++board.ready;
  }
}

}  // namespace durra::bench
