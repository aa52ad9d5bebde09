// Four processes write an array in chunks; Python reads it where it lies, without a copy.
// Instead of an array that is saved to be loaded again.
//   build/example_zarr_view; build/durra dump --zarr-refs zarr_view.durra > refs.json
//   python3 tools/examples/zarr_view.py refs.json
#include <durra/types.h>

#include <iomanip>
#include <iostream>

#include "tools/examples/processes.h"
#include "tools/examples/tickets.h"

constexpr std::size_t kRows = 300, kColumns = 500, kChunk = 64;  // the last chunks reach beyond the shape
constexpr std::size_t kDown = (kRows + kChunk - 1) / kChunk, kAcross = (kColumns + kChunk - 1) / kChunk;

using Field = durra::ChunkedArray<float>;
Field field(durra::Store& store) { return Field::open(store, "field", {kRows, kColumns}, {kChunk, kChunk}).value(); }
float value(std::size_t i, std::size_t j) { return static_cast<float>((i * 31 + j * 17) % 1'000) / 4; }

int main() {
  examples::run_workers(4, [](int worker) {
    auto store = durra::open("zarr_view.durra").value();
    auto mine = field(store);
    std::vector<float> chunk(mine.chunk_size());
    examples::Tickets(store, "chunks", kDown * kAcross).work_off(worker, [&](std::size_t c) {
      const auto i = c / kAcross, j = c % kAcross;
      for (std::size_t n = 0; n < chunk.size(); ++n) chunk[n] = value(i * kChunk + n / kChunk, j * kChunk + n % kChunk);
      mine.write({i, j}, chunk).value();  // all of the chunk or nothing
    });
  });

  auto store = durra::open("zarr_view.durra").value();
  const auto all = field(store);
  std::vector<float> chunk(all.chunk_size());
  double sum = 0, expected = 0;
  for (std::size_t i = 0; i < kRows; ++i)
    for (std::size_t j = 0; j < kColumns; ++j) {
      if (j % kChunk == 0) all.read({i / kChunk, j / kChunk}, chunk).value();
      sum += chunk[i % kChunk * kChunk + j % kChunk];
      expected += value(i, j);
    }
  std::cout << "sum " << std::fixed << std::setprecision(2) << sum << '\n';
  return sum == expected ? 0 : 1;
}
