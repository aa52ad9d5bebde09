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
#include "tools/child.h"

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

template <class E>
void work_with(E& engine, Board& board, Outcome& outcome, unsigned part) {
  const Task& task = board.task;
  const bool puts = task.work == Work::overwrite || task.work == Work::time_put;
  const auto order = shuffled(task.records, puts ? part : 0, puts ? task.parts : 1, task.round * kPartsMax + part);
  Value value(task.size);
  const auto key = [&](std::uint64_t i) { return key_of(order[i]); };
  const auto put = [&](std::uint64_t i) { engine.put(key(i), value.of(key(i), task.round)); };
  const auto get = [&](std::uint64_t i) { must(engine.get(key(i))); };
  const auto timed = [&](auto&& call) {
    return [&](std::uint64_t i) {
      const std::uint64_t begun = now_ns();
      call(i);
      outcome.latency.add(now_ns() - begun);
    };
  };
  for (std::uint64_t i = 0; i < order.size(); ++i) get(i);  // warm: pages mapped, caches as they will be

  switch (task.work) {
    case Work::overwrite: return measure(board, outcome, order.size(), put);
    case Work::get: return measure(board, outcome, order.size(), get);
    case Work::time_put: return measure(board, outcome, order.size(), timed(put));
    case Work::time_get: return measure(board, outcome, order.size(), timed(get));
    case Work::get_many:
      measure(board, outcome, order.size() / 16, [&](std::uint64_t i) {
        std::uint64_t keys[16];
        for (std::uint64_t k = 0; k < 16; ++k) keys[k] = key(i * 16 + k);
        must(engine.get_many(keys));
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
