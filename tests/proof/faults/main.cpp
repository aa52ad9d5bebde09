// G8: each call to the operating system of every operation fails, once and for ever, with each errno that can come;
// signals interrupt them for real; the disk is full at each 4 KiB.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "format/checksum.h"
#include "tests/proof/faults/full.h"
#include "tests/proof/faults/scenes.h"
#include "tests/proof/faults/signals.h"
#include "tests/support/cases.h"
#include "tests/support/proof.h"
#include "tests/support/scratch.h"

namespace durra::test {
namespace {

enum Sum : unsigned { kHits, kSignals, kDisks, kLimits };

struct Way {
  const char* name;
  int errno_value;
  std::uint64_t row;
};
constexpr std::uint64_t kForEver = ~0ull;
// A signal that comes for ever is no fault of the system's: EINTR comes a hundred times.
constexpr Way kWays[] = {
    {"EIO", EIO, 1},       {"EIO for ever", EIO, kForEver},
    {"ENOSPC", ENOSPC, 1}, {"ENOSPC for ever", ENOSPC, kForEver},
    {"ENOMEM", ENOMEM, 1}, {"ENOMEM for ever", ENOMEM, kForEver},
    {"EMFILE", EMFILE, 1}, {"EMFILE for ever", EMFILE, kForEver},
    {"EAGAIN", EAGAIN, 1}, {"EAGAIN for ever", EAGAIN, kForEver},
    {"EINTR", EINTR, 1},   {"EINTR 100 times", EINTR, 100},
};

// Of this process, and empty.
std::string fresh_folder(const Scratch& scratch) {
  const std::string folder = scratch / ("world-" + std::to_string(::getpid()));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  return folder;
}

class FaultCases {
 public:
  FaultCases(Proof& proof, const Scratch& scratch) : proof_(proof), scratch_(scratch) {}

  void run() {
    std::uint64_t calls = 0;
    for (const Scene& scene : scenes()) {
      if (!proof_.wants("faults") && !proof_.wants(scene.name)) continue;
      const std::uint64_t n = calls_of(scene);
      calls += n;
      for (std::uint64_t at = 1; at <= n; ++at)
        for (const Way& way : kWays) all_.push_back({&scene, &way, at});
    }
    if (proof_.brief()) choose_some(calls);
    Cases cases(proof_, 20);
    cases.run(
        all_.size(), [this](std::uint64_t i, Cases& c) { judge(all_[i], c); },
        [this](std::uint64_t i) { return name(all_[i]); });
    proof_.figure("sites", calls);
    proof_.figure("runs", all_.size());
    proof_.figure("hit", cases.sum(kHits));
    proof_.figure("crashes", cases.crashes());
  }

 private:
  struct Case {
    const Scene* scene;
    const Way* way;
    std::uint64_t at;
  };

  // Of all operations each call, with one way of failing each: another one for another seed.
  void choose_some(std::uint64_t sites) {
    std::vector<Case> some;
    for (std::uint64_t i = 0; i < sites; i += 2)
      some.push_back(all_[i * std::size(kWays) + format::mix64(proof_.seed() + i) % std::size(kWays)]);
    all_ = std::move(some);
  }

  std::uint64_t calls_of(const Scene& scene) {
    Injector injector;
    World world(fresh_folder(scratch_), injector);
    try {
      scene.prepare(world);
      injector.arm({});
      scene.act(world);
      const std::uint64_t n = injector.calls();
      world.judge();
      return n;
    } catch (const std::exception& e) {
      proof_.failure(std::string(scene.name) + " without a fault: " + e.what());
      return 0;
    }
  }

  void judge(const Case& c, Cases& cases) {
    Injector injector;
    World world(fresh_folder(scratch_), injector);
    c.scene->prepare(world);
    injector.arm({c.at, c.way->errno_value, c.way->row});
    try {
      c.scene->act(world);
      world.judge();
    } catch (const std::exception& e) {
      cases.failure(std::string(os::name(injector.call())) + ": " + e.what());
    }
    injector.heal();
    cases.add(kHits, injector.hits() > 0);
  }

  std::string name(const Case& c) const {
    return std::string(c.scene->name) + ", call " + std::to_string(c.at) + " fails with " + c.way->name +
           " (repeat: --only " + c.scene->name + ")";
  }

  Proof& proof_;
  const Scratch& scratch_;
  std::vector<Case> all_;
};

// Every operation, with a signal every 50 us: nothing but success will do.
void run_signals(Proof& proof, const Scratch& scratch) {
  const std::uint64_t rounds = proof.brief() ? 1 : 20;
  Cases cases(proof, 60);
  const auto scene_of = [](std::uint64_t i) -> const Scene& { return scenes()[i % scenes().size()]; };
  cases.run(
      scenes().size() * rounds,
      [&](std::uint64_t i, Cases& c) {
        Injector injector;
        World world(fresh_folder(scratch), injector);
        scene_of(i).prepare(world);
        {
          const SignalStorm storm;
          scene_of(i).act(world);
          c.add(kSignals, storm.count());
        }
        world.judge();
      },
      [&](std::uint64_t i) { return std::string(scene_of(i).name) + " under signals (repeat: --only signals)"; });
  proof.figure("signals", cases.sum(kSignals));
  proof.figure("interrupted crashes", cases.crashes());
}

// A disk, and a limit of the file's size, of each number of pages.
void run_full_disks(Proof& proof, const Scratch& scratch) {
  const std::uint64_t step = proof.brief() ? 16 : 1, sizes = kPagesMax / step;
  const auto pages_of = [&](std::uint64_t i) { return 1 + i / 2 * step + (proof.brief() ? proof.seed() % step : 0); };
  const auto limit_of = [](std::uint64_t i) { return i % 2 == 0 ? Limit::disk : Limit::file_size; };
  Cases cases(proof, 30);
  cases.run(
      2 * sizes,
      [&](std::uint64_t i, Cases& c) {
        Injector injector;
        const bool judged = judge_full(limit_of(i), pages_of(i), fresh_folder(scratch), injector);
        if (judged) c.add(limit_of(i) == Limit::disk ? kDisks : kLimits, 1);
      },
      [&](std::uint64_t i) {
        return std::string(limit_of(i) == Limit::disk ? "a disk" : "RLIMIT_FSIZE") + " of " +
               std::to_string(pages_of(i)) + " pages (repeat: --only full)";
      });
  if (cases.sum(kDisks) == 0) std::puts("SKIP disks: this kernel lets us mount nothing");
  proof.figure("disks", cases.sum(kDisks));
  proof.figure("size limits", cases.sum(kLimits));
  proof.figure("crashes when full", cases.crashes());
}

}  // namespace
}  // namespace durra::test

int main(int argc, char** argv) {
  using namespace durra::test;
  Proof proof(argc, argv, "each call to the operating system fails: no crash, no hang, no false ok");
  const Scratch scratch;
  const TmpfsIsADisk disk;
  FaultCases(proof, scratch).run();
  if (proof.wants("signals")) run_signals(proof, scratch);
  if (proof.wants("full")) run_full_disks(proof, scratch);
  return proof.finish();
}
