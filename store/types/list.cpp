// Lists: an item is one record, its first byte says which alternative of Value follows.
#include <durra/list.h>

#include <cstring>

#include "store/handle.h"

namespace durra {
namespace detail {

Store another(const Store& s) {
  Handle* h = handle_of(s);
  h->refer();
  return Handle::make_store(h);
}

}  // namespace detail

namespace {

constexpr std::string_view kLength = "/length";

template <class T>
std::string with_tag(std::size_t tag, const T* bytes, std::size_t size) {
  std::string out(1 + size, static_cast<char>(tag));
  if (size != 0) std::memcpy(out.data() + 1, bytes, size);
  return out;
}

std::string encode(const Value& v) {
  return std::visit(
      [&]<class T>(const T& x) {
        if constexpr (std::is_same_v<T, std::monostate>)
          return with_tag(v.index(), &x, 0);
        else if constexpr (std::is_arithmetic_v<T>)
          return with_tag(v.index(), &x, sizeof x);
        else
          return with_tag(v.index(), x.data(), x.size());
      },
      v);
}

template <class T>
Result<Value> plain(std::span<const std::byte> bytes) {
  if (bytes.size() != sizeof(T)) return Error{Code::mismatch, 0, bytes.size(), "not an item of a list"};
  T x;
  std::memcpy(&x, bytes.data(), sizeof x);
  return Value(x);
}

Result<Value> decode(const Record& r) {
  if (r.bytes().empty()) return Error{Code::mismatch, 0, 0, "not an item of a list"};
  const auto body = r.bytes().subspan(1);
  switch (static_cast<unsigned char>(r.bytes()[0])) {
    case 0: return Value{};
    case 1:
      if (body.size() == 1) return Value(body[0] != std::byte{0});
      break;
    case 2: return plain<std::int64_t>(body);
    case 3: return plain<double>(body);
    case 4: return Value(std::string(r.text().substr(1)));
    case 5: return Value(std::vector<std::byte>(body.begin(), body.end()));
  }
  return Error{Code::mismatch, 0, 0, "not an item of a list"};
}

struct Length {
  std::uint64_t items = 0;
  Stamp stamp = absent;
};
template <class From>
Result<Length> length_of(const From& from, const std::string& name) {
  const auto record = from.get(name + std::string(kLength));
  if (!record && record.error().code == Code::not_found) return Length{};
  if (!record) return record.error();
  const auto items = record->template as<std::uint64_t>();
  if (!items) return Error{Code::mismatch, 0, 0, "NAME/length is not a list's"};
  return Length{*items, record->stamp()};
}

Error out_of_range(std::size_t i) { return Error{Code::invalid, 0, i, "the index is out of range"}; }

}  // namespace

std::string List::key(std::size_t i) const { return name_ + "/" + std::to_string(i); }

Result<List> List::open(Store& store, std::string_view name) {
  List list(detail::another(store), name);
  const auto length = length_of(list.store_, list.name_);
  if (!length) return length.error();
  if (length->stamp == absent) {
    const auto made = list.store_.put_if(list.name_ + std::string(kLength), bytes_of(std::uint64_t{0}), absent);
    if (!made && made.error().code != Code::conflict) return made.error();
  }
  return list;
}

Result<std::size_t> List::size() const {
  const auto length = length_of(store_, name_);
  if (!length) return length.error();
  return length->items;
}

Result<Value> List::get(std::size_t i) const {
  const auto length = length_of(store_, name_);
  if (!length) return length.error();
  if (i >= length->items) return out_of_range(i);
  const auto record = store_.get(key(i));
  if (!record) return record.error().code == Code::not_found ? out_of_range(i) : record.error();
  return decode(*record);
}

Result<void> List::set(std::size_t i, const Value& v) {
  for (;;) {
    const auto length = length_of(store_, name_);
    if (!length) return length.error();
    if (i >= length->items) return out_of_range(i);
    Stamp seen = absent;
    if (const auto old = store_.get(key(i)))
      seen = old->stamp();
    else if (old.error().code != Code::not_found)
      return old.error();
    const auto done = store_.put_if(key(i), encode(v), seen);  // unless it was dropped meanwhile
    if (done) return {};
    if (done.error().code != Code::conflict) return done.error();
  }
}

Result<std::size_t> List::push(const Value& v) {
  for (;;) {
    const auto length = length_of(store_, name_);
    if (!length) return length.error();
    Batch batch;
    batch.put_if(name_ + std::string(kLength), bytes_of(length->items + 1), length->stamp);
    batch.put(key(length->items), encode(v));
    const auto done = store_.put(batch);
    if (done) return length->items;
    if (done.error().code != Code::conflict) return done.error();
  }
}

Result<std::vector<Value>> List::all() const {
  const auto now = store_.snapshot();
  if (!now) return now.error();
  const auto length = length_of(*now, name_);
  if (!length) return length.error();
  std::vector<Value> out;
  for (std::size_t i = 0; i < length->items; ++i) {
    const auto record = now->get(key(i));
    if (!record) return record.error();
    auto value = decode(*record);
    if (!value) return value.error();
    out.push_back(*std::move(value));
  }
  return out;
}

}  // namespace durra
