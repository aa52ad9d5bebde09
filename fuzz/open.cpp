// A store file with hostile words, opened and used in every way: answers and errors, never a fault or a hang.
#include "fuzz/image.h"

namespace {

volatile std::size_t seen;  // so that what is read is read

void use(durra::Store& store, bool write) {
  for (const char* key : durra::fuzz::keys())
    if (auto r = store.get(key)) (void)r->intact();
  std::vector<durra::Key> many;
  for (int i = 95; i < 145; ++i) many.emplace_back(i);
  std::size_t bytes = 0;
  for (auto& r : store.get_many(many))
    if (r) bytes += r->bytes().size();
  for (auto& r : store.records()) bytes += r.key().size() + r.bytes().size();
  (void)durra::stats(store);
  (void)durra::regions(store);
  (void)durra::participants(store);
  seen = bytes;
  if (!write) return;
  if (auto snapshot = store.snapshot())
    for (auto& r : snapshot->records("user/")) seen = r.bytes().size();
  for (const char* key : durra::fuzz::keys()) {
    (void)store.put(key, "new");
    (void)store.erase(key);
    (void)store.put_if(key, "newer", durra::absent);
  }
  if (auto d = store.draft("draft", 70'000)) (void)(*std::move(d)).publish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const durra::fuzz::Base base(durra::fuzz::scratch_path("open"));
  durra::fuzz::write_file(base.path, durra::fuzz::edited(base, {data, size}));
  durra::Options o = durra::fuzz::small();
  o.patience = std::chrono::milliseconds(100);
  o.mode = durra::Mode::read_only;
  if (auto store = durra::open(base.path, o)) use(*store, false);
  o.mode = durra::Mode::open;
  if (auto store = durra::open(base.path, o)) use(*store, true);
  return 0;
}
