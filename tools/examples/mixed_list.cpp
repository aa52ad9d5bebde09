// A list of values of any kind and length, changed by another process.
// Instead of ShareableList, where an item may never become longer than it was: here it grows to 10 kB.
//   build/example_mixed_list
#include <durra/types.h>

#include <iostream>

#include "tools/examples/processes.h"

// As Python would show it.
std::string show(const durra::Value& value) {
  if (auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (auto* i = std::get_if<std::int64_t>(&value)) return std::to_string(*i);
  if (auto* d = std::get_if<double>(&value)) return std::to_string(*d).substr(0, 4);
  if (auto* s = std::get_if<std::string>(&value)) return '"' + *s + '"';
  if (auto* b = std::get_if<std::vector<std::byte>>(&value))
    return "b\"" + std::string(reinterpret_cast<const char*>(b->data()), b->size()) + '"';
  return "nil";
}

int main() {
  auto store = durra::open("mixed_list.durra").value();
  auto list = durra::List::open(store, "mixed").value();
  const auto print = [&] {
    const char* between = "[";
    for (const auto& value : list.all().value()) std::cout << std::exchange(between, ", ") << show(value);
    std::cout << "]\n";
  };
  const auto text = std::as_bytes(std::span("bytes", 5));
  const durra::Value first[] = {42, 3.14, "Hello", std::vector(text.begin(), text.end()), {}, true};
  while (list.size().value() < std::size(first)) list.push({}).value();
  for (std::size_t i = 0; i < std::size(first); ++i) list.set(i, first[i]).value();
  print();

  examples::run_workers(1, [](int) {
    auto mine = durra::open("mixed_list.durra").value();
    auto same = durra::List::open(mine, "mixed").value();
    same.set(0, 100).value();
    same.set(2, "Modified! ✨").value();
    same.set(5, false).value();
  });
  print();

  list.set(2, std::string(10'000, 'x')).value();
  const auto longer = std::get<std::string>(list.get(2).value()).size();
  std::cout << "item 2 has " << longer << " bytes now, of " << list.size().value() << " items\n";
  return longer == 10'000 ? 0 : 1;
}
