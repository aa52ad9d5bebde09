// A thousand processes are killed at work; then nothing of them is left, and nobody cleaned anything up.
// Instead of unlink() in a finally block, resource_tracker's warnings, and what stays in /dev/shm all the same.
//   build/example_no_leaks
#include <durra/care.h>
#include <durra/types.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <random>

const std::string kFolder = "no_leaks", kStore = kFolder + "/no_leaks.durra";

pid_t start_worker() {
  const pid_t parent = getpid();
  if (const pid_t worker = fork(); worker != 0) return worker;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // which was killed before that
  auto store = durra::open(kStore).value();
  auto array = durra::Array<double>::open(store, "array", {1'000}).value();
  for (std::uint64_t n = 0;; ++n) {
    {
      auto held = store.get(n % 100);  // it is killed with something in its hands
      auto then = store.snapshot().value();
      auto draft = store.draft("draft", 10'000).value();
    }
    store.put(n % 100, std::string(n % 2'000, 'x')).value();
    array.atomic(n % 1'000).fetch_add(1);
  }
}

void kill_a_thousand() {
  auto store = durra::open(kStore).value();
  auto kills = durra::Counter::open(store, "kills").value();
  for (std::mt19937 random(1); kills.value() < 1'000;) {
    const pid_t workers[] = {start_worker(), start_worker()};
    usleep(static_cast<useconds_t>(random() % 1'000));
    for (const pid_t worker : workers) {
      kill(worker, SIGKILL);
      waitpid(worker, nullptr, 0);
      kills.add();
    }
  }
}

int main() {
  std::filesystem::create_directory(kFolder);
  kill_a_thousand();

  auto store = durra::open(kStore).value();
  const auto seats = durra::participants(store).value();
  const auto regions = durra::regions(store).value();
  const auto dead = std::ranges::count_if(seats, [](auto& s) { return !s.alive; });
  const auto owned = std::ranges::count_if(
      regions, [](auto& r) { return r.owner_pid != 0 && r.owner_pid != static_cast<std::uint32_t>(getpid()); });
  const auto damage = durra::verify(kStore).value().damage.size();
  const auto files = std::distance(std::filesystem::directory_iterator(kFolder), {});
  std::cout << "1000 kills\nseats of the dead: " << dead << "\nregions of the dead: " << owned << "\ndamage: " << damage
            << "\nfiles: " << files << '\n';
  return dead == 0 && owned == 0 && damage == 0 && files == 1 ? 0 : 1;
}
