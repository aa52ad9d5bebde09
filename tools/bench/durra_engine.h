// durra as an engine of the benchmarks.
#pragma once
#include <durra/care.h>
#include <durra/store.h>

#include <string>

#include "tools/bench/board.h"
#include "tools/bench/workload.h"

namespace durra::bench {

class DurraEngine {
 public:
  static constexpr bool kHasGetMany = true;
  DurraEngine(const std::string& path, const Task& task) : store_(opened(path, task)) {}

  void put(std::uint64_t key, std::span<const std::byte> value) { store_.put(key, value).value(); }
  void put_batch(std::span<const std::uint64_t> keys, Value& value, std::uint64_t round) {
    batch_.clear();
    for (const std::uint64_t key : keys) batch_.put(key, value.of(key, round));
    store_.put(batch_).value();
  }
  void put_power(std::uint64_t key, std::span<const std::byte> value) {
    store_.put(key, value, {.durability = Durability::power}).value();
  }
  void sync() {  // where there is a disk
    if (auto done = store_.sync(); !done && done.error().code != Code::unsupported) done.value();
  }
  void compact() { durra::compact(store_).value(); }
  void snapshot() const { store_.snapshot().value(); }
  bool get(std::uint64_t key) const {
    const auto r = store_.get(key);
    return r && is_value_of(key, r->bytes().data());
  }
  bool get_many(std::span<const std::uint64_t> ids) const {
    const std::vector<Key> keys(ids.begin(), ids.end());
    const auto found = store_.get_many(keys);
    bool all = true;
    for (std::size_t i = 0; i < found.size(); ++i) all &= found[i] && is_value_of(ids[i], found[i]->bytes().data());
    return all;
  }
  // Payload bytes read.
  std::uint64_t scan(std::uint64_t& sum) const {
    std::uint64_t bytes = 0;
    Records all = store_.records();
    for (const Record& r : all) {
      sum += sum_of(r.bytes().data(), r.bytes().size());
      bytes += r.bytes().size();
    }
    all.status().value();
    return bytes;
  }

 private:
  static Store opened(const std::string& path, const Task& task) {
    Options options;
    options.rebuild = task.work == Work::rebuild;
    return durra::open(path, options).value();
  }
  Store store_;
  Batch batch_;
};

}  // namespace durra::bench
