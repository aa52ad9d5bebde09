// The operations whose calls to the operating system are made to fail.
#include "tests/proof/faults/scenes.h"

#include <cstring>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "format/leaf.h"
#include "store/handle.h"
#include "tests/support/crowd.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

using std::chrono::milliseconds;

void nothing(World&) {}
void full_of_records(World& w) { w.fill(); }
void closed(World& w) { w.fill_and_close(); }
void dead(World& w) { w.fill_and_die(); }
void on_disk(World& w) {
  w.fill();
  w.watch_the_disk();
}
void beside_another(World& w) {
  w.fill();
  w.witness.emplace(durra::open(w.path, w.options()).value());
}
void another_has_it(World& w) {
  beside_another(w);
  w.store.reset();
}
// A file that this machine does not know: its index is not trusted.
void brought_here(World& w) {
  w.fill_and_close();
  std::filesystem::rename(w.path, w.path + ".old");
  std::filesystem::copy_file(w.path + ".old", w.path);
  std::filesystem::remove(w.path + ".old");
}

Options with_mode(const World& w, Mode mode) {
  Options o = w.options();
  o.mode = mode;
  return o;
}
Options to_rebuild(const World& w) {
  Options o = w.options();
  o.rebuild = true;
  return o;
}

void open_and_look(World& w) {
  w.open(w.options());
  if (w.store) w.look();
}
void open_for_rebuild(World& w) {
  w.open(to_rebuild(w));
  if (w.store) w.look();
}
void open_read_only(World& w) {
  auto reader = durra::open(w.path, with_mode(w, Mode::read_only));
  if (!w.ok(reader, "open read-only", {Code::read_only})) return;  // an identity that nobody tells is another one
  w.store.emplace(*std::move(reader));
  w.look();
  w.store.reset();
}

// Nothing is left of a creation that failed, except where it had its name already.
void create_new(World& w) {
  w.open(with_mode(w, Mode::create_new));
  for (const auto& e : std::filesystem::directory_iterator(std::filesystem::path(w.path).parent_path()))
    if (e.path() != w.path) throw std::runtime_error("creation leaves " + e.path().filename().string());
}

void rebuild_beside_another(World& w) {
  auto second = durra::open(w.path, to_rebuild(w));
  if (second) throw std::runtime_error("rebuilt under a living participant");
  w.may(second.error(), "open for a rebuild", {Code::busy});
}

// Only the last one may say that all of it is on the disk.
void close_beside_another(World& w) {
  w.store.reset();
  if (shared::guarded_load(detail::handle_of(*w.witness)->space.control().clean) != format::kDirty)
    throw std::runtime_error("marked clean while another participant lives");
}
void close_alone(World& w) { w.store.reset(); }

