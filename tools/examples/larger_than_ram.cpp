// An array of 128 MiB in a process that may have 32 MiB of memory of its own: chunks come and go.
// Instead of a NumPy array that does not fit.  What is limited is data (RLIMIT_DATA: heap, private mappings).  The
// file's pages are the kernel's: it writes them back and drops them when others need the room, as under a cgroup's
// limit.
//   build/example_larger_than_ram
#include <durra/types.h>
#include <sys/resource.h>

#include <iostream>

#include "tools/examples/processes.h"
#include "tools/examples/tickets.h"

constexpr std::size_t kSide = 8'192, kChunk = 512, kAcross = kSide / kChunk;  // of 2-byte elements
using Field = durra::ChunkedArray<std::uint16_t>;
Field field(durra::Store& store) { return Field::open(store, "field", {kSide, kSide}, {kChunk, kChunk}).value(); }

std::uint16_t value(std::size_t chunk, std::size_t n) {  // noise, which cannot be packed
  return static_cast<std::uint16_t>((chunk * kChunk * kChunk + n) * 0x9e3779b97f4a7c15u >> 40);
}

int main() {
  const rlimit limit{32 << 20, 32 << 20};
  setrlimit(RLIMIT_DATA, &limit);
  try {
    std::vector<std::uint16_t> whole(kSide * kSide);
    std::cout << "a vector has room for it: nothing is limited here\n";
    return 1;
  } catch (const std::bad_alloc&) {
    std::cout << "a vector of " << kSide * kSide * 2 / (1 << 20) << " MiB: no room\n";
  }

  examples::run_workers(2, [](int worker) {
    auto store = durra::open("larger_than_ram.durra").value();
    auto mine = field(store);
    std::vector<std::uint16_t> chunk(mine.chunk_size());
    examples::Tickets(store, "chunks", kAcross * kAcross).work_off(worker, [&](std::size_t c) {
      for (std::size_t n = 0; n < chunk.size(); ++n) chunk[n] = value(c, n);
      mine.write({c / kAcross, c % kAcross}, chunk).value();
    });
  });

  auto store = durra::open("larger_than_ram.durra").value();
  const auto all = field(store);
  std::vector<std::uint16_t> chunk(all.chunk_size());
  std::uint64_t sum = 0, expected = 0;
  for (std::size_t c = 0; c < kAcross * kAcross; ++c) {
    all.read({c / kAcross, c % kAcross}, chunk).value();
    for (std::size_t n = 0; n < chunk.size(); ++n) sum += chunk[n], expected += value(c, n);
  }
  std::cout << "chunks " << kAcross * kAcross << ", sum " << sum << '\n';
  return sum == expected ? 0 : 1;
}
