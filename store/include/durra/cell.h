// One value under a name, of a fixed type: configuration, the last state of a device.  A plain record, so each store()
// is atomic, versioned, waited for, and as safe at a power cut as any put; `durra get` shows it.
#pragma once
#include <durra/store.h>

namespace durra {
namespace detail {
// Another Store of the same handle: for objects that outlive the one they were made from.
Store another(const Store&);
}  // namespace detail

// Move-only; one thread at a time.  Any number of writers, in any process.
template <class T>
  requires Storable<T>
class Cell {
 public:
  // `mismatch` if the name has a record of another size, `invalid` if it cannot be a key.
  static Result<Cell> open(Store& store, std::string_view name) {
    Cell cell(detail::another(store), name);
    if (const auto now = cell.load(); !now && now.error().code != Code::not_found) return now.error();
    return cell;
  }

  // `not_found` before the first store().
  Result<T> load() const {
    const auto record = store_.get(name_);
    if (!record) return record.error();
    shown_ = record->stamp();
    return record->template as<T>();
  }
  Result<Stamp> store(const T& value) { return store_.put(name_, bytes_of(value)); }
  // change(T) -> T, called again when another was faster; with T{} before the first store().
  template <class F>
    requires std::is_invocable_r_v<T, F, const T&>
  Result<T> update(F&& change) {
    for (;;) {
      const auto now = load();
      if (!now && now.error().code != Code::not_found) return now.error();
      const Stamp seen = now ? shown_ : absent;  // change() may look too
      const T next = change(now ? *now : T{});
      const auto done = store_.put_if(name_, bytes_of(next), seen);
      if (done) return next;
      if (done.error().code != Code::conflict) return done.error();
    }
  }
  // The next value after the last one that this Cell showed, at once if there is one.  `timeout`.
  Result<T> wait(Duration patience) {
    const auto record = store_.wait(name_, shown_, patience);
    if (!record) return record.error();
    shown_ = record->stamp();
    return record->template as<T>();
  }

 private:
  Cell(Store store, std::string_view name) : store_(std::move(store)), name_(name) {}
  Store store_;
  std::string name_;
  mutable Stamp shown_ = absent;
};

}  // namespace durra
