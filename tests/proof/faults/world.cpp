// One store, what it must hold, and how its answers are judged while calls to the operating system fail.
#include "tests/proof/faults/world.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "store/handle.h"
#include "tests/support/stores.h"
#include "tools/torture/judge.h"

namespace durra::test {
namespace {

using Value = std::optional<std::string>;

struct Change {
  std::string key;
  Value value;
};

// What every full world has gone through.
std::vector<Change> story_of_a_world() {
  std::vector<Change> all;
  for (int round = 0; round < 2; ++round)
    for (unsigned i = 0; i < 24; ++i) {
      const unsigned seed = i * 2 + static_cast<unsigned>(round);
      all.push_back({"key/" + std::to_string(i), noise(20 + i * 97 % 900, seed)});
    }
  for (unsigned i = 0; i < 3; ++i) all.push_back({"big/" + std::to_string(i), noise(20'000, i)});
  all.push_back({"run", noise(90'000, 7)});
  for (const char* erased : {"key/3", "key/5", "big/1"}) all.push_back({erased, std::nullopt});
  return all;
}

void make(const Change& c, Store& store) {
  if (c.value)
    store.put(c.key, *c.value).value();
  else
    store.erase(c.key).value();
}

std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

bool is_mapped(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(path) != line.npos) return true;
  return false;
}

std::string said(const Value& v) { return !v ? "(absent)" : v->substr(0, 24) + " (" + std::to_string(v->size()) + ")"; }

}  // namespace

World::World(std::string folder, Injector& i)
    : path(std::move(folder) + "/s.durra"), injector(i), descriptors_(open_descriptors()) {}

World::~World() {
  injector.tell(nullptr);
  disk_.reset();
  os::set_faults(&injector);
}

Options World::options() const {
  Options o = small(4_MiB, 8);
  o.patience = std::chrono::milliseconds(3);
  return o;
}

void World::wrong(const std::string& story) const { throw std::runtime_error(story); }

void World::fill() {
  store.emplace(durra::open(path, options()).value());
  for (const Change& c : story_of_a_world()) {
    make(c, *store);
    note(c.key, c.value);
  }
  Batch batch;
  store->put(batch.put("both/1", "one").put("both/2", "two")).value();
  note("both/1", "one");
  note("both/2", "two");
}

void World::fill_and_close() {
  fill();
  store.reset();
}

void World::fill_and_die() {
  fill_and_close();
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto mine = durra::open(path, options()).value();
    const auto draft = mine.draft("never", 3'000).value();
    const auto instant = mine.snapshot().value();
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    timer_t timer;
    const itimerspec when{{0, 0}, {0, 30'000}};
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || ::timer_settime(timer, 0, &when, nullptr) != 0)
      ::raise(SIGKILL);
    for (int n = 0;; ++n) {
      const std::string value = std::to_string(n);
      Batch both;
      if (!mine.put(both.put("pair/1", value).put("pair/2", value))) ::raise(SIGKILL);
    }
  }
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    wrong("the process that was to die did not");
  pairs_ = true;
}

void World::watch_the_disk() {
  store->sync().value();
  durable_ = model_;
  disk_ = std::make_unique<Disk>(path, detail::handle_of(*store)->map.base(), 1);
  os::set_faults(&injector);
  injector.tell(disk_.get());
}

// ---- Answers ------------------------------------------------------------------------------------------------------
bool World::may(const Error& e, const char* what, const std::set<Code>& also) const {
  const int fault = injector.errno_value();
  if (also.contains(e.code) || expected_.contains(e.code)) return true;
  if (injector.hits() > 0) {
    if (e.code == Code::io && e.errno_value == fault) return true;
    if (e.code == Code::full && (fault == ENOSPC || e.errno_value == fault)) return true;
    if (e.code == Code::sync_lost && injector.sync_failed()) return true;
    // A byte that cannot be locked is held by somebody: the lock of openers, or every seat.
    if (fault == EAGAIN && (e.code == Code::busy || e.code == Code::full)) return true;
    // What waits for a flush is never free again once one has failed.
    if (e.code == Code::full && injector.sync_failed()) return true;
  }
  wrong(std::string(what) + " answers " + e.message());
}

bool World::happened(const Error& e, const char* what) const {
  may(e, what);
  return e.code == Code::sync_lost;  // the record is there for everybody
}

void World::open(const Options& o, std::set<Code> also) {
  auto opened = durra::open(path, o);
  if (ok(opened, "open", also)) store.emplace(*std::move(opened));
}

void World::put(const std::string& key, const std::string& value, const Put& how) {
  const auto done = store->put(key, value, how);
  lost_ |= !done && done.error().code == Code::sync_lost;
  if (done) note(key, value);
  if (!done && happened(done.error(), "put")) note_unsure(key, value);
  if (!done || how.durability != Durability::power) return;
  if (injector.sync_failed() && injector.errno_value() != EINTR) wrong("a durable put said ok after a failed flush");
  durable_[key] = value;
}

void World::erase(const std::string& key) {
  const auto done = store->erase(key);
  const bool was_there = model_[key].has_value();
  if (!done && done.error().code == Code::not_found && !was_there) return;
  if (done && !was_there) wrong("erased " + key + ", which was not there");
  if (done) note(key, std::nullopt);
  if (!done && happened(done.error(), "erase")) note_unsure(key, std::nullopt);
}

void World::batch(const std::map<std::string, Value>& changes, const Put& how) {
  Batch batch;
  for (const auto& [key, value] : changes) value ? batch.put(key, *value) : batch.erase(key);
  const auto done = store->put(batch, how);
  lost_ |= !done && done.error().code == Code::sync_lost;
  const bool unsure = !done && happened(done.error(), "batch");
  for (const auto& [key, value] : changes) {
    if (unsure) note_unsure(key, value);
    if (!done) continue;
    note(key, value);
    if (how.durability == Durability::power) durable_[key] = value;
  }
}

void World::sync() {
  const auto done = store->sync();
  lost_ |= !done && done.error().code == Code::sync_lost;
  if (!ok(done, "sync")) return;
  if (injector.sync_failed() && injector.errno_value() != EINTR) wrong("a sync said ok after a failed flush");
  durable_ = model_;
}

void World::look() {
  const auto judge = [&](const std::string& key, const Value& value, const Result<Record>& seen) {
    if (!seen && value && seen.error().code == Code::not_found) wrong("get of " + key + " answers not_found");
    if (!seen) return void(may(seen.error(), "get", {Code::not_found}));
    if (!value || seen->text() != *value) wrong("get of " + key + " answers " + said(seen->str()));
  };
  for (const auto& [key, value] : model_) judge(key, value, store->get(key));
  std::size_t met = 0, live = 0;
  auto all = store->records();
  for (const Record& r : all) {
    const auto it = model_.find(std::string(r.key()));
    if (r.key().starts_with("pair/")) continue;
    if (it == model_.end() || it->second != r.text()) wrong("a scan shows " + std::string(r.key()));
    ++met;
  }
  for (const auto& [key, value] : model_) live += value.has_value();
  if (ok(all.status(), "scan") && met != live) wrong("a scan left something out and said nothing");
  const auto instant = store->snapshot();
  if (!ok(instant, "snapshot", {Code::read_only})) return;
  for (const auto& [key, value] : model_) judge(key, value, instant->get(key));
}

// ---- Afterwards -----------------------------------------------------------------------------------------------------
void World::compare(const Store& s, const char* where) const {
  for (const auto& [key, value] : model_) {
    const auto seen = s.get(key);
    if (!seen && seen.error().code != Code::not_found)
      wrong(std::string(where) + ": get of " + key + " answers " + seen.error().message());
    if (seen.operator bool() != value.has_value() || (seen && seen->text() != *value))
      wrong(std::string(where) + ": " + key + " is " + said(seen ? Value(seen->str()) : Value()) + ", must be " +
            said(value));
  }
  std::size_t met = 0, live = 0;
  auto all = s.records();
  for (const Record& r : all) {
    met += model_.contains(std::string(r.key()));
    if (r.key() == "never") wrong(std::string(where) + ": a draft that was never published is there");
  }
  for (const auto& [key, value] : model_) live += value.has_value();
  if (auto whole = all.status(); !whole) wrong(std::string(where) + ": scan answers " + whole.error().message());
  if (met != live) wrong(std::string(where) + ": a scan shows " + std::to_string(met) + " of " + std::to_string(live));
  if (!pairs_) return;
  const auto one = s.get("pair/1"), two = s.get("pair/2");
  if (shown(one) != shown(two)) wrong(std::string(where) + ": half of a batch is there");
}

void World::judge_usable(Store& s, const char* where) {
  for (const char* probe : {"probe/1", "probe/2"}) {
    if (auto put = s.put(probe, "x"); !put) wrong(std::string(where) + ": put answers " + put.error().message());
    if (shown(s.get(probe)) != "x") wrong(std::string(where) + ": what was put is not there");
    if (auto gone = s.erase(probe); !gone) wrong(std::string(where) + ": erase answers " + gone.error().message());
  }
  if (!lost_) return;
  const auto synced = s.sync();
  if (synced || synced.error().code != Code::sync_lost) wrong(std::string(where) + ": the failed flush is forgotten");
}

void World::judge_power_cut() {
  if (!disk_) return;
  const std::string left = path + ".cut";
  disk_->cut_all(left);
  injector.tell(nullptr);
  disk_.reset();
  os::set_faults(&injector);
  {
    const auto s = durra::open(left, options());
    if (!s) wrong("after a power cut: open answers " + s.error().message());
    for (const auto& [key, value] : durable_) {
      const auto seen = s->get(key);
      const Value v = seen ? Value(seen->str()) : Value();
      if (v != value && v != model_.at(key) && std::ranges::count(unsure_[key], v) == 0)
        wrong("after a power cut: " + key + " is " + said(v) + ", was durable as " + said(value));
    }
  }
  std::filesystem::remove(left);
}

void World::judge_closed() const {
  if (is_mapped(path)) wrong("a mapping is left over");
  if (open_descriptors() != descriptors_) wrong("a descriptor is left over");
  auto file = os::open(path, os::Access::read_write);
  if (!file && model_.empty()) return;  // its creation has failed
  if (!file) wrong("the file is gone: " + file.error().message());
  for (const auto& [from, count] : {std::pair{format::kLockSeats, 1ull << 33}, {format::kLockEpoch, 1ull << 40}})
    if (const auto held = os::is_held(*file, from, count); !held || *held != 0) wrong("a lock is left over");
}

void World::judge() {
  injector.heal();
  expected_.clear();
  if (store) judge_usable(*store, "the same handle");
  if (store) compare(*store, "the same handle");
  judge_power_cut();
  if (witness) judge_usable(*witness, "another participant");
  if (witness) compare(*witness, "another participant");
  store.reset();
  witness.reset();
  judge_closed();
  for (const bool rebuild : {false, true}) {
    Options o = options();
    o.rebuild = rebuild;
    const char* where = rebuild ? "after a rebuild" : "opened again";
    store.emplace([&] {
      auto opened = durra::open(path, o);
      if (!opened) wrong(std::string(where) + ": open answers " + opened.error().message());
      return *std::move(opened);
    }());
    compare(*store, where);
    judge_usable(*store, where);
    const auto left = tools::leaks(*store);
    if (!left || left->seats + left->regions + left->pins != 0) wrong(std::string(where) + ": something is left over");
    store.reset();
    const auto verdict = verify(path);
    if (!verdict) wrong(std::string(where) + ": verify answers " + verdict.error().message());
    for (const Finding& f : verdict->damage) wrong(std::string(where) + ": " + f.error.message() + " " + f.what);
  }
  judge_closed();
}

}  // namespace durra::test
