// What run.py counts the instructions of: one kind of operation, many times, in a function of its own named count_KIND.
//   operations KIND STORE   prints how many operations the counted function does
#include <durra/types.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr std::uint64_t kCount = 16'384;
constexpr std::uint64_t kTogether = 16;
const std::array<std::byte, 100> payload{};

std::span<const std::byte> bytes() { return payload; }

void fill(durra::Store& store) {
  for (std::uint64_t id = 0; id < kCount; ++id) store.put(id, bytes()).value();
}

// Keys far apart: no operation finds the lines of the last one warm by more than chance.
std::uint64_t far(std::uint64_t n) { return n * 7919 % kCount; }

// An element of an array costs what an element behind a pointer costs.
std::optional<durra::Array<std::int64_t>> array;
std::int64_t* pointer;
volatile std::int64_t kept;

}  // namespace

extern "C" {
[[gnu::noinline]] void count_put(durra::Store& store) {
  for (std::uint64_t id = kCount; id < 2 * kCount; ++id) store.put(id, bytes()).value();
}
[[gnu::noinline]] void count_overwrite(durra::Store& store) {
  for (std::uint64_t n = 0; n < kCount; ++n) store.put(far(n), bytes()).value();
}
[[gnu::noinline]] void count_get(durra::Store& store) {
  for (std::uint64_t n = 0; n < kCount; ++n) store.get(far(n)).value();
}
[[gnu::noinline]] void count_get_many(durra::Store& store) {
  std::vector<durra::Key> keys;
  for (std::uint64_t n = 0; n < kCount; n += kTogether) {
    keys.clear();
    for (std::uint64_t i = 0; i < kTogether; ++i) keys.emplace_back(far(n + i));
    for (auto&& found : store.get_many(keys)) std::move(found).value();
  }
}
[[gnu::noinline]] void count_erase(durra::Store& store) {
  for (std::uint64_t n = 0; n < kCount; ++n) store.erase(far(n)).value();
}
[[gnu::noinline]] void count_array(durra::Store&) {
  std::int64_t sum = 0;
  durra::Array<std::int64_t>& a = *array;
  for (std::uint64_t n = 0; n < kCount; ++n) sum += a(far(n));
  kept = sum;
}
[[gnu::noinline]] void count_pointer(durra::Store&) {
  std::int64_t sum = 0;
  const std::int64_t* const p = pointer;
  for (std::uint64_t n = 0; n < kCount; ++n) sum += p[far(n)];
  kept = sum;
}
}

namespace {

struct Operation {
  std::string_view name;
  void (*count)(durra::Store&);
};
constexpr std::array<Operation, 7> kOperations{{{"put", count_put},
                                                {"overwrite", count_overwrite},
                                                {"get", count_get},
                                                {"get_many", count_get_many},
                                                {"erase", count_erase},
                                                {"array", count_array},
                                                {"pointer", count_pointer}}};

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  durra::Options small;
  small.max_size = std::uint64_t{8} << 30;  // what valgrind has room for
  auto store = durra::open(words[2], small).value();
  fill(store);
  array = durra::Array<std::int64_t>::open(store, "array", {kCount}).value();
  pointer = array->values().data();
  const auto operation = std::find_if(kOperations.begin(), kOperations.end(),
                                      [&](const Operation& o) { return o.name == std::string_view(words[1]); });
  if (operation == kOperations.end()) return 2;
  operation->count(store);
  array.reset();
  std::printf("%llu\n", static_cast<unsigned long long>(kCount));
}
