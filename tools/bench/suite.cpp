// The rounds of a benchmark.
#include "tools/bench/suite.h"

#include <durra/store.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <optional>

#include "tools/bench/crew.h"
#include "tools/failure.h"

namespace durra::bench {
namespace {

namespace fs = std::filesystem;

// One engine, one fresh store, all tasks once.
class Round {
 public:
  Round(const Plan& plan, Engine engine, std::uint64_t number, const std::string& directory, Figures& figures)
      : plan_(plan),
        engine_(engine),
        number_(number * 100),
        directory_(directory + "/" + name(engine)),
        path_(engine == Engine::durra ? directory_ + "/bench.durra" : directory_),
        figures_(figures) {
    fs::create_directory(directory_);
  }
  ~Round() { clear(); }
  Round(const Round&) = delete;
  Round& operator=(const Round&) = delete;

  static constexpr std::uint64_t kTasks = 11;

  void run(const std::function<void()>& next) {
    run_all(next);
    clear();
    fs::create_directory(directory_);
    if (engine_ == Engine::durra) note_upkeep();
    next();
  }

 private:
  void run_all(const std::function<void()>& next) {
    {
      const Keeper keeper(path_, task(Work::hold));
      note("load", perform(path_, task(Work::load)).per_second());
      note("file_ratio", file_ratio());
    }
    next();
    // The keeper was killed, and nobody is left.
    note("open_ms", static_cast<double>(perform(path_, task(Work::open)).ns) / 1e6);
    if (engine_ == Engine::durra)
      note("rebuild",
           static_cast<double>(plan_.records) * 1e9 / static_cast<double>(perform(path_, task(Work::rebuild)).ns));
    next();
    const Keeper keeper(path_, task(Work::hold));
    for (const unsigned p : plan_.processes) note(with("get", p), perform(path_, task(Work::get, p)).per_second());
    next();
    if (engine_ == Engine::durra) note("get_many", perform(path_, task(Work::get_many)).per_second());
    next();
    note("scan", perform(path_, task(Work::scan)).gb_per_second());
    next();
    note_latency("get", perform(path_, task(Work::time_get)).latency);
    next();
    for (const unsigned p : plan_.processes)
      note(with("put", p), perform(path_, task(Work::overwrite, p)).per_second());
    note("batch_16", perform(path_, task(Work::batch)).per_second());
    next();
    note_latency("put", perform(path_, task(Work::time_put)).latency);
    next();
    if (engine_ == Engine::durra && plan_.durable) note_durable();
    next();
  }

  Task task(Work work, unsigned parts = 1) { return {engine_, work, plan_.records, plan_.size, ++number_, parts}; }
  void note_durable() {
    note("power", perform(path_, task(Work::power)).per_second());
    note("raw", perform(path_, task(Work::raw)).per_second());
    note("power_8", perform(path_, task(Work::power, 8)).per_second());
    note("raw_8", perform(path_, task(Work::raw, 8)).per_second());
  }
  // A fresh store whose records are overwritten, so that writers have to compact.
  void note_upkeep() {
    const Keeper keeper(path_, task(Work::hold));
    perform(path_, task(Work::load));
    const Total total = perform(path_, task(Work::churn, 2));
    note("overwrite_file_ratio", file_ratio());
    for (const auto& [suffix, part] : {std::pair{"_p999_us", 0.999}, {"_p9999_us", 0.9999}, {"_p99999_us", 0.99999}}) {
      note("put" + std::string(suffix), static_cast<double>(total.latency.quantile(part)) / 1e3);
      note("get" + std::string(suffix), static_cast<double>(total.beside.quantile(part)) / 1e3);
    }
    note("snapshot_ns", static_cast<double>(perform(path_, task(Work::snapshot)).latency.quantile(0.5)));
    perform(path_, task(Work::compact));
    note("compact_file_ratio", file_ratio());
  }
  void clear() const {
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  static std::string with(const char* what, unsigned processes) {
    return processes == 1 ? what : what + ("_" + std::to_string(processes));
  }
  void note(const std::string& what, double value) { figures_[what].add(value); }
  void note_latency(const std::string& what, const Histogram& h) {
    for (const auto& [suffix, part] : {std::pair{"_p50_ns", 0.5}, {"_p99_ns", 0.99}, {"_p999_ns", 0.999}})
      note(what + suffix, static_cast<double>(h.quantile(part)));
  }
  // What the disk gives for it: sparse parts count nothing.
  double file_ratio() const {
    std::uint64_t bytes = 0;
    for (const auto& file : fs::directory_iterator(directory_)) {
      struct stat info {};
      if (::stat(file.path().c_str(), &info) == 0) bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    }
    return static_cast<double>(bytes) / static_cast<double>(plan_.records * plan_.size);
  }

  const Plan& plan_;
  Engine engine_;
  std::uint64_t number_;
  std::string directory_, path_;
  Figures& figures_;
};

}  // namespace

const char* name(Engine engine) noexcept { return engine == Engine::durra ? "durra" : "lmdb"; }

std::map<Engine, Figures> run(const Plan& plan, const std::string& directory,
                              const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  std::map<Engine, Figures> figures;
  std::uint64_t done = 0;
  const std::uint64_t total = plan.runs * plan.engines.size() * Round::kTasks;
  for (std::uint64_t number = 0; number < plan.runs; ++number)
    for (const Engine engine : plan.engines)
      Round(plan, engine, number, directory, figures[engine]).run([&] { progress(++done, total); });
  return figures;
}

std::uint64_t resident_bytes(const std::string& directory, std::uint64_t bytes, bool filled) {
  const std::string path = directory + "/resident.durra";
  {
    Options options;
    options.max_size = std::max<std::uint64_t>(options.max_size, 2 * bytes);
    Store store = tools::must(open(path, options), path);
    const std::uint64_t piece = filled ? std::min<std::uint64_t>(bytes, 256u << 20) : 100;
    for (std::uint64_t i = 0; i * piece < (filled ? bytes : 100); ++i)
      tools::must(store.put_with(i, piece, [&](std::span<std::byte> to) { std::memset(to.data(), 1, to.size()); }),
                  path);
  }
  if (!filled) fs::resize_file(path, bytes);
  Task task;
  task.work = Work::resident;
  const std::uint64_t resident = perform(path, task).bytes;
  fs::remove(path);
  return resident;
}

}  // namespace durra::bench
