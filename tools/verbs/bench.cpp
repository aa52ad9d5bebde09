// durra bench: figures of this machine, beside a peer's taken in the same run.
#include <fmt/core.h>

#include "tools/call.h"
#include "tools/exit.h"
#include "tools/failure.h"

#ifdef DURRA_BENCHMARKS
#include <charconv>
#include <cmath>
#include <optional>

#include "tools/bench/machine.h"
#include "tools/bench/messages.h"
#include "tools/bench/suite.h"
#include "tools/bench/types.h"
#include "tools/bench/wakeup.h"
#include "tools/bench/worker.h"
#include "tools/child.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/progress.h"
#include "tools/scratch.h"
#include "tools/shared_memory.h"
#include "tools/table.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

using bench::Engine;
using bench::Figures;
using bench::Machine;
using bench::Plan;
using bench::Samples;

int work(std::uint64_t part, std::uint64_t fd) {
  const auto board = must(SharedMemory<bench::Board>::attach(static_cast<int>(fd)), "");
  die_with(board->parent);
  bench::work(*board, static_cast<unsigned>(part));
  return kDone;
}

std::vector<unsigned> processes_of(const std::string& list) {
  std::vector<unsigned> all;
  for (const char* at = list.data(); at < list.data() + list.size();) {
    unsigned n = 0;
    const auto [end, error] = std::from_chars(at, list.data() + list.size(), n);
    if (error != std::errc() || n < 1 || n > bench::kPartsMax || (*end != ',' && *end != 0))
      throw usage(
          fmt::format("--processes {}: expected numbers from 1 to {}, like 1,2", escape(list), bench::kPartsMax));
    all.push_back(n);
    at = *end == 0 ? end : end + 1;
  }
  if (all.empty() || all[0] != 1) all.insert(all.begin(), 1);
  return all;
}

std::vector<Engine> engines_of(const std::string& peers) {
  if (peers == "none") return {Engine::durra};
#ifdef DURRA_HAVE_LMDB
  return {Engine::durra, Engine::lmdb};
#else
  throw Complaint{"", {Code::unsupported}, "built without liblmdb; --peers none leaves it out"};
#endif
}

// How a figure is shown; the order of the rows.
struct Row {
  std::string name, title, unit;
  double scale;
  bool less_is_better = false;
};
std::vector<Row> rows_of(const Plan& plan) {
  std::vector<Row> rows{{"load", "put, new keys", "M/s", 1e-6}};
  for (const char* what : {"put", "get"})
    for (const unsigned p : plan.processes)
      rows.push_back(p == 1
                         ? Row{what, what, "M/s", 1e-6}
                         : Row{fmt::format("{}_{}", what, p), fmt::format("{}, {} processes", what, p), "M/s", 1e-6});
  rows.push_back({"batch_16", "put, batches of 16", "M/s", 1e-6});
  rows.push_back({"get_many", "get_many, 16 keys", "M/s", 1e-6});
  rows.push_back({"scan", "scan", "GB/s", 1});
  for (const char* what : {"put", "get"})
    for (const auto& [suffix, title] : {std::pair{"_p50_ns", "p50"}, {"_p99_ns", "p99"}, {"_p999_ns", "p99.9"}})
      rows.push_back({fmt::format("{}{}", what, suffix), fmt::format("{} {}", what, title), "ns", 1, true});
  if (plan.durable) {
    rows.push_back({"power", "put, power", "k/s", 1e-3});
    rows.push_back({"raw", "the same, pwrite + fdatasync", "k/s", 1e-3});
    rows.push_back({"power_8", "put, power, 8 processes", "k/s", 1e-3});
    rows.push_back({"raw_8", "the same, pwrite + fdatasync", "k/s", 1e-3});
  }
  rows.push_back({"open_ms", "open after kill -9", "ms", 1, true});
  rows.push_back({"rebuild", "forced rebuild", "M records/s", 1e-6});
  rows.push_back({"file_ratio", "file / payload", "x", 1, true});
  rows.push_back({"overwrite_file_ratio", "the same, overwritten 3 times", "x", 1, true});
  rows.push_back({"compact_file_ratio", "the same, then compacted", "x", 1, true});
  for (const auto& [what, title] : {std::pair{"put", "put meanwhile"}, {"get", "get beside these puts"}})
    for (const auto& [suffix, part] : {std::pair{"p999", "p99.9"}, {"p9999", "p99.99"}, {"p99999", "p99.999"}})
      rows.push_back({fmt::format("{}_{}_us", what, suffix), fmt::format("{} {}", title, part), "us", 1, true});
  rows.push_back({"snapshot_ns", "snapshot", "ns", 1, true});
  return rows;
}

