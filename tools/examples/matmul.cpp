// A product of matrices that are not square, by rows, by columns, by blocks, and of a sparse matrix.  Its tiles are
// shared out among processes, and after a kill, of one or of all, it goes on where it was.
// Instead of ParallelMatrixMultiplier, whose progress was a shared value under a lock.
//   build/example_matmul [PROCESSES]
#include <durra/types.h>
#include <unistd.h>

#include <cstdio>

#include "tools/examples/matmul.h"
#include "tools/examples/processes.h"
#include "tools/examples/tickets.h"

using namespace examples;

// The seconds it took by so many processes.  What is there already is not done again.
double run(Inputs& in, const Partition& how, int processes, const std::string& name) {
  auto seconds = durra::Cell<double>::open(in.store, name + ": seconds").value();
  if (seconds.load()) return seconds.load().value();
  const auto begin = std::chrono::steady_clock::now();
  Tickets tiles(in.store, name + ": tiles", how.tiles());
  const auto work = [&](int worker) {
    Inputs mine;
    auto c = Matrix::open(mine.store, name, {kM, kN}).value();
    Tickets mine_too(mine.store, name + ": tiles", how.tiles());
    mine_too.work_off(worker, [&](std::size_t tile) { multiply(mine, how, tile, c.values()); });
  };
  run_workers(processes, work, [&] {
    if (isatty(1))
      std::printf("\r%-13s [%-40s]\r", name.c_str(), std::string(40 * tiles.done() / how.tiles(), '#').c_str());
  });
  seconds.store(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()).value();
  return seconds.load().value();
}

int main(int argc, char** argv) {
  const int processes = argc > 1 ? std::atoi(argv[1]) : 4;
  const Partition all{"serial", kM, kN}, blocks{"blocks", 80, 64};
  Inputs in;
  in.fill();
  std::vector<double> serial(kM * kN);
  multiply(in, all, 0, serial);
  double worst = 0;
  for (const auto& how : {Partition{"rows", 16, kN}, {"columns", kM, 16}, {"sparse", 16, kN, true}, blocks}) {
    const auto name = how.name + (" by " + std::to_string(processes));
    const double one = run(in, how, 1, how.name), many = run(in, how, processes, name);
    auto c = Matrix::open(in.store, name, {kM, kN}).value();
    for (std::size_t i = 0; i < c.size(); ++i) worst = std::max(worst, std::abs(c.values()[i] - serial[i]));
    std::printf("%-13s %.3f s, speedup %.2f, efficiency %.0f %%, difference %g\n", name.c_str(), many, one / many,
                100 * one / many / processes, worst);
  }
  Tickets tiles(in.store, "blocks by " + std::to_string(processes) + ": tiles", blocks.tiles());
  for (std::size_t i = 0; i < blocks.tiles(); ++i)  // who computed what
    std::printf("%d%s", tiles.owner(i), (i + 1) % blocks.across() == 0 ? "\n" : " ");
  return worst < 1e-10 ? 0 : 1;
}
