// A list of mixed values of any length, as Python's ShareableList, but it grows and each item may be as long as it
// likes.  Items are plain records NAME/0, NAME/1, …; NAME/length says how many there are.  push() is one batch, so a
// kill or a power cut leaves it done or not done.
#pragma once
#include <durra/store.h>

#include <variant>

namespace durra {

using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::byte>>;

// Move-only; one thread at a time.  Any number of writers, in any process.
class List {
 public:
  // Creates, empty, or attaches.  `mismatch` if NAME/length is not a list's; `invalid`, `too_large` for the name.
  static Result<List> open(Store&, std::string_view name);

  Result<std::size_t> size() const;
  Result<Value> get(std::size_t i) const;         // `invalid`, with i, where there is none
  Result<void> set(std::size_t i, const Value&);  // the same
  Result<std::size_t> push(const Value&);         // its index
  Result<std::vector<Value>> all() const;         // at one instant

 private:
  List(Store store, std::string_view name) : store_(std::move(store)), name_(name) {}
  std::string key(std::size_t i) const;
  Store store_;
  std::string name_;
};

}  // namespace durra
