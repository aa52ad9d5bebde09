// Units of work for some processes.
#include "tests/proof/kill/workers.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>

#include "tests/support/scratch.h"
#include "tests/support/shared_page.h"

namespace durra::test {
namespace {

struct Shared {
  std::atomic<std::size_t> next;
  Figures figures;
};

constexpr char kDone = '\t';  // begins a line that is no failure

// One line of a pipe each, so that those of several processes do not mix.
void tell(int pipe, std::string story) {
  constexpr std::size_t kWhole = 4000;  // a write of so much is not divided (PIPE_BUF)
  std::replace(story.begin(), story.end(), '\n', ' ');
  story.resize(std::min(story.size(), kWhole));
  story += '\n';
  (void)!::write(pipe, story.data(), story.size());
}

int work(const std::vector<Unit>& units, Shared& shared, int pipe, unsigned patience) {
  ::signal(SIGALRM, SIG_DFL);
  for (;;) {
    const std::size_t i = shared.next++;
    if (i >= units.size()) return 0;
    ::alarm(patience);
    const auto began = std::chrono::steady_clock::now();
    Found found{shared.figures, {}};
    try {
      units[i].run(found);
    } catch (const std::exception& e) {
      found.failures.push_back(e.what());
    }
    ::alarm(0);
    for (const auto& f : found.failures) tell(pipe, units[i].name + ": " + f);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    tell(pipe, kDone + units[i].name + ", " + std::to_string(took.count()) + " s");
  }
}

void hear(Proof& proof, int pipe) {
  std::string heard;
  char buffer[4096];
  for (ssize_t n; (n = ::read(pipe, buffer, sizeof buffer)) > 0;) {
    heard.append(buffer, static_cast<std::size_t>(n));
    for (std::size_t end; (end = heard.find('\n')) != std::string::npos; heard.erase(0, end + 1)) {
      if (heard[0] != kDone) proof.failure(heard.substr(0, end));
      if (heard[0] == kDone && !proof.brief()) std::printf("done: %s\n", heard.substr(1, end - 1).c_str());
      std::fflush(stdout);
    }
  }
}

}  // namespace

void run_units(Proof& proof, const std::vector<Unit>& units, Figures& figures, unsigned patience) {
  const SharedPage page;
  Shared& shared = page.as<Shared>();
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  std::vector<std::unique_ptr<Child>> workers;
  for (unsigned i = 0; i < proof.jobs(); ++i)
    workers.push_back(std::make_unique<Child>([&] { return work(units, shared, ends[1], patience); }));
  ::close(ends[1]);
  hear(proof, ends[0]);
  ::close(ends[0]);
  for (const auto& w : workers)
    if (const int status = w->wait(); status != 0)
      proof.failure("a process that worked ended with status " + std::to_string(status) + ", at the latest in " +
                    units[std::min(shared.next.load(), units.size()) - 1].name);
  for (std::size_t f = 0; f < figures.size(); ++f) figures[f] += shared.figures[f].load();
}

}  // namespace durra::test