void put_small(World& w) {
  w.put("key/1", "new");
  w.put("fresh", "new");
}
void put_until_a_region_is_claimed(World& w) {
  for (int i = 0; i < 4; ++i) w.put("claim/" + std::to_string(i), noise(25'000, static_cast<std::uint64_t>(i)));
}
void put_run(World& w) {
  w.put("run", noise(150'000, 8));
  w.put("run/2", noise(70'000, 9));
}
// A leaf fills up, is copied into larger ones, and is split.
void put_until_the_index_grows(World& w) {
  const detail::Space& space = detail::handle_of(*w.store)->space;
  static const auto names = crowded_names(40, space.seed());
  for (int i = 0; i < 3'000; ++i) w.put("grow/" + std::to_string(i), "x");  // the index needs another region
  for (const std::string& name : names) w.put(name, "x");
  const bool split = format::unpack_node(shared::parent_load(space.root(kCrowdedRoot))).inner;
  if (w.injector.hits() == 0 && !split) throw std::runtime_error("no leaf was split");
}
void erase_some(World& w) {
  w.erase("key/1");
  w.erase("run");
  w.erase("key/3");
}

void conditional(World& w) {
  const auto before = w.store->get("key/1");
  if (!w.ok(before, "get")) return;
  const auto put = w.store->put_if("key/1", "changed", before->stamp());
  if (put || w.happened(put.error(), "put_if")) w.note("key/1", "changed");
  const auto stale = w.store->put_if("key/1", "never", before->stamp());
  if (stale && put) throw std::runtime_error("put_if under an old stamp said ok");
  if (stale) w.note("key/1", "never");
  if (!stale) w.may(stale.error(), "put_if", {Code::conflict});
  const auto updated = w.store->update("key/2", [](const Record*) { return "updated"; });
  if (updated || w.happened(updated.error(), "update")) w.note("key/2", "updated");
}

void draft_and_publish(World& w) {
  for (const std::size_t size : {3'000u, 50'000u, 100'000u}) {
    const std::string key = "draft/" + std::to_string(size), value = noise(size);
    auto draft = w.store->draft(key, size);
    if (!w.ok(draft, "draft")) continue;
    std::memcpy(draft->bytes().data(), value.data(), size);
    const auto done = std::move(*draft).publish();
    if (done || w.happened(done.error(), "publish")) w.note(key, value);
  }
}

void put_batches(World& w) {
  w.batch({{"both/1", "1"}, {"both/2", "2"}, {"key/7", std::nullopt}});
  w.batch({{"both/1", noise(30'000)}, {"both/2", noise(20'000)}, {"both/3", "3"}});
  w.batch({{"both/1", noise(60'000)}, {"both/2", noise(50'000)}});
}

void append_events(World& w) {
  std::size_t appended = 0, there = 0;
  for (int i = 0; i < 8; ++i) {
    const auto done = w.store->append("events", noise(12'000));
    appended += w.ok(done, "append");
  }
  w.injector.heal();
  for ([[maybe_unused]] const Record& r : w.store->records("events/")) ++there;
  if (there != appended)
    throw std::runtime_error(std::to_string(appended) + " appended, " + std::to_string(there) + " there");
}

// A thread that has no seat yet.
void from_a_new_thread(World& w) {
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      w.look();
      w.put("thread", "new");
      w.put("thread", noise(40'000));
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

void look(World& w) { w.look(); }

void sync_twice(World& w) {
  w.put("key/1", "synced");
  w.sync();
  w.erase("key/2");
  w.put("run", noise(100'000, 3));
  w.sync();
}
void put_durably(World& w) {
  const Put power{.durability = Durability::power};
  w.put("key/1", "durable", power);
  w.put("key/1", "more durable", power);
  w.put("claim", noise(40'000), power);
  w.put("run", noise(90'000), power);
  w.batch({{"both/1", "1"}, {"both/2", "2"}}, power);
}
void put_at_intervals(World& w) {
  Options o = w.options();
  o.durability = Durability::interval;
  o.sync_interval = milliseconds(1);
  w.open(o);
  if (!w.store) return;
  for (int i = 0; i < 3; ++i) {
    w.put("interval", std::to_string(i));
    os::nap(milliseconds(1));  // a signal ends it; sleep_for would begin anew, for ever
  }
  w.store.reset();
}

void compact_all(World& w) {
  w.ok(compact(*w.store), "compact");
  w.look();
}
void sweep(World& w) {
  w.ok(compact(*w.store, {.keep_erased = milliseconds(0)}), "compact");
  w.ok(compact(*w.store, {.keep_erased = milliseconds(0)}), "compact");
}
// Garbage until writers compact for themselves.
void overwrite_for_long(World& w) {
  for (int i = 0; i < 80; ++i) w.put("over/" + std::to_string(i % 5), noise(12'000, static_cast<std::uint64_t>(i)));
}

void follow(World& w) {
  auto tail = Tail::open(*w.store, "name");
  if (!w.ok(tail, "Tail::open")) return;
  for (int i = 0; i < 5; ++i) {
    const auto next = tail->next(milliseconds(0));
    w.ok(next, "next");
  }
  w.ok(tail->save(), "save");
  w.put("key/9", "newer");
  Batch batch;
  batch.put("key/10", "with the position");
  tail->save(batch);
  const auto done = w.store->put(batch);
  if (done || (done.error().code != Code::conflict && w.happened(done.error(), "batch of a tail")))
    w.note("key/10", "with the position");
  const auto now = Tail::from_now(*w.store);
  w.ok(now, "from_now");
}
void wait_for_a_change(World& w) {
  const auto seen = w.store->get("key/1");
  if (!w.ok(seen, "get")) return;
  w.ok(w.store->wait("key/1", seen->stamp(), milliseconds(1)), "wait", {Code::timeout});
  w.put("key/1", "newer");
  const auto newer = w.store->wait("key/1", seen->stamp(), milliseconds(1));
  if (newer && newer->text() != w.model().at("key/1")) throw std::runtime_error("wait answers another version");
  if (!newer) w.may(newer.error(), "wait", {Code::timeout});
}

void compare_copy(World& w, const std::string& copy) {
  w.injector.heal();
  const auto opened = durra::open(copy, w.options());
  if (!opened) throw std::runtime_error("the copy: open answers " + opened.error().message());
  w.compare(*opened, "the copy");
}
void back_up(World& w) {
  const std::string copy = w.path + ".copy";
  if (w.ok(backup(*w.store, copy), "backup")) return compare_copy(w, copy);
  if (std::filesystem::exists(copy)) compare_copy(w, copy);  // it had its name already: then it is whole
}
void recover_all(World& w) {
  const std::string copy = w.path + ".copy";
  const auto saved = recover(w.path, copy);
  if (w.ok(saved, "recover")) {
    if (saved->damage.empty()) return compare_copy(w, copy);  // nothing is lost that nobody speaks of
    w.may(saved->damage[0].error, "recover");
    return;
  }
  if (std::filesystem::exists(copy)) compare_copy(w, copy);
}
void verify_all(World& w) {
  const auto verdict = verify(w.path);
  if (w.ok(verdict, "verify") && !verdict->damage.empty()) w.may(verdict->damage[0].error, "verify");
}
void inspect(World& w) {
  w.ok(stats(*w.store), "stats");
  w.ok(regions(*w.store), "regions");
  w.ok(participants(*w.store), "participants");
}

}  // namespace

const std::vector<Scene>& scenes() {
  static const std::vector<Scene> all = {
      {"create", nothing, create_new},
      {"open-clean", closed, open_and_look},
      {"open-warm", another_has_it, open_and_look},
      {"open-after-death", dead, open_and_look},
      {"open-elsewhere", brought_here, open_and_look},
      {"open-rebuild", closed, open_for_rebuild},
      {"open-rebuild-after-death", dead, open_for_rebuild},
      {"open-rebuild-beside-another", another_has_it, rebuild_beside_another},
      {"open-read-only", closed, open_read_only},
      {"open-read-only-beside-another", another_has_it, open_read_only},
      {"close", full_of_records, close_alone},
      {"close-beside-another", beside_another, close_beside_another},
      {"put", full_of_records, put_small},
      {"put-claim", full_of_records, put_until_a_region_is_claimed},
      {"put-run", full_of_records, put_run},
      {"put-grow", full_of_records, put_until_the_index_grows},
      {"erase", full_of_records, erase_some},
      {"conditional", full_of_records, conditional},
      {"draft", full_of_records, draft_and_publish},
      {"batch", full_of_records, put_batches},
      {"append", full_of_records, append_events},
      {"look", full_of_records, look},
      {"new-thread", full_of_records, from_a_new_thread},
      {"sync", on_disk, sync_twice},
      {"power", on_disk, put_durably},
      {"interval", closed, put_at_intervals},
      {"compact", full_of_records, compact_all},
      {"compact-on-disk", on_disk, compact_all},
      {"sweep", full_of_records, sweep},
      {"overwrite", full_of_records, overwrite_for_long},
      {"tail", full_of_records, follow},
      {"wait", full_of_records, wait_for_a_change},
      {"backup", full_of_records, back_up},
      {"recover", closed, recover_all},
      {"verify", closed, verify_all},
      {"verify-beside-another", another_has_it, verify_all},
      {"inspect", beside_another, inspect},
  };
  return all;
}

}  // namespace durra::test
