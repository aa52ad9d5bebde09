// The parent's side of a task.
#include "tools/bench/crew.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "tools/child.h"
#include "tools/clock.h"
#include "tools/failure.h"

namespace durra::bench {

Crew::Crew(const std::string& path, const Task& task)
    : board_(tools::must(tools::SharedMemory<Board>::create(), "")), children_(task.parts, -1) {
  if (path.size() >= board_->path.size()) throw tools::complaint(path, {Code::too_large, 0, board_->path.size() - 1});
  board_->task = task;
  board_->parent = ::getpid();
  std::copy(path.begin(), path.end(), board_->path.begin());
  for (unsigned part = 0; part < task.parts; ++part)
    children_[part] = tools::must(
        tools::spawn_self({"bench", "--worker", std::to_string(part), "--board", std::to_string(board_.fd())}), "");
}

Crew::~Crew() {
  for (const pid_t child : children_)
    if (child > 0) tools::kill_and_wait(child);
}

void Crew::check(unsigned part, int status) {
  children_[part] = -1;
  tools::throw_if_interrupted();
  const char* error = board_->outcomes[part].error.data();
  if (status == 0 && *error == 0) return;
  const std::string how = status == 128 + SIGALRM ? "did not come to its end" : "ended with " + std::to_string(status);
  throw tools::Complaint{board_->path.data(), {Code::io}, *error != 0 ? error : "a process of the benchmark " + how};
}

void Crew::await(unsigned count) {
  while (board_->ready < count) {
    tools::nap(std::chrono::microseconds(50));
    tools::throw_if_interrupted();
    for (unsigned part = 0; part < children_.size(); ++part)
      if (const int status = tools::ended(children_[part]); status >= 0) check(part, status == 0 ? 1 : status);
  }
}

void Crew::begin() {
  await(static_cast<unsigned>(children_.size()));
  board_->go_ns = tools::now_ns() + 300'000;
}

Total Crew::finish() {
  Total total;
  std::uint64_t begun = ~0ull, ended = 0;
  for (unsigned part = 0; part < children_.size(); ++part) {
    check(part, tools::wait_for(children_[part]));
    const Outcome& o = board_->outcomes[part];
    begun = std::min(begun, o.begun_ns);
    ended = std::max(ended, o.ended_ns);
    total.operations += o.operations;
    total.bytes += o.bytes;
    total.latency.add(o.latency);
    total.beside.add(o.beside);
  }
  total.ns = std::max<std::uint64_t>(ended - begun, 1);
  return total;
}

Total perform(const std::string& path, const Task& task) {
  Crew crew(path, task);
  crew.begin();
  return crew.finish();
}

Keeper::Keeper(const std::string& path, Task task)
    : crew_(path, [&] {
        task.work = Work::hold;
        task.parts = 1;
        return task;
      }()) {
  crew_.begin();
  crew_.await(2);
}

}  // namespace durra::bench
