// G3: the schedules of two participants, of whom one may be killed, and bounded ones of three.  The library is the
// production code, compiled so that each access to memory calls the scheduler; the operating system is simulated.
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <map>

#include "tests/proof/schedules/run.h"
#include "tests/support/proof.h"

namespace durra::schedules {
namespace {

using test::Proof;

constexpr time_t kSecondsMax = 200;  // of a CPU, for one scene; more is a hang

struct Amount {
  std::uint64_t pairs, killed, threes;  // schedules at most, of each attempt at a scene; 0: none such
};
constexpr Amount kBrief{60, 30, 0}, kFull{36'000, 36'000, 20'000};
constexpr std::uint64_t kOneBriefly = 40'000;  // of one scene alone

// All pairs; all pairs of which one may be killed; three of those that change and read the same keys.
std::vector<Scene> scenes(const Amount& amount) {
  std::vector<Scene> all;
  const auto& p = plays();
  for (std::size_t i = 0; i < p.size(); ++i)
    for (std::size_t j = i; j < p.size(); ++j) {
      all.push_back({{&p[i], &p[j]}, 0, Explorer::kUnbounded, amount.pairs});
      all.push_back({{&p[i], &p[j]}, 1, Explorer::kUnbounded, amount.killed});
    }
  const char* const kThree[] = {"put",      "erase",     "put_if",  "batch", "batch_if",
                                "snapshot", "get_twice", "compact", "grow"};
  for (const char* a : kThree)
    for (const char* b : kThree)
      for (const char* c : kThree)
        if (amount.threes != 0 && std::string(a) <= b && std::string(b) <= c)
          all.push_back({{play_named(a), play_named(b), play_named(c)}, 0, 3, amount.threes});
  // Who walks through all of it beside two who change and move.
  const char* const kMovers[] = {"puts", "erase", "batch", "recycle", "move_on"};
  for (const char* walk : {"scan", "reader_scan"})
    for (const char* a : kMovers)
      for (const char* b : kMovers)
        if (amount.threes != 0 && std::string(a) <= b)
          all.push_back({{play_named(a), play_named(b), play_named(walk)}, 0, 3, amount.threes});
  return all;
}

// Each scene in a process of its own, so many at a time.
class Company {
 public:
  Company(Proof& proof, const std::vector<Scene>& scenes)
      : proof_(proof), scenes_(scenes), bytes_(scenes.size() * sizeof(Outcome)) {
    void* const room = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) Proof::skip("no memory to share");
    outcomes_ = static_cast<Outcome*>(room);
  }
  ~Company() { ::munmap(outcomes_, bytes_); }
  Company(const Company&) = delete;

  void all(std::uint64_t seed, const std::string& path = {}) {
    for (std::size_t i = 0; i < scenes_.size(); ++i) {
      if (working_.size() == proof_.jobs()) wait();
      start(i, seed, path);
    }
    while (!working_.empty()) wait();
  }

  void add_figures() {
    proof_.figure("schedules", sum_.schedules);
    proof_.figure("complete", sum_.complete);
    proof_.figure("states", sum_.states);
    proof_.figure("switch points", sum_.points);
    proof_.figure("scenes", seen_);
    proof_.figure("pairs exhausted", exhausted_);
    proof_.figure("pairs bounded", pairs_ - exhausted_);
    for (std::size_t n = bounded_.size(); n-- > 0;)
      proof_.figure("to " + std::to_string(n) + " preemptions", bounded_[n]);
  }

 private:
  void start(std::size_t i, std::uint64_t seed, const std::string& path) {
    outcomes_[i] = {};
    std::fflush(stdout);
    const pid_t pid = ::fork();
    if (pid < 0) Proof::skip("no process can be forked");
    if (pid == 0) {
      const itimerval limit{{}, {kSecondsMax, 0}};
      ::setitimer(ITIMER_PROF, &limit, nullptr);
      explore(scenes_[i], seed, outcomes_[i], path);
      ::_exit(0);
    }
    working_.emplace(pid, i);
  }

  void wait() {
    int status = 0;
    const auto it = working_.find(::wait(&status));
    if (it == working_.end()) return;
    count(scenes_[it->second], outcomes_[it->second]);
    working_.erase(it);
  }

  void count(const Scene& scene, const Outcome& r) {
    if (r.failed) proof_.failure(r.story);
    if (!r.failed && !r.finished) proof_.failure(scene.name() + ": its process ended early");
    const bool all = r.preemptions == Explorer::kUnbounded;
    const bool none = r.preemptions == Outcome::kNotEvenNone;
    const std::string far = all    ? "exhausted"
                            : none ? "as far as the limit goes"
                                   : "to " + std::to_string(r.preemptions) + " preemptions";
    std::printf("%-28s %9llu schedules %8llu complete %9llu states, %s\n", scene.name().c_str(),
                static_cast<unsigned long long>(r.schedules), static_cast<unsigned long long>(r.complete),
                static_cast<unsigned long long>(r.states), far.c_str());
    sum_.schedules += r.schedules;
    sum_.complete += r.complete;
    sum_.states += r.states;
    sum_.points += r.points;
    ++seen_;
    if (scene.plays.size() != 2) return;
    ++pairs_;
    if (!all && !none) ++bounded_[std::min<std::size_t>(r.preemptions, bounded_.size() - 1)];
    exhausted_ += all;
  }

  Proof& proof_;
  const std::vector<Scene>& scenes_;
  const std::size_t bytes_;
  Outcome* outcomes_;
  std::map<pid_t, std::size_t> working_;
  Outcome sum_{};
  std::uint64_t seen_ = 0, pairs_ = 0, exhausted_ = 0;
  std::array<std::uint64_t, 5> bounded_{};  // pairs that were seen up to so many preemptions, and no more
};

}  // namespace
}  // namespace durra::schedules

int main(int argc, char** argv) {
  using namespace durra::schedules;
  durra::test::Proof proof(argc, argv,
                           "the schedules of two participants, of whom one may be killed, and of three; --only "
                           "'put|get', 'put|get/kill', or with the path that a failure told");
  std::vector<Scene> all = scenes(proof.brief() ? kBrief : kFull);
  std::string path;
  if (!proof.only().empty()) {
    const std::size_t colon = std::min(proof.only().find(':'), proof.only().size());
    if (colon < proof.only().size()) path = proof.only().substr(colon + 1);
    all = {scene_named(proof.only().substr(0, colon))};
    if (proof.brief()) all[0].limit = kOneBriefly;
    if (all[0].plays.empty()) {
      std::printf("no such scene; plays:");
      for (const Play& p : plays()) std::printf(" %s", p.name);
      std::printf("\n");
      return 2;
    }
  }
  Company company(proof, all);
  std::uint64_t seed = proof.seed();
  do company.all(seed++, path);
  while (proof.goes_on() && proof.failed() == 0);
  company.add_figures();
  return proof.finish();
}
