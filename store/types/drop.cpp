// drop: whatever type has the name.
#include <durra/types.h>

#include <span>

#include "store/block.h"
#include "store/types/elements.h"
#include "store/types/zarr.h"

namespace durra {
namespace {

constexpr std::size_t kAtOnce = 65'000;     // erases of one batch
constexpr std::size_t kTombstoneMax = 128;  // bytes that one takes at most, beside its key

// A type that is made of records: a head that has the name, and elements.
struct Kind {
  std::string_view head;                    // its key is NAME/head
  std::size_t (*rank)(const Record& head);  // numbers in the key of an element; 0: no head of this type
  // An element that is left behind would show in the next one of this name: so the name is free when none is left.
  bool head_last;
};
std::size_t rank_of_list(const Record& head) { return head.as<std::uint64_t>() ? 1 : 0; }
std::size_t rank_of_array(const Record& head) {
  const auto meta = detail::parse_zarray(head.text());
  return meta ? meta->shape.size() : 0;
}
constexpr Kind kKinds[] = {{"/length", rank_of_list, false}, {"/.zarray", rank_of_array, true}};

struct Element {
  std::string key;
  Stamp stamp;
};
struct Parts {
  Stamp head = absent;
  std::vector<Element> elements;
};

// All of it at one instant: the elements are those of this head.
Result<Parts> parts_of(const Store& store, const std::string& name, const Kind& kind) {
  const auto now = store.snapshot();
  if (!now) return now.error();
  const auto head = now->get(name + std::string(kind.head));
  if (!head && head.error().code == Code::too_large) return Error{Code::not_found};  // so is every key of this type
  if (!head) return head.error();
  const std::size_t rank = kind.rank(*head);
  if (rank == 0) return Error{Code::not_found};
  Parts parts{head->stamp(), {}};
  std::vector<std::size_t> index;
  Records all = now->records(name + "/");
  for (const Record& r : all)
    if (detail::is_element(r.key(), name, rank, index)) parts.elements.push_back({std::string(r.key()), r.stamp()});
  if (auto whole = all.status(); !whole) return whole.error();
  return parts;
}

bool is(const Result<void>& r, Code code) { return !r && r.error().code == code; }

// As many as one batch takes: it may have a quarter of the store.
std::span<const Element> fitting(const Store& store, std::span<const Element> elements) {
  const detail::Space& space = detail::handle_of(store)->space;
  std::uint64_t left = space.region_count() * space.region_size() / 8;
  std::size_t n = 0;
  for (; n < std::min(kAtOnce, elements.size()); ++n) {
    const std::uint64_t size = kTombstoneMax + elements[n].key.size();
    if (left < size) break;
    left -= size;
  }
  return elements.first(n);
}

// Without their head's condition: each only as it was seen, for the name may have another's elements by now.
Result<void> erase_as_seen(Store& store, std::span<const Element> elements) {
  Batch batch;
  for (const Element& e : elements) batch.erase_if(e.key, e.stamp);
  auto done = store.put(batch);
  if (!is(done, Code::conflict)) return done;
  for (const Element& e : elements)
    if (done = store.erase_if(e.key, e.stamp); !done && !is(done, Code::conflict) && !is(done, Code::not_found))
      return done;
  return {};
}

Result<void> erase_many(Store& store, std::span<const Element> elements) {
  while (!elements.empty()) {
    const auto some = fitting(store, elements);
    if (auto done = erase_as_seen(store, some); !done) return done;
    elements = elements.subspan(some.size());
  }
  return {};
}

// What is not durable a power cut leaves in any order: the head's end without theirs.
Result<void> erase_durably(Store& store, std::span<const Element> elements) {
  if (auto done = erase_many(store, elements); !done) return done;
  return detail::handle_of(store)->is_volatile ? Result<void>{} : store.sync();
}

// The head, and with it as many elements as one batch takes: those that are changed meanwhile too, because as long as
// the head is as it was seen they are its own.
Result<void> erase_all(Store& store, const std::string& name, const Kind& kind) {
  for (;;) {
    const auto parts = parts_of(store, name, kind);
    if (!parts) return parts.error();
    const std::span<const Element> all = parts->elements, first = fitting(store, all), rest = all.subspan(first.size());
    if (kind.head_last && !rest.empty())
      if (auto done = erase_durably(store, rest); !done) return done;
    Batch batch;
    batch.erase_if(name + std::string(kind.head), parts->head);
    for (const Element& e : first) batch.erase(e.key);
    auto done = store.put(batch);
    if (is(done, Code::conflict)) continue;  // a push, a resize, another's drop
    return !done || kind.head_last ? done : erase_many(store, rest);
  }
}

}  // namespace

Result<void> drop(Store& store, std::string_view name) {
  auto done = detail::drop_block(*detail::handle_of(store), name);
  // The longest names are no block's.
  if (is(done, Code::not_found) || is(done, Code::too_large)) done = store.erase(name);  // a cell
  for (const Kind& kind : kKinds)
    if (is(done, Code::not_found)) done = erase_all(store, std::string(name), kind);
  return done;
}

}  // namespace durra
