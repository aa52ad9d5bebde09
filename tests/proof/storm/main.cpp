// G4: a storm of real SIGKILL over eight processes, on stores of their own for each round and job.
//
// The choices of every worker follow from the seed; when a kill hits follows from the machine too, so a seed repeats
// the storm and not each instant of it.
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "tests/proof/storm/nursery.h"
#include "tests/support/proof.h"
#include "tests/support/scratch.h"

namespace durra::test {
namespace {

constexpr std::uint64_t kKillsARound = 2'500;
constexpr unsigned kRoundPatience = 120;  // s; a round takes about five

struct Jobs {
  static constexpr unsigned kMax = 64;
  Round rounds[kMax];
};

std::string story(const Round& r, std::uint64_t seed) {
  return std::string(r.wrong[0] != 0 ? r.wrong.data() : "see the figures") + "; round of seed " + std::to_string(seed) +
         " (repeat: --only round --jobs 1 --seed " + std::to_string(seed) + "), " + std::to_string(r.kills) +
         " kills, lost " + std::to_string(r.lost) + ", torn " + std::to_string(r.torn) + ", violations " +
         std::to_string(r.violations) + ", stalls " + std::to_string(r.stalls) +
         ", left over: " + std::to_string(r.seats) + " seats, " + std::to_string(r.regions) + " regions, " +
         std::to_string(r.pins) + " pins";
}

class Storm {
 public:
  explicit Storm(Proof& proof) : proof_(proof) {
    void* at = ::mmap(nullptr, sizeof(Jobs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) Proof::skip("no shared memory");
    jobs_ = new (at) Jobs;
  }

  // Each job a round, each round of a seed of its own.
  void rounds(std::uint64_t kills) {
    std::vector<std::unique_ptr<Child>> running;
    const unsigned jobs = std::min(proof_.jobs(), Jobs::kMax);
    for (unsigned j = 0; j < jobs; ++j) {
      jobs_->rounds[j] = {};
      const std::uint64_t seed = proof_.seed() + seeds_ + j;
      running.push_back(std::make_unique<Child>([this, j, seed, kills] {
        ::alarm(kRoundPatience);
        storm_round(scratch_ / ("storm-" + std::to_string(seed)), seed, kills, jobs_->rounds[j]);
        return 0;
      }));
    }
    for (unsigned j = 0; j < jobs; ++j) {
      const std::uint64_t seed = proof_.seed() + seeds_ + j;
      Round& round = jobs_->rounds[j];
      if (const int status = running[j]->wait(); status != 0)
        std::snprintf(round.wrong.data(), round.wrong.size(), "the nursery %s (wait status %d)",
                      status == SIGALRM ? "hangs" : "died", status);
      if (!round.good()) proof_.failure(story(round, seed));
      all_.add(round);
      std::filesystem::remove(scratch_ / ("storm-" + std::to_string(seed)));
    }
    seeds_ += jobs;
  }

  void figures() const {
    proof_.figure("kills", all_.kills);
    proof_.figure("opening", all_.opening);
    proof_.figure("stopped", all_.stopped);
    proof_.figure("families", all_.families);
    proof_.figure("blackouts", all_.blackouts);
    proof_.figure("rebuilds", all_.rebuilds);
    proof_.figure("acknowledged", all_.acknowledged);
    proof_.figure("batches", all_.batches);
    proof_.figure("snapshots", all_.snapshots);
    proof_.figure("compactions", all_.compactions);
    proof_.figure("lost", all_.lost);
    proof_.figure("torn", all_.torn);
    proof_.figure("violations", all_.violations);
    proof_.figure("stalls over 100 ms", all_.stalls);
    proof_.figure("longest stall ms", all_.longest_ns / 1'000'000);
    proof_.figure("longest open ms", all_.longest_open_ns / 1'000'000);
    proof_.figure("seats leaked", all_.seats);
    proof_.figure("regions leaked", all_.regions);
    proof_.figure("pins leaked", all_.pins);
  }

  std::uint64_t kills() const { return all_.kills; }

 private:
  Proof& proof_;
  Scratch scratch_;
  Jobs* jobs_;
  Round all_;
  std::uint64_t seeds_ = 0;
};

}  // namespace
}  // namespace durra::test

int main(int argc, char** argv) {
  using namespace durra::test;
  Proof proof(argc, argv, "eight processes, killed at any instant: nothing acknowledged is lost, nobody waits");
  const std::uint64_t wanted = proof.brief() ? 2'000 : proof.only() == "round" ? 1 : 200'000;
  Storm storm(proof);
  do storm.rounds(proof.brief() ? 1'000 : kKillsARound);
  while ((storm.kills() < wanted && proof.failed() == 0) || (proof.goes_on() && proof.only() != "round"));
  storm.figures();
  return proof.finish();
}
