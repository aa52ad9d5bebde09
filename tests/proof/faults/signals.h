// A signal every 50 microseconds of this process, with a handler that restarts no call.
#pragma once
#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <stdexcept>

namespace durra::test {

class SignalStorm {
 public:
  SignalStorm() {
    count_now = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { ++count_now; };
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    const itimerspec when{{0, 50'000}, {0, 50'000}};
    if (::sigaction(SIGUSR1, &action, nullptr) != 0 || ::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0 ||
        ::timer_settime(timer_, 0, &when, nullptr) != 0)
      throw std::runtime_error("no timer");
  }
  ~SignalStorm() { ::timer_delete(timer_); }
  SignalStorm(const SignalStorm&) = delete;
  std::uint64_t count() const { return count_now; }

 private:
  static inline std::atomic<std::uint64_t> count_now{0};
  timer_t timer_{};
};

}  // namespace durra::test
