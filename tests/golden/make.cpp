// Makes the golden files' stores:  golden_make FOLDER.  tests/golden/run.py --make packs them and writes their
// listings.
#include <durra/care.h>
#include <unistd.h>

#include <cstddef>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "format/checksum.h"
#include "store/step.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"

namespace durra::test {
namespace {

Options golden() {
  Options o;
  o.max_size = 1u << 20;
  o.region_size = 64u << 10;
  o.participants = 4;
  return o;
}

// One of everything that a file may hold.  Repeated text, so that the files stay small when they are packed.
void fill(Store& store) {
  for (int i = 0; i < 40; ++i) store.put("user/" + std::to_string(i), "first " + std::to_string(i)).value();
  for (int i = 0; i < 40; i += 3) store.put("user/" + std::to_string(i), "second " + std::to_string(i)).value();
  for (int i = 0; i < 40; i += 5) store.erase("user/" + std::to_string(i)).value();
  for (int i = -2; i < 6; ++i) store.put(i, std::string(static_cast<std::size_t>(i + 3) * 50, 'i')).value();
  store.put(std::string(1024, 'k'), "the longest key").value();
  store.put("bytes", std::string("\0\xff\n\x80", 4)).value();
  store.put("empty", "").value();
  store.put("run", std::string(100'000, 'r')).value();
  store.put("compressed", std::string(30'000, 'c'), {.compress = true}).value();
  store.put("aligned", std::string(5'000, 'a'), {.align = 4096}).value();
  for (int i = 0; i < 3; ++i) store.append("events", "event " + std::to_string(i)).value();
  Batch batch;
  store.put(batch.put("both/1", "one").put("both/2", "two").erase("user/1")).value();
  auto tail = Tail::open(store, "follower", "user/").value();
  for (int i = 0; i < 5; ++i) (void)tail.next(Duration(0)).value();
  tail.save().value();
}

std::string_view deadly;
void die_there(const char* step) {
  if (deadly == step) std::_Exit(0);
}

// What `last` leaves that ends at the step.
void killed_at(const std::string& path, std::string_view step, const std::function<void(Store&)>& last) {
  run_child([&] {
    auto store = open(path, golden()).value();
    fill(store);
    deadly = step;
    step_hook = die_there;
    last(store);
    return 1;  // it was not passed
  });
}

void change_both(Store& store) {
  Batch batch;
  (void)store.put(batch.put("both/1", "new one").put("both/2", "new two").put("both/3", "new three"));
}

template <class Change>
void change_superblock(const std::string& path, Change change) {
  format::Superblock super = FileEdit(path).super();
  change(super);
  super.check = format::hash64(&super, offsetof(format::Superblock, check), 0);
  FileEdit(path).set(0, super);
}

void make_all(const std::string& folder) {
  const auto at = [&](const char* name) { return folder + "/" + name + ".durra"; };
  const auto closed = [&](const char* name) {
    auto store = open(at(name), golden()).value();
    fill(store);
    return at(name);
  };
  closed("clean");
  run_child([&] {  // a draft, a snapshot and a record are held, and nobody closes anything
    auto store = open(at("killed"), golden()).value();
    fill(store);
    const auto draft = store.draft("never", 500).value();
    const auto instant = store.snapshot().value();
    const auto record = store.get("run").value();
    std::_Exit(0);
    return 0;
  });
  killed_at(at("batch-laid"), "batch.4", change_both);
  killed_at(at("batch-pending"), "batch.5", change_both);
  killed_at(at("batch-fixed"), "batch.6", change_both);
  killed_at(at("put-published"), "put.5", [](Store& s) { (void)s.put("user/1", "published"); });
  killed_at(at("put-laid"), "put.4", [](Store& s) { (void)s.put("user/1", "laid down"); });
  for (const char* step : {"compact.copy", "compact.laid", "compact.swing", "compact.2"})
    killed_at(folder + "/" + step + ".durra", step, [](Store& s) {
      for (int i = 0; i < 80; ++i) s.put("over", std::string(5'000, static_cast<char>('a' + i % 26))).value();
      CompactOptions now;
      now.keep_erased = std::chrono::milliseconds(0);
      (void)compact(s, now);
    });

  const FileEdit payload(closed("damaged-payload"));
  payload.flip(payload.find("user/7").payload_at);
  const FileEdit header(closed("damaged-header"));
  header.flip(header.find("user/7").at + 8);
  const FileEdit cut(closed("truncated"));
  cut.cut(cut.region_at(1));
  change_superblock(closed("version-99"), [](auto& s) { s.version = 99; });
  change_superblock(closed("feature-unknown"), [](auto& s) { s.features_incompatible = 1ull << 40; });
  change_superblock(closed("feature-read-only"), [](auto& s) { s.features_read_only = 1ull << 40; });
  change_superblock(closed("other-layout"), [](auto& s) { s.layout_fingerprint ^= 1; });
}

}  // namespace
}  // namespace durra::test

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("golden_make FOLDER\n", stderr), 2;
  durra::test::make_all(argv[1]);
  return 0;
}
