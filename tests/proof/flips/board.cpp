// Processes that try changes.
#include "tests/proof/flips/board.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <optional>

namespace durra::test {
namespace {

constexpr unsigned kHangSeconds = 20;
constexpr std::uint64_t kBlock = 64, kFailuresMax = 30, kJobsMax = 64;
constexpr std::uint64_t kUnchecked = 1u << 31;  // an outcome's bit: of unread bytes, and something came of it

struct Failure {
  std::atomic<bool> there;
  std::uint64_t number;  // of the change
  std::uint32_t bits;
};
struct Job {
  std::uint64_t now, end;  // changes: the one being tried, the end of its block
};
// What the processes share.
struct Shared {
  std::atomic<std::uint64_t> next, failed;
  std::array<std::atomic<std::uint64_t>, 4> verdicts;
  std::array<Failure, kFailuresMax> failures;
  std::array<Job, kJobsMax> jobs;
};

class Board {
 public:
  Board(const std::vector<Sweep>& sweeps, const std::string& folder) : sweeps_(sweeps), folder_(folder) {
    for (const Sweep& s : sweeps) begins_.push_back(size_), size_ += s.changes.size();
    void* p = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) std::abort();
    shared_ = new (p) Shared{};
  }
  ~Board() { ::munmap(shared_, sizeof(Shared)); }
  Board(const Board&) = delete;

  void run(unsigned jobs, const Tell& tell) {
    jobs = std::min<unsigned>(jobs, kJobsMax);
    std::map<pid_t, unsigned> living;
    for (unsigned j = 0; j < jobs; ++j) living[start(j)] = j;
    while (!living.empty()) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, 0);
      const auto found = living.find(pid);
      if (pid < 0 || found == living.end()) continue;
      const unsigned j = found->second;
      living.erase(found);
      if (status == 0) continue;
      tell(story(shared_->jobs[j].now) + end_of(status));
      ++crashes_;
      ++shared_->jobs[j].now;
      if (++shared_->failed < kFailuresMax) living[start(j)] = j;
    }
    for (const Failure& f : shared_->failures)
      if (f.there) tell(story(f.number) + text_of_outcome(f.bits));
    if (shared_->failed >= kFailuresMax) tell("more of these: the rest was not tried");
  }

  Tally tally() const {
    Tally t;
    for (std::size_t i = 0; i < t.verdicts.size(); ++i) t.verdicts[i] = shared_->verdicts[i];
    t.crashes = crashes_;
    for (const Sweep& s : sweeps_) {
      t.checks += s.checks;
      for (std::size_t i = 0; i < s.changes.size() - s.checks; ++i) {
        t.bits += s.changes[i].kind == Change::Kind::bit;
        t.words += s.changes[i].kind == Change::Kind::word;
        t.cuts += s.changes[i].kind == Change::Kind::cut;
      }
    }
    return t;
  }

 private:
  std::size_t sweep_at(std::uint64_t number) const {
    std::size_t s = 0;
    while (s + 1 < sweeps_.size() && begins_[s + 1] <= number) ++s;
    return s;
  }
  std::string story(std::uint64_t number) const {
    const std::size_t s = sweep_at(number);
    const Change& c = sweeps_[s].changes[number - begins_[s]];
    return place_of(*sweeps_[s].image, c.at) + ", --only " + repeat(sweeps_[s], c) + ": ";
  }
  static std::string text_of_outcome(std::uint32_t bits) {
    return ((bits & kUnchecked) != 0 ? "not read, they say, and yet: " : "") +
           text_of_bits(bits & ~std::uint32_t{kUnchecked});
  }
  static std::string end_of(int status) {
    if (!WIFSIGNALED(status)) return "ended with " + std::to_string(WEXITSTATUS(status));
    return WTERMSIG(status) == SIGALRM ? "a hang" : strsignal(WTERMSIG(status));
  }

  pid_t start(unsigned j) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const rlimit none{0, 0}, space{2ull << 30, 2ull << 30};
    ::setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    ::setrlimit(RLIMIT_AS, &space);
#endif
    work(j);
    ::_exit(0);
  }

  void work(unsigned j) {
    Job& job = shared_->jobs[j];
    std::optional<Trial> trial;
    const Image* of = nullptr;
    while (shared_->failed < kFailuresMax) {
      if (job.now == job.end) {
        job.now = shared_->next.fetch_add(kBlock);
        job.end = std::min(job.now + kBlock, size_);
        if (job.now >= size_) return;
      }
      const std::size_t s = sweep_at(job.now);
      if (sweeps_[s].image != of) {
        of = sweeps_[s].image;
        const std::string path = folder_ + "/broken-" + std::to_string(j);
        trial.reset();
        ::unlink(path.c_str());
        ::unlink((path + ".recovered").c_str());
        trial.emplace(*of, path);
      }
      ::alarm(kHangSeconds);
      try_one(*trial, sweeps_[s], job.now - begins_[s], job.now);
      ++job.now;
    }
  }

  void try_one(Trial& trial, const Sweep& sweep, std::size_t i, std::uint64_t number) {
    const Change& change = sweep.changes[i];
    std::uint32_t bits = trial.run(sweep.way, change);
    auto verdict =
        judge(sweep, change, bits, [&] { return (trial.run(Way::verified, change) & (told | refused)) != 0; });
    if (sweep.is_check(i) && (bits & ~std::uint32_t{refused | rebuilt}) != 0)
      verdict = Verdict::silent, bits |= kUnchecked;
    ++shared_->verdicts[static_cast<std::size_t>(verdict)];
    if (verdict != Verdict::silent) return;
    const std::uint64_t n = shared_->failed++;
    if (n >= kFailuresMax) return;
    Failure& f = shared_->failures[n];
    f.number = number;
    f.bits = bits;
    f.there = true;
  }

  const std::vector<Sweep>& sweeps_;
  const std::string folder_;
  std::vector<std::uint64_t> begins_;
  std::uint64_t size_ = 0, crashes_ = 0;
  Shared* shared_;
};

}  // namespace

std::string repeat(const Sweep& sweep, const Change& change) { return sweep.name() + "/" + text(change); }

Tally try_all(const std::vector<Sweep>& sweeps, unsigned jobs, const std::string& folder, const Tell& tell) {
  Board board(sweeps, folder);
  board.run(jobs, tell);
  return board.tally();
}

}  // namespace durra::test
