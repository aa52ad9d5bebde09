// Jobs for whoever is free.  Every worker sees each job and asks for its ticket; one gets it.  Who is killed does again
// what it had a ticket for when it is started again, and each job has one result.
// Instead of multiprocessing.Queue, where a job that a killed worker had taken is gone.
//   build/example_job_queue
#include <durra/store.h>

#include <iostream>

#include "tools/examples/processes.h"

using namespace std::chrono_literals;

constexpr int kJobs = 1'000;

// The work: how many steps the Collatz sequence takes from n to 1.
std::int64_t steps(std::int64_t n) {
  std::int64_t count = 0;
  for (; n != 1; ++count) n = n % 2 ? 3 * n + 1 : n / 2;
  return count;
}

void produce(durra::Store& store) {
  auto sent = store.records("jobs/");
  for (auto n = std::ranges::distance(sent) + 1; n <= kJobs; ++n)
    store.append("jobs", durra::bytes_of(std::int64_t{n})).value();
}

void work(durra::Store& store, int worker) {
  auto tail = durra::Tail::open(store, "worker/" + std::to_string(worker), "jobs/").value();
  const auto last = store.get("seen/" + std::to_string(worker));
  for (int seen = last ? last->as<int>().value() : 0; seen < kJobs;) {
    const auto job = tail.next(10s).value();
    const auto ticket = "ticket/" + std::string(job.key());
    durra::Batch done;
    if (store.put_if(ticket, durra::bytes_of(worker), durra::absent) ||
        store.get(ticket).value().as<int>().value() == worker)  // mine already: this is where I was killed
      done.put("result/" + std::string(job.key()), durra::bytes_of(steps(job.as<std::int64_t>().value())));
    done.put("seen/" + std::to_string(worker), durra::bytes_of(++seen));
    tail.save(done);  // the result, and that it is through with this job: all or nothing
    store.put(done).value();
  }
}

int main() {
  examples::run_workers(4, [](int worker) {
    auto store = durra::open("job_queue.durra").value();
    worker == 0 ? produce(store) : work(store, worker);
  });

  auto store = durra::open("job_queue.durra").value();
  std::int64_t results = 0, sum = 0, serial = 0;
  for (const auto& result : store.records("result/")) ++results, sum += result.as<std::int64_t>().value();
  for (std::int64_t n = 1; n <= kJobs; ++n) serial += steps(n);
  std::cout << results << " jobs done, " << sum << " steps\n";
  for (int worker = 1; worker < 4; ++worker) {
    int tickets = 0;
    for (const auto& ticket : store.records("ticket/")) tickets += ticket.as<int>().value() == worker;
    std::cout << "by worker " << worker << ": " << tickets << '\n';
  }
  return results == kJobs && sum == serial ? 0 : 1;
}
