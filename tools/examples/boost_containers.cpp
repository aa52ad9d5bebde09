// A std::map-like tree of Boost.Interprocess in a Block, where every process finds it by name.
// Instead of managed_shared_memory.  What one gives up inside the block: kill -9 in the middle of an insertion leaves a
// tree that hangs or lies, two writers need a lock that a killed one never gives back, nothing is versioned or durable,
// and memory that is full is an exception half-way.  So this one is never changed where others look: the next version
// is built in another block, as a copy of the bytes (its pointers are offsets), and one put says which block counts.
//   build/example_boost_containers
#include <durra/types.h>

#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/map.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <cstring>
#include <iostream>

#include "tools/examples/processes.h"

namespace ipc = boost::interprocess;
using Memory = ipc::managed_external_buffer;
using Squares = ipc::map<int, int, std::less<int>, ipc::allocator<std::pair<const int, int>, Memory::segment_manager>>;
constexpr int kVersions = 100;

durra::Block block(durra::Store& store, int version) {
  return durra::Block::open(store, "squares/" + std::to_string(version % 2), 64 << 10, 64).value();
}

void grow(int) {
  auto store = durra::open("boost_containers.durra").value();
  auto latest = durra::Cell<int>::open(store, "version").value();
  for (int version = latest.load() ? latest.load().value() + 1 : 0; version < kVersions; ++version) {
    auto next = block(store, version);  // nobody looks at it
    const auto bytes = next.bytes();
    if (version == 0) {
      Memory memory(ipc::create_only, bytes.data(), bytes.size());
      memory.construct<Squares>("squares")(std::less<int>(), memory.get_segment_manager());
    } else {
      auto last = block(store, version - 1);
      std::memcpy(bytes.data(), last.bytes().data(), bytes.size());
    }
    Memory memory(ipc::open_only, bytes.data(), bytes.size());
    memory.find<Squares>("squares").first->emplace(version, version * version);
    latest.store(version).value();  // from now on this one counts
  }
}

int main() {
  examples::run_workers(1, grow);
  auto store = durra::open("boost_containers.durra").value();
  const int version = durra::Cell<int>::open(store, "version").value().load().value();
  auto current = block(store, version);
  Memory memory(ipc::open_only, current.bytes().data(), current.bytes().size());
  const Squares& squares = *memory.find<Squares>("squares").first;
  long sum = 0;
  for (const auto& [n, square] : squares) sum += square;
  std::cout << squares.size() << " squares, sum " << sum << '\n';
  return squares.size() == kVersions && sum == 328'350 ? 0 : 1;
}