std::string figure_text(double v) { return v >= 100 ? fmt::format("{:.0f}", v) : fmt::format("{:.2f}", v); }

std::string samples_text(const Row& row, const Samples& s) {
  if (s.empty()) return "-";
  return fmt::format("{} ({}..{})", figure_text(s.median() * row.scale), figure_text(s.min() * row.scale),
                     figure_text(s.max() * row.scale));
}

void print_table(const Plan& plan, const std::map<Engine, Figures>& figures) {
  std::vector<std::string_view> titles{"WORK", "UNIT"};
  for (const Engine e : plan.engines) titles.push_back(e == Engine::durra ? ">DURRA" : ">LMDB");
  if (plan.engines.size() > 1) titles.push_back(">TIMES AS GOOD");
  Table table(titles);
  for (const Row& row : rows_of(plan)) {
    std::vector<std::string> cells{row.title, row.unit};
    std::vector<double> medians;
    for (const Engine e : plan.engines) {
      const auto found = figures.at(e).find(row.name);
      const Samples samples = found == figures.at(e).end() ? Samples() : found->second;
      cells.push_back(samples_text(row, samples));
      if (!samples.empty() && samples.median() > 0) medians.push_back(samples.median());
    }
    if (plan.engines.size() > 1)
      cells.push_back(medians.size() < 2
                          ? "-"
                          : figure_text(row.less_is_better ? medians[1] / medians[0] : medians[0] / medians[1]));
    table.add(std::move(cells));
  }
  fmt::print("{}", table.text());
}

// All figures, for the last line and for --json: whole numbers where nothing is lost.
Json figures_json(const Plan& plan, const std::map<Engine, Figures>& figures, const Machine& machine,
                  const bench::Wakeup& wakeup, const bench::Types& types, const bench::Messages& messages,
                  std::uint64_t resident) {
  Json all{{"records", plan.records}, {"size_bytes", plan.size}, {"runs", plan.runs}};
  const auto add = [&](const std::string& name, double v) {
    if (v >= 1000)
      all[name] = static_cast<std::uint64_t>(std::llround(v));
    else
      all[name] = std::round(v * 1000) / 1000;
  };
  for (const auto& [engine, each] : figures) {
    const std::string prefix = engine == Engine::durra ? "" : std::string(bench::name(engine)) + "_";
    for (const Row& row : rows_of(plan))
      if (const auto found = each.find(row.name); found != each.end()) add(prefix + row.name, found->second.median());
    for (const char* what : {"put", "get"})
      for (const unsigned p : plan.processes)
        if (p != 1)
          add(fmt::format("{}{}_{}_ratio", prefix, what, p),
              each.at(fmt::format("{}_{}", what, p)).median() / each.at(what).median());
  }
  if (const auto& durra = figures.at(Engine::durra); plan.durable) {
    const double raw = durra.at("raw").median();
    add("power_raw_ratio", durra.at("power").median() / raw);
    add("power_8_raw_ratio", durra.at("power_8").median() / raw);
  }
  add("resident_mib", static_cast<double>(resident) / (1u << 20));
  add("wakeup_ns", wakeup.wait_ns);
  add("wakeup_ratio", wakeup.wait_ns / wakeup.futex_ns);
  add("counter_ratio", types.counter_ns / types.fetch_add_ns);
  add("array_ratio", types.array_ns / types.pointer_ns);
  add("ring_push_ns", types.push_ns);
  add("message_ring_ns", messages.ring);
  add("message_append_ns", messages.append);
  add("message_pipe_ns", messages.pipe);
  add("message_socket_ns", messages.socket);
  if (messages.queue) add("message_python_queue_ns", *messages.queue);
  add("floor_ns", machine.two_lines_ns);
  add("floor_alone_ns", machine.two_lines_alone_ns);
  add("floor_many_ns", machine.two_lines_batched_ns);
  add("memcpy", machine.memcpy_gb_per_second);
  add("clock_ns", machine.clock_ns);
  return all;
}

std::string last_line(const Json& all) {
  std::string line = "bench:";
  for (const auto& [name, value] : all.items()) line += fmt::format(" {}={}", name, value.dump());
  return line + "\n";
}

}  // namespace

