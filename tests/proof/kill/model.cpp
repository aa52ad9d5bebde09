// The comparison of a store with what it must hold.
#include "tests/proof/kill/model.h"

#include <sys/resource.h>

#include <optional>
#include <stdexcept>

namespace durra::test {
namespace {

std::string told(const Error& e) { return e.message(); }

std::string name_of(const Record& r) { return r.is_text() ? std::string(r.key()) : "#" + std::to_string(r.id()); }

// The part of an appended record's key that nobody can know beforehand.
bool is_appended(const std::string& name) { return name.rfind("log/", 0) == 0; }

Model scanned(Records records, const char* what) {
  Model all;
  for (Record& r : records) {
    require(bool(r.intact()), std::string(what) + ": " + name_of(r) + " is not intact");
    require(all.emplace(name_of(r), r.str()).second, std::string(what) + " shows " + name_of(r) + " twice");
  }
  require(bool(records.status()), std::string(what) + ": " + (records.status() ? "" : told(records.status().error())));
  return all;
}

Model named(const Model& records) {
  Model all;
  std::map<std::string, int> appended;
  for (const auto& [k, v] : records) {
    const std::string log = is_appended(k) ? k.substr(0, k.find('/', 4)) : "";
    all.emplace(log.empty() ? k : log + "/" + std::to_string(appended[log]++), v);
  }
  return all;
}

std::string shown(const std::string& value) {
  return "\"" + value.substr(0, 12) + "\" (" + std::to_string(value.size()) + ")";
}

// Sleeps of this thread so far: none is needed where nobody waits for anybody.
long sleeps() {
  rusage u{};
  ::getrusage(RUSAGE_THREAD, &u);
  return u.ru_nvcsw;
}

template <class T>
void require_done(const Result<T>& done, const std::string& what) {
  require(bool(done), what + ": " + (done ? "" : told(done.error())));
}
template <class T>
void require_refused(const Result<T>& done, Code code, const std::string& what) {
  require(!done && done.error().code == code, what + ": " + (done ? "ok" : told(done.error())));
}

void require_value(const Store& s, const std::string& key, const std::string& value) {
  const auto r = s.get(key_of(key));
  require_done(r, "get " + key);
  require(r->str() == value, "get " + key + " is " + shown(r->str()));
}

}  // namespace

Key key_of(const std::string& name) {
  if (name[0] == '#') return Key(std::stoull(name.substr(1)));
  return Key(name);
}

void require(bool holds, const std::string& complaint) {
  if (!holds) throw std::runtime_error(complaint);
}

std::string difference(const Model& seen, const Model& expected) {
  std::string all;
  for (const auto& [k, v] : expected) {
    const auto at = seen.find(k);
    if (at == seen.end()) all += " " + k + " is missing";
    if (at != seen.end() && at->second != v) all += " " + k + " is " + shown(at->second) + ", not " + shown(v);
  }
  for (const auto& [k, v] : seen)
    if (!expected.contains(k)) all += " " + k + " should not be there";
  return all;
}

Model glance(const Store& s) { return named(scanned(s.records(), "the scan")); }

Model content(const Store& s, const std::set<std::string>& keys) {
  std::map<std::string, std::optional<std::string>> got;
  for (const auto& k : keys) {
    if (is_appended(k)) continue;
    const auto r = s.get(key_of(k));
    if (!r) require_refused(r, Code::not_found, "get " + k);
    got.emplace(k, r ? std::optional(r->str()) : std::nullopt);
  }
  const auto snapshot = s.snapshot();
  require_done(snapshot, "snapshot");
  const Model then = scanned(snapshot->records(), "the snapshot");
  const Model now = scanned(s.records(), "the scan");
  require(now == then, "the scan differs from the snapshot:" + difference(now, then));
  for (const auto& [k, value] : got) {
    const auto at = now.find(k);
    require(value ? at != now.end() && at->second == *value : at == now.end(), "get and the scan differ: " + k);
    const auto old = snapshot->get(key_of(k));
    require(value ? old && old->str() == *value : !old, "get and the snapshot's get differ: " + k);
  }
  return named(now);
}

void require_nothing_left(const Store& s, const std::string& path) {
  std::set<std::uint32_t> living;
  for (const SeatInfo& p : participants(s).value()) {
    require(p.alive, "seat " + std::to_string(p.seat) + " of a dead one is left");
    living.insert(p.seat);
  }
  std::uint64_t counted = 0, empty = 0;
  for (const RegionInfo& r : regions(s).value()) {
    const std::string which = "region " + std::to_string(r.number) + " of a dead one is " + r.state;
    counted += r.regions;
    require(r.state != "claimed", which);
    require(r.state != "compacting" || living.contains(r.owner_seat), which);
    if (r.type != "data") continue;
    require(r.state != "open" || living.contains(r.owner_seat), which);
    empty += r.state == "sealed" && r.records == 0;
  }
  const auto verdict = verify(path);
  require_done(verdict, "verify");
  require(empty <= verdict->torn_tails, "a sealed region holds nothing");
  require(counted == stats(s).value().region_count, "a part of a run belongs to nobody");
}

void require_undamaged(const std::string& path) {
  const auto verdict = verify(path);
  require_done(verdict, "verify");
  for (const Finding& f : verdict->damage) require(false, "verify: " + f.error.message() + ": " + f.what);
}

void require_usable(Store& s, const std::string& key) {
  const long before = sleeps();
  const Key k = key_of(key);
  std::string was;
  bool there = false;
  if (auto r = s.get(k)) {
    there = true;
    was = r->str();
  }
  const auto stamp = s.put(k, "usable");
  require_done(stamp, "put " + key);
  require_value(s, key, "usable");
  require_refused(s.put_if(k, "no", absent), Code::conflict, "put_if absent " + key);
  require_done(s.put_if(k, "again", *stamp), "put_if " + key);
  require_done(s.erase(k), "erase " + key);
  require_refused(s.get(k), Code::not_found, "get of what was erased, " + key);
  require_refused(s.erase(k), Code::not_found, "second erase, " + key);
  require_done(s.put(Batch().put_if(k, "batched", absent).put("beside", key)), "batch with " + key);
  require_value(s, key, "batched");
  Batch back;
  back.erase("beside");
  there ? back.put(k, was) : back.erase(k);
  require_done(s.put(back), "batch that puts back " + key);
  require(sleeps() == before, "it slept while it worked on " + key);
}

}  // namespace durra::test
