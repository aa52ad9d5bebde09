// Four processes write records of any length under their own ids p * 100 + i, again and again, without a lock.  Each
// counts what put() acknowledged; who is started again after a kill looks whether all of that is there.
// Instead of PersistentSharedData: offsets of 100 bytes each, and longer records written over their neighbours.
//   build/example_parallel_writers
#include <durra/types.h>

#include <algorithm>
#include <iostream>

#include "tools/examples/processes.h"

constexpr std::int64_t kPuts = 10'000;  // of each writer, to its ten ids

// The n-th put of a writer: 10 to 1,000 bytes that tell n.
std::string text(std::int64_t n) {
  return std::to_string(n) + ' ' +
         std::string(static_cast<std::size_t>(10 + n * 7919 % 990), static_cast<char>('a' + n % 26));
}
// Is this id's record whole, and of put n or a later one?
bool has(const durra::Store& store, std::int64_t id, std::int64_t n) {
  const auto record = store.get(id);
  if (!record) return false;
  const std::int64_t found = std::stoll(record->str());
  return found >= n && record->text() == text(found);
}

int main() {
  examples::run_workers(4, [](int worker) {
    auto store = durra::open("parallel_writers.durra").value();
    auto acknowledged = durra::Counter::open(store, "acknowledged/" + std::to_string(worker)).value();
    auto lost = durra::Counter::open(store, "lost").value();
    const auto id = [&](std::int64_t n) { return worker * 100 + n % 10; };
    for (auto n = std::max<std::int64_t>(0, acknowledged.value() - 10); n < acknowledged.value(); ++n)
      if (!has(store, id(n), n)) lost.add();
    for (auto n = acknowledged.value(); n < kPuts; ++n) {
      store.put(id(n), text(n)).value();
      acknowledged.add();
    }
  });

  auto store = durra::open("parallel_writers.durra").value();
  std::int64_t lost = durra::Counter::open(store, "lost").value().value(), acknowledged = 0, records = 0;
  for (const auto& counter : durra::Counter::all(store, "acknowledged/").value()) acknowledged += counter.value();
  for (std::int64_t p = 0; p < 4; ++p)
    for (std::int64_t i = 0; i < 10; ++i) {
      lost += !has(store, p * 100 + i, kPuts - 10 + i);
      records += static_cast<bool>(store.get(p * 100 + i));
    }
  std::cout << records << " records\nacknowledged " << acknowledged << ", lost " << lost << '\n';
  return lost == 0 ? 0 : 1;
}
