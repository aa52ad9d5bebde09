// Many numbered cases, each judged in a process that may die of it.
#include "tests/support/cases.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <vector>

namespace durra::test {
namespace {

constexpr unsigned kJobsMax = 64, kStories = 64;
constexpr std::uint64_t kNone = ~0ull, kFailuresMax = 50;

struct Story {
  std::uint64_t number;
  std::array<char, 480> text;
};

}  // namespace

struct Cases::Shared {
  std::atomic<std::uint64_t> next{0}, failures{0};
  std::array<std::atomic<std::uint64_t>, kJobsMax> at{};  // the case that the job is at
  std::array<std::atomic<std::uint64_t>, kSums> sums{};
  std::array<Story, kStories> stories{};
};

Cases::Cases(Proof& proof, unsigned patience_s) : proof_(proof), patience_s_(patience_s) {
  void* at = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::runtime_error("mmap");
  shared_ = new (at) Shared;
}

Cases::~Cases() { ::munmap(shared_, sizeof(Shared)); }

void Cases::failure(const std::string& story) {
  const std::uint64_t n = shared_->failures++;
  if (n >= kStories) return;
  Story& s = shared_->stories[n];
  s.number = shared_->at[job_];
  std::strncpy(s.text.data(), story.c_str(), s.text.size() - 1);
}

void Cases::add(unsigned sum, std::uint64_t n) { shared_->sums[sum] += n; }
std::uint64_t Cases::sum(unsigned which) const { return shared_->sums[which]; }

void Cases::work(unsigned job, std::uint64_t count, const Judge& judge) {
  job_ = job;
  for (;;) {
    const std::uint64_t i = shared_->next++;
    if (i >= count || shared_->failures >= kFailuresMax) return;
    shared_->at[job] = i;
    ::alarm(patience_s_);
    try {
      judge(i, *this);
    } catch (const std::exception& e) {
      failure(e.what());
    }
    ::alarm(0);
    shared_->at[job] = kNone;
  }
}

void Cases::run(std::uint64_t count, const Judge& judge, const Name& name) {
  const unsigned jobs = std::min(proof_.jobs(), kJobsMax);
  shared_->next = 0;
  std::vector<pid_t> pids(jobs);
  const auto start = [&](unsigned job) {
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("fork");
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      work(job, count, judge);
      std::fflush(nullptr);
      ::_exit(0);
    }
    pids[job] = pid;
  };
  for (unsigned j = 0; j < jobs; ++j) {
    shared_->at[j] = kNone;
    start(j);
  }
  for (unsigned living = jobs; living > 0;) {
    int status = 0;
    const pid_t pid = ::wait(&status);
    if (pid < 0) throw std::runtime_error("wait");
    const auto it = std::find(pids.begin(), pids.end(), pid);
    if (it == pids.end()) continue;
    const auto job = static_cast<unsigned>(it - pids.begin());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      --living;
      continue;
    }
    ++crashes_;
    job_ = job;
    failure(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "hangs: over its time"
            : WIFSIGNALED(status)                              ? std::string("dies of ") + ::strsignal(WTERMSIG(status))
                                                               : "ends with " + std::to_string(WEXITSTATUS(status)));
    start(job);
  }
  tell(name);
}

void Cases::tell(const Name& name) {
  const std::uint64_t n = shared_->failures.exchange(0);
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(n, kStories); ++i) {
    const Story& s = shared_->stories[i];
    proof_.failure((s.number == kNone ? std::string("between two cases") : name(s.number)) + ": " + s.text.data());
    shared_->stories[i] = {};
  }
  if (n > kStories) proof_.failures(n - kStories);
}

}  // namespace durra::test
