// The life of one of the tortured.
#include "tests/proof/storm/life.h"

#include <durra/store.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <optional>
#include <stdexcept>

#include "tools/random.h"
#include "tools/torture/worker.h"

namespace durra::test {
namespace {

// SIGKILL or SIGSTOP from the kernel, in so many ns: nobody has to find a CPU first to send it.
void arrange(int signal, std::uint64_t after_ns) {
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = signal;
  timer_t timer;
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) std::_Exit(1);
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(after_ns / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(after_ns % 1'000'000'000);
  if (::timer_settime(timer, 0, &when, nullptr) != 0) std::_Exit(1);
}

int wrong(tools::Ledger& ledger, unsigned worker, const Error& e) {
  char text[160];
  std::snprintf(text, sizeof text, "an operation that must succeed: %s", e.message().c_str());
  ledger.note_violation(text, worker, 0, static_cast<std::uint64_t>(e.code));
  return 1;
}

// The handle of the parent is dead in its child, and the child's copy of it keeps nothing of the parent alive.
void fork_a_child(const Store& store, tools::Ledger& ledger, unsigned worker) {
  if (::fork() != 0) return;
  ::alarm(5);
  if (const auto seen = store.get("anything"); seen || seen.error().code != Code::forked)
    ledger.note_violation("a forked child could use its parent's handle", worker, 0, 0);
  for (;;) ::pause();
}

int live(tools::Ledger& ledger, unsigned worker, const Fate& fate) {
  std::optional<Store> copied;
  if (fate.end == End::family) {
    ::setpgid(0, 0);
    Options options;
    options.mode = Mode::open;
    auto store = open(ledger.store.data(), options);
    if (!store) return wrong(ledger, worker, store.error());
    copied.emplace(*std::move(store));
    fork_a_child(*copied, ledger, worker);
  }
  tools::Random random(tools::mix(ledger.seed + worker) ^ ledger.each[worker].lives.load());
  while (ledger.stop.load() == 0)
    if (auto done = tools::torture_worker(ledger, worker, 1 + random.below(64)); !done)
      return wrong(ledger, worker, done.error());
  return 0;
}

}  // namespace

pid_t start_life(tools::Ledger& ledger, unsigned worker, const Fate& fate) {
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork");
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (fate.end == End::timer) arrange(SIGKILL, fate.after_ns);
  if (fate.end == End::stopped) arrange(SIGSTOP, fate.after_ns);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::_Exit(live(ledger, worker, fate));
}

}  // namespace durra::test
