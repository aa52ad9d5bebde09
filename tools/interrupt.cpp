// ^C and SIGTERM for verbs that must tidy up first.
#include "tools/interrupt.h"

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

}  // namespace durra::tools
