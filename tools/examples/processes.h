// Workers: processes that do a part each, and are started again when something kills them.
#pragma once
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <thread>

namespace examples {

// Runs work(0) … work(n - 1), each in a process of its own, until all have returned.  Who is killed is started again,
// so work(p) goes on where the last work(p) was.  It opens the store for itself: a handle does not survive fork().
// `meanwhile` is called in this process, again and again.  Throws when a worker fails otherwise.
inline void run_workers(int n, const std::function<void(int)>& work, const std::function<void()>& meanwhile = {}) {
  std::map<pid_t, int> number_of;
  const auto start = [&](int p) {
    std::cout.flush();  // or the child would print it as well
    const pid_t parent = getpid(), child = fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child > 0) return void(number_of[child] = p);
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody is left behind when this process is killed
    if (getppid() != parent) _exit(1);
    try {
      work(p);
      _exit(0);
    } catch (const std::exception& e) {
      std::cerr << "worker " << p << ": " << e.what() << '\n';
      _exit(1);
    }
  };
  for (int p = 0; p < n; ++p) start(p);
  while (!number_of.empty()) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, meanwhile ? WNOHANG : 0);
    if (ended == 0) {
      meanwhile();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    const int p = number_of.extract(ended).mapped();
    if (WIFSIGNALED(status)) {
      std::cerr << "worker " << p << " was killed and is started again\n";
      start(p);
    } else if (WEXITSTATUS(status) != 0) {
      throw std::runtime_error("worker " + std::to_string(p) + " failed");
    }
  }
}

}  // namespace examples
