// A proof's work, shared out among forked processes.
#include "tests/support/workers.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <new>
#include <stdexcept>

namespace durra::test {

struct Workers::Shared {
  std::array<std::atomic<std::uint64_t>, 32> figures{};
  std::atomic<std::uint64_t> failed{0}, next{0};
};

Workers::Workers(Proof& proof, std::vector<std::string> figures)
    : proof_(proof), names_(std::move(figures)), own_(names_.size()) {
  void* const at = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED || names_.size() > 32) throw std::bad_alloc();
  shared_ = new (at) Shared;
}

Workers::~Workers() { ::munmap(shared_, sizeof(Shared)); }

std::uint64_t Workers::next() { return shared_->next++; }

std::uint64_t& Workers::operator[](const std::string& figure) {
  const auto at = std::find(names_.begin(), names_.end(), figure);
  if (at == names_.end()) throw std::out_of_range(figure);
  return own_[static_cast<std::size_t>(at - names_.begin())];
}

void Workers::run(unsigned processes, const std::function<void()>& body) {
  shared_->next = 0;
  shared_->failed = 0;
  std::fflush(nullptr);
  std::vector<pid_t> all;
  for (unsigned i = 0; i < processes; ++i) {
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("fork");
    if (pid > 0) {
      all.push_back(pid);
      continue;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const std::uint64_t before = proof_.failed();
    int result = 0;
    try {
      body();
    } catch (const std::exception& e) {
      std::printf("a worker could not go on: %s\n", e.what());
      result = 1;
    }
    for (std::size_t f = 0; f < own_.size(); ++f) shared_->figures[f] += own_[f];
    shared_->failed += proof_.failed() - before;
    std::fflush(nullptr);
    ::_exit(result);
  }
  for (const pid_t pid : all) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (status != 0) proof_.failure("a worker broke, wait status " + std::to_string(status));
  }
  proof_.failures(shared_->failed);
}

void Workers::report() {
  for (std::size_t f = 0; f < names_.size(); ++f) proof_.figure(names_[f], shared_->figures[f]);
}

}  // namespace durra::test
