// 40 MB: copied, read in place by another process, through a log as a queue, through a pipe.  The speeds are those of
// this machine, now.
// Instead of a comparison of pickled copies, SharedMemory and Queue.
//   build/example_transfer
#include <durra/types.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>

#include "tools/examples/pipe.h"
#include "tools/examples/processes.h"

using namespace std::chrono_literals;
using Array = durra::Array<double>;
constexpr std::size_t kCount = 5'000'000, kBytes = kCount * sizeof(double), kPieces = 625, kPiece = kCount / kPieces;
const char* const kStore = "transfer.durra";

void measure(const char* what, const std::function<void()>& transfer) {
  const auto start = std::chrono::steady_clock::now();
  transfer();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%-38s %9.3f ms %9.2f GB/s\n", what, took.count() * 1e3, kBytes / took.count() / 1e9);
}
double sum(std::span<const double> numbers) { return std::accumulate(numbers.begin(), numbers.end(), 0.0); }

// Worker 0 sends pieces, from where it was; worker 1 adds up what comes, from the first.
void by_queue(int worker, const std::vector<double>& from) {
  auto store = durra::open(kStore).value();
  if (worker == 0) {
    auto sent = store.records("queue/");
    for (auto i = static_cast<std::size_t>(std::ranges::distance(sent)); i < kPieces; ++i)
      store.append("queue", std::span(from).subspan(i * kPiece, kPiece)).value();
    return;
  }
  auto tail = durra::Tail::open(store, "receiver", "queue/").value();
  double total = 0;
  for (std::size_t i = 0; i < kPieces; ++i) {
    const auto piece = tail.next(10s).value();
    total += sum(piece.span<double>().value());
  }
  store.put("sum of the queue", durra::bytes_of(total)).value();
}

int main() {
  std::filesystem::remove(kStore);
  auto store = durra::open(kStore).value();
  auto array = Array::open(store, "array", {kCount}).value();
  std::vector<double> numbers(kCount);
  std::iota(numbers.begin(), numbers.end(), 0.0);
  const std::unique_ptr<double[]> memory(new double[kCount]);  // nothing there yet

  measure("copy, with page faults", [&] { std::ranges::copy(numbers, memory.get()); });
  measure("copy, without", [&] { std::ranges::copy(numbers, memory.get()); });
  measure("copy into an array, with page faults", [&] { std::ranges::copy(numbers, array.values().begin()); });
  measure("copy into an array, without", [&] { std::ranges::copy(numbers, array.values().begin()); });
  measure("put, and sum in place elsewhere", [&] {
    store.put("numbers", numbers).value();
    examples::run_workers(1, [](int) {
      auto mine = durra::open(kStore).value();
      const auto there = mine.get("numbers").value();  // 0 bytes copied
      mine.put("sum in place", durra::bytes_of(sum(there.span<double>().value()))).value();
    });
  });
  measure("queue, and sum elsewhere",
          [&] { examples::run_workers(2, [&](int worker) { by_queue(worker, numbers); }); });
  measure("pipe", [&] { examples::through_pipe(numbers, {memory.get(), kCount}); });

  const double expected = sum(numbers);
  bool right = sum({memory.get(), kCount}) == expected && sum(array.values()) == expected;
  for (const char* which : {"sum in place", "sum of the queue"})
    right &= store.get(which).value().as<double>().value() == expected;
  std::printf("sums %s\n", right ? "equal" : "differ");
  return right ? 0 : 1;
}