int verb_bench(Call& call) {
  Plan plan;
  std::string processes = "1,2", peers = "lmdb", directory;
  std::uint64_t resident_size = 10ull << 30, part = 0, board = 0;
  bool filled = false;
#ifndef DURRA_HAVE_LMDB
  peers = "none";
#endif
  call.option("--records", plan.records, "how many")
      .option("--size", plan.size, "bytes of each payload, at least 16")
      .option("--processes", processes, "how many put and get at the same time: a list")
      .option("--runs", plan.runs, "the median is shown (and the least and the greatest)")
      .one_of("--peers", peers, {"lmdb", "none"}, "whom to measure beside")
      .option("--directory", directory, "where the stores are made and removed; else where they fit")
      .size("--resident", resident_size, "of the file whose opening is weighed")
      .flag("--filled", filled, "fill that file with records: takes its size on the disk; else it is mostly a hole")
      .hidden("--worker", part)
      .hidden("--board", board)
      .parse();
  if (board != 0) return work(part, board);
  if (plan.records < 1000 || plan.records > 1u << 30) throw usage("--records: 1,000 to 1,073,741,824");
  if (plan.size < 16 || plan.size > 1u << 20) throw usage("--size: 16 to 1,048,576");
  if (plan.runs < 1 || plan.runs > 1000) throw usage("--runs: 1 to 1,000");
  plan.processes = processes_of(processes);
  plan.engines = engines_of(peers);

  const InterruptGuard guard;  // before the scratch directory, which is removed first
  const Scratch scratch(std::max(plan.room(), filled ? resident_size + (resident_size >> 3) : 0), directory);
  plan.durable = !place_text(scratch.path()).starts_with("tmpfs");
  const Machine machine = bench::measure_machine(plan.records, plan.size);
  if (!call.json) {
    fmt::print("{}, {}\n{} of {} bytes, median of {} (least..greatest)\n", place_text(scratch.path()),
               bench::machine_text(), count_text(plan.records, "record"), plan.size, count_text(plan.runs, "run"));
    fmt::print(
        "floor of a get, two cache lines: {:.0f} ns in a loop, {:.0f} ns alone, {:.0f} ns with 16 under way\n"
        "memcpy {:.1f} GB/s; a look at the clock {:.0f} ns\n\n",
        machine.two_lines_ns, machine.two_lines_alone_ns, machine.two_lines_batched_ns, machine.memcpy_gb_per_second,
        machine.clock_ns);
    std::fflush(stdout);
  }
  const auto figures = [&] {
    ProgressLine line("bench");
    return bench::run(plan, scratch.path(), [&](std::uint64_t done, std::uint64_t total) { line.show(done, total); });
  }();
  const std::uint64_t resident = bench::resident_bytes(scratch.path(), resident_size, filled);
  const bench::Wakeup wakeup = bench::measure_wakeup(scratch.path());
  const bench::Types types = bench::measure_types(scratch.path());
  const bench::Messages messages = bench::measure_messages(scratch.path());
  const Json all = figures_json(plan, figures, machine, wakeup, types, messages, resident);
  if (call.json) {
    answer(call, all);
    return kDone;
  }
  print_table(plan, figures);
  fmt::print("\nopening a file of {} ({}) costs {} of memory, the command itself included\n", size_text(resident_size),
             filled ? "full of records" : "mostly a hole; --filled fills it", size_text(resident));
  fmt::print("who waits is awake {:.0f} ns after the put began; {:.0f} ns between two threads and a futex\n",
             wakeup.wait_ns, wakeup.futex_ns);
  fmt::print(
      "Counter::add {:.1f} ns, fetch_add {:.1f}; a double of an Array {:.2f} ns, by pointer {:.2f}; "
      "Ring::push of 64 bytes {:.1f} ns\n",
      types.counter_ns, types.fetch_add_ns, types.array_ns, types.pointer_ns, types.push_ns);
  fmt::print(
      "100 bytes to another process: Ring, spinning {:.0f} ns; append and Tail {:.0f} ns; pipe {:.0f} ns; "
      "Unix socket {:.0f} ns; Python's Queue {}\n",
      messages.ring, messages.append, messages.pipe, messages.socket,
      messages.queue ? fmt::format("{:.0f} ns", *messages.queue) : "is not here");
  fmt::print("{}", last_line(all));
  return kDone;
}

}  // namespace durra::tools

#else

namespace durra::tools {

int verb_bench(Call& call) {
  call.parse();
  throw Complaint{"", {Code::unsupported}, "built without benchmarks (-DDURRA_BENCHMARKS=ON)"};
}

}  // namespace durra::tools

#endif
