// ^C and SIGTERM for verbs that must tidy up first.
#include "tools/interrupt.h"

#include <poll.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace durra::tools {
namespace {

volatile std::sig_atomic_t g_signal = 0;
struct sigaction g_before_int, g_before_term;

}  // namespace

InterruptGuard::InterruptGuard() {
  struct sigaction action {};
  action.sa_handler = [](int number) { g_signal = number; };  // without SA_RESTART: a read from a pipe must end
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, nullptr, &g_before_int);
  sigaction(SIGTERM, nullptr, &g_before_term);
  // What our starter had us ignore (nohup, a script's background job) stays ignored.
  if (g_before_int.sa_handler != SIG_IGN) sigaction(SIGINT, &action, nullptr);
  if (g_before_term.sa_handler != SIG_IGN) sigaction(SIGTERM, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &g_before_int, nullptr);
  sigaction(SIGTERM, &g_before_term, nullptr);
  if (g_signal == 0) return;
  std::fflush(stdout);
  raise(g_signal);
}

bool interrupted() noexcept { return g_signal != 0; }

// Signals come only within ppoll, which then ends: between a look and a read that waits they would change nothing.
void wait_to_read(int fd) noexcept {
  sigset_t ours, before;
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ours, &before);
  pollfd wanted{fd, POLLIN, 0};
  while (!interrupted() && ppoll(&wanted, 1, nullptr, &before) < 0 && errno == EINTR) {
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace durra::tools
