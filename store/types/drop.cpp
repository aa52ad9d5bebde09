// drop: whatever type has the name.
#include <durra/types.h>

#include "store/block.h"

namespace durra {
namespace {

constexpr std::size_t kAtOnce = 65'000;  // erases of one batch

// Erases `head`, if it is there, and with it what lies under NAME/: all together up to kAtOnce records; of more, the
// head first, so that nobody finds half of it.
Result<void> erase_all(Store& store, const std::string& name, const std::string& head) {
  const auto now = store.get(head);
  if (!now) return now.error();
  Batch batch;
  batch.erase_if(head, now->stamp());
  for (const Record& r : store.records(name + "/")) {
    if (r.key() == head) continue;
    batch.erase(r.key());
    if (batch.size() < kAtOnce) continue;
    if (auto done = store.put(batch); !done) return done;
    batch.clear();
  }
  return store.put(batch);
}

}  // namespace

Result<void> drop(Store& store, std::string_view name) {
  const auto is_missing = [](const Result<void>& r) { return !r && r.error().code == Code::not_found; };
  auto done = detail::drop_block(*detail::handle_of(store), name);
  const std::string own(name);
  for (const char* head : {"/.zarray", "/length"})
    while (is_missing(done) || (!done && done.error().code == Code::conflict)) {
      done = erase_all(store, own, own + head);
      if (is_missing(done)) break;
    }
  if (is_missing(done)) done = store.erase(name);  // a cell
  return done;
}

}  // namespace durra
