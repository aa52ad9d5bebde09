// durra torture: kill -9 as a test, on any machine.
#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "tools/call.h"
#include "tools/child.h"
#include "tools/clock.h"
#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/scratch.h"
#include "tools/shared_memory.h"
#include "tools/text.h"
#include "tools/torture/storm.h"
#include "tools/torture/worker.h"

namespace durra::tools {
namespace {

int work(std::uint64_t worker, std::uint64_t fd) {
  const auto ledger = must(SharedMemory<Ledger>::attach(static_cast<int>(fd)), "");
  die_with(ledger->parent);
  must(torture_worker(*ledger, static_cast<unsigned>(worker)), ledger->store.data());
  return kDone;
}

Json json(const StormOptions& o, const StormReport& r) {
  return {{"processes", o.processes},
          {"seconds", o.seconds},
          {"seed", o.seed},
          {"kills", r.kills},
          {"kills_while_opening", r.while_opening},
          {"blackouts", r.blackouts},
          {"acknowledged", r.acknowledged},
          {"lost", r.lost},
          {"torn", r.torn},
          {"stalls_over_100_ms", r.stalls},
          {"longest_ns", r.longest_ns},
          {"seats_leaked", r.seats_leaked},
          {"regions_leaked", r.regions_leaked},
          {"damage", r.damage},
          {"torn_tails", r.torn_tails},
          {"records", r.records},
          {"file_bytes", r.file_bytes},
          {"rebuild_ns", r.rebuilt_in_ns},
          {"all", o.all},
          {"violations", r.violations},
          {"batches", r.batches},
          {"conflicts", r.conflicts},
          {"snapshots", r.snapshots},
          {"events_counted", r.counted},
          {"compactions", r.compactions},
          {"disk_bytes_max", r.disk_bytes_max},
          {"first", r.first}};
}

void print_all(const StormReport& r) {
  fmt::print("company    {} of money, {} conflicts, {} of the sum, {} counted, {}\n", count_text(r.batches, "transfer"),
             count_text(r.conflicts), count_text(r.snapshots, "snapshot"), count_text(r.counted, "event"),
             count_text(r.compactions, "compaction"));
  fmt::print("file       at most {} of disk\n", size_text(r.disk_bytes_max));
}

void print(const StormOptions& o, const StormReport& r) {
  fmt::print("killed     {} in the middle of a put, {} while opening, {} all at once\n",
             count_text(r.kills - r.while_opening, "process"), count_text(r.while_opening), count_text(r.blackouts));
  fmt::print("verify     {}, {} torn tails: normal after a kill; damage {}\n", size_text(r.file_bytes),
             count_text(r.torn_tails), r.damage == 0 ? "none" : count_text(r.damage));
  fmt::print("rebuild    {} in {}; all checked again\n", count_text(r.records, "record"),
             duration_text(r.rebuilt_in_ns));
  if (o.all) print_all(r);
  if (!r.first.empty()) fmt::print("first      {}\n", r.first);
  fmt::print(
      "torture: {} kills, {} acknowledged, {} lost, {} torn, stalls over 100 ms {} (longest {:.1f} ms), "
      "seats leaked {}, regions leaked {}, violations {}\n",
      r.kills, count_text(r.acknowledged), r.lost, r.torn, r.stalls, static_cast<double>(r.longest_ns) / 1e6,
      r.seats_leaked, r.regions_leaked, r.violations);
}

}  // namespace

int verb_torture(Call& call) {
  StormOptions options;
  std::uint64_t processes = options.processes, worker = 0, ledger = 0;
  std::optional<std::string> path;
  options.seed = now_ns();
  call.takes("STORE", path, "a new file, kept; without: one that is removed at the end")
      .option("--processes", processes, "workers: 2 to 16")
      .option("--seconds", options.seconds, "how long")
      .option("--rate", options.rate, "changes a second and worker: bounds the file's size")
      .option("--seed", options.seed, "of the choices; printed")
      .flag("--all", options.all, "also batches, snapshots, a tail, compaction, readers that hold on")
      .hidden("--worker", worker)
      .hidden("--ledger", ledger)
      .parse();
  if (ledger != 0) return work(worker, ledger);
  if (processes < 2 || processes > kWorkersMax) throw usage("--processes: 2 to 16");
  options.processes = static_cast<unsigned>(processes);

  const InterruptGuard guard;  // before the scratch directory, which is removed first
  std::optional<Scratch> scratch;
  if (!path) scratch.emplace(1u << 30);
  call.store = path ? *path : scratch->file("torture.durra");
  if (!call.json)
    fmt::print("store      {}, new, {}\n{} workers for {} s, at most {} changes a second each; --seed {}\n", call.store,
               place_text(std::filesystem::absolute(call.store).parent_path()), options.processes, options.seconds,
               count_text(options.rate), options.seed);
  std::fflush(stdout);
  if (options.all && !call.json)
    options.tell_size = [](std::uint64_t second, std::uint64_t bytes) {
      fmt::print("{:>4} s     {} of disk\n", second, size_text(bytes));
      std::fflush(stdout);
    };
  const StormReport report = storm(call.store, options);
  call.json ? answer(call, json(options, report)) : print(options, report);
  return report.good() ? kDone : kDamage;
}

}  // namespace durra::tools
