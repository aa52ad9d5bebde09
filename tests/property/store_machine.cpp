// Random histories of a store against a std::map: every function of its face, several handles, kept snapshots and
// Records, rebuilds, and processes that are killed.  A failure prints the shortest history that fails, and with it the
// RC_PARAMS that repeat it.  Longer: RC_PARAMS="max_success=5000" build/property
#include <durra/care.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;
using test::shown;

// ---- Vocabulary -----------------------------------------------------------------------------------------------------
// Keys that are easily confused.
const std::string kLongest(1024, 'k'), kNearlyLongest(1023, 'k'), kBytes("\xff\0\xff", 3);
const std::vector<Key> kKeys{7, "7", 0, -1, "a", "ab", "abc", 1 << 30, Key(kLongest), Key(kNearlyLongest), Key(kBytes)};

int index_of(const Record& r) {
  for (std::size_t i = 0; i < kKeys.size(); ++i)
    if (kKeys[i].is_text() == r.is_text() && (r.is_text() ? kKeys[i].text() == r.key() : kKeys[i].id() == r.id()))
      return static_cast<int>(i);
  return -1;
}
const Key& key(int i) { return kKeys[static_cast<std::size_t>(i)]; }

// A payload by recipe, so that a printed history is short.
struct Payload {
  std::size_t size = 0;
  std::uint64_t seed = 0;
  bool soft = false;  // compresses well
  std::string bytes() const { return soft ? std::string(size, static_cast<char>('a' + seed % 26)) : noise(size, seed); }
};
std::ostream& operator<<(std::ostream& os, const Payload& p) {
  return os << (p.soft ? "soft " : "") << p.size << " bytes #" << p.seed;
}

using Contents = std::map<int, Payload>;

struct Model {
  Contents now;
  std::size_t handles = 1;
  std::vector<Contents> snapshots;
  std::vector<Payload> records;
};

// What runs.  Stamps are known here only: the model does not say which number a version gets.
struct System {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  std::vector<Store> handles;
  std::vector<Snapshot> snapshots;
  std::vector<Record> records;
  std::map<int, std::vector<Stamp>> stamps;  // of each key, in their order
  int copies = 0;

  static Options options() { return test::small(64_MiB, 16); }
  System() { handles.push_back(open(path, options()).value()); }

  Store& handle(unsigned i) { return handles[i % handles.size()]; }
  void changed(int k, Stamp s) {
    auto& all = stamps[k];
    RC_ASSERT(s != absent);
    if (!all.empty()) RC_ASSERT(s > all.back());
    all.push_back(s);
  }
  // A stamp that the key does not have now.
  Stamp stale(int k, unsigned which) const {
    const auto at = stamps.find(k);
    if (at == stamps.end() || at->second.size() < 2) return Stamp{0x7777'0000};
    return at->second[which % (at->second.size() - 1)];
  }
};

void check_contents(const Contents& expected, Records records) {
  Contents left = expected;
  for (Record& r : records) {
    const auto at = left.find(index_of(r));
    RC_ASSERT(at != left.end());  // unknown, erased, or shown twice
    RC_ASSERT(r.text() == at->second.bytes());
    left.erase(at);
  }
  RC_ASSERT(outcome(records.status()) == "ok");
  RC_ASSERT(left.empty());
}

template <class From>
void check_get(const Contents& expected, const From& from, int k) {
  const auto record = from.get(key(k));
  const auto at = expected.find(k);
  RC_ASSERT(outcome(record) == (at == expected.end() ? "not_found" : "ok"));
  if (!record) return;
  RC_ASSERT(record->text() == at->second.bytes());
  RC_ASSERT(index_of(*record) == k);
  RC_ASSERT(outcome(record->intact()) == "ok");
}

void check_all(const Model& m, System& s, unsigned handle) {
  for (int k = 0; k < static_cast<int>(kKeys.size()); ++k) {
    check_get(m.now, s.handle(handle), k);
    const auto record = s.handle(handle).get(key(k));
    if (record) RC_ASSERT(record->stamp() == s.stamps.at(k).back());
  }
  check_contents(m.now, s.handle(handle).records());
}

// ---- Generators -----------------------------------------------------------------------------------------------------
rc::Gen<int> some_key() { return rc::gen::inRange(0, static_cast<int>(kKeys.size())); }
rc::Gen<Payload> some_payload() {
  using rc::gen::inRange;
  const auto size = rc::gen::weightedOneOf<std::size_t>({{6, inRange<std::size_t>(0, 200)},
                                                         {3, inRange<std::size_t>(200, 9'000)},
                                                         {1, inRange<std::size_t>(60'000, 70'000)},
                                                         {1, inRange<std::size_t>(70'000, 400'000)}});
  return rc::gen::build<Payload>(rc::gen::set(&Payload::size, size),
                                 rc::gen::set(&Payload::seed, inRange<std::uint64_t>(0, 1000)),
                                 rc::gen::set(&Payload::soft));
}

using Command = rc::state::Command<Model, System>;

// One key, one handle.
struct OnKey : Command {
  int k = *some_key();
  unsigned by = *rc::gen::inRange(0u, 4u);
  std::string on() const {
    const Key& name = key(k);
    return (name.is_text() ? '"' + std::string(name.text().substr(0, 8)) + '"' : std::to_string(name.id())) +
           " by handle " + std::to_string(by);
  }
  bool there(const Model& m) const { return m.now.contains(k); }
};

// ---- Changes --------------------------------------------------------------------------------------------------------
struct DoPut : OnKey {
  Payload payload = *some_payload();
  bool compress = *rc::gen::arbitrary<bool>();
  std::uint32_t align = *rc::gen::element(8u, 8u, 8u, 64u, 4096u);
  void apply(Model& m) const override { m.now[k] = payload; }
  void run(const Model&, System& s) const override {
    const auto done = s.handle(by).put(key(k), payload.bytes(), {.compress = compress, .align = align});
    RC_ASSERT(outcome(done) == "ok");
    s.changed(k, *done);
    RC_ASSERT(shown(s.handle(by + 1).get(key(k))) == payload.bytes());
  }
  void show(std::ostream& os) const override {
    os << "put " << on() << ": " << payload << (compress ? ", compressed" : "") << ", align " << align;
  }
};

struct DoErase : OnKey {
  void apply(Model& m) const override { m.now.erase(k); }
  void run(const Model& m, System& s) const override {
    RC_ASSERT(outcome(s.handle(by).erase(key(k))) == (there(m) ? "ok" : "not_found"));
    RC_ASSERT(shown(s.handle(by + 1).get(key(k))) == "<not_found>");
  }
  void show(std::ostream& os) const override { os << "erase " << on(); }
};

// The version that a conditional change names.
enum class Seen { current, none, stale };
struct Conditional : OnKey {
  Seen seen = *rc::gen::element(Seen::current, Seen::none, Seen::stale);
  unsigned which = *rc::gen::inRange(0u, 8u);
  bool wins(const Model& m) const { return there(m) ? seen == Seen::current : seen != Seen::stale; }
  Stamp stamp(const Model& m, const System& s) const {
    if (seen == Seen::stale) return s.stale(k, which);
    return seen == Seen::none || !there(m) ? absent : s.stamps.at(k).back();
  }
  std::string name() const { return seen == Seen::current ? "current" : seen == Seen::none ? "absent" : "stale"; }
};

struct DoPutIf : Conditional {
  Payload payload = *some_payload();
  void apply(Model& m) const override {
    if (wins(m)) m.now[k] = payload;
  }
  void run(const Model& m, System& s) const override {
    const auto done = s.handle(by).put_if(key(k), payload.bytes(), stamp(m, s));
    RC_ASSERT(outcome(done) == (wins(m) ? "ok" : "conflict"));
    if (done) s.changed(k, *done);
  }
  void show(std::ostream& os) const override { os << "put_if " << on() << ": " << payload << " if " << name(); }
};

struct DoEraseIf : Conditional {
  void apply(Model& m) const override {
    if (wins(m)) m.now.erase(k);
  }
  void run(const Model& m, System& s) const override {
    const auto done = s.handle(by).erase_if(key(k), stamp(m, s));
    RC_ASSERT(outcome(done) == (!wins(m) ? "conflict" : there(m) ? "ok" : "not_found"));
  }
  void show(std::ostream& os) const override { os << "erase_if " << on() << " if " << name(); }
};

struct DoUpdate : OnKey {
  Payload payload = *some_payload();
  void apply(Model& m) const override { m.now[k] = payload; }
  void run(const Model& m, System& s) const override {
    std::string seen = "not called";
    const auto done = s.handle(by).update(key(k), [&](const Record* old) {
      seen = old ? old->str() : "<none>";
      return payload.bytes();
    });
    RC_ASSERT(outcome(done) == "ok");
    RC_ASSERT(seen == (there(m) ? m.now.at(k).bytes() : "<none>"));
    s.changed(k, *done);
  }
  void show(std::ostream& os) const override { os << "update " << on() << ": " << payload; }
};

struct DoDraft : OnKey {
  Payload payload = *some_payload();
  bool publish = *rc::gen::arbitrary<bool>();
  void apply(Model& m) const override {
    if (publish) m.now[k] = payload;
  }
  void run(const Model& m, System& s) const override {
    const std::string bytes = payload.bytes();
    auto draft = s.handle(by).draft(key(k), bytes.size());
    RC_ASSERT(outcome(draft) == "ok");
    std::ranges::copy(std::as_bytes(std::span(bytes)), draft->bytes().begin());
    check_get(m.now, s.handle(by), k);
    if (!publish) return;
    const auto done = (*std::move(draft)).publish();
    RC_ASSERT(outcome(done) == "ok");
    s.changed(k, *done);
  }
  void show(std::ostream& os) const override {
    os << "draft " << on() << ": " << payload << (publish ? ", published" : ", dropped");
  }
};

// One change of a list of them, and how a batch names the version that must be there.
struct Change {
  int k = 0;
  bool erase = false;
  Payload payload;
  int condition = 0;  // 0–5: none; 6, 7: the current version; 8: absent; 9: a stale one
};
std::ostream& operator<<(std::ostream& os, const Change& c) {
  os << (c.erase ? "erase #" : "put #") << c.k;
  if (!c.erase) os << " " << c.payload;
  if (c.condition >= 6) os << " if " << (c.condition == 9 ? "stale" : c.condition == 8 ? "absent" : "current");
  return os;
}

using Changes = std::vector<Change>;
rc::Gen<Changes> some_changes(int size) {
  using rc::gen::set;
  return rc::gen::resize(
      size, rc::gen::container<Changes>(rc::gen::build<Change>(set(&Change::k, some_key()), set(&Change::erase),
                                                               set(&Change::payload, some_payload()),
                                                               set(&Change::condition, rc::gen::inRange(0, 10)))));
}

// All of its changes or none.  Of several of one key the last counts, and conditions stay.
struct DoBatch : Command {
  Changes changes = *some_changes(8);
  unsigned by = *rc::gen::inRange(0u, 4u);
  bool compress = *rc::gen::arbitrary<bool>();
  std::string expected(const Model& m) const {
    std::map<int, int> conditions;
    bool holds = true;
    for (const Change& c : changes) {
      if (c.condition < 6) continue;
      if (++conditions[c.k] > 1) return "invalid";
      const bool there = m.now.contains(c.k);
      holds = holds && (c.condition == 9 ? false : there ? c.condition != 8 : true);
    }
    return holds ? "ok" : "conflict";
  }
  void apply(Model& m) const override {
    if (expected(m) != "ok") return;
    for (const Change& c : changes) {
      if (c.erase)
        m.now.erase(c.k);
      else
        m.now[c.k] = c.payload;
    }
  }
  Stamp seen(const Change& c, const Model& m, const System& s) const {
    if (c.condition == 9) return s.stale(c.k, 0);
    return c.condition == 8 || !m.now.contains(c.k) ? absent : s.stamps.at(c.k).back();
  }
  Batch batch(const Model& m, const System& s) const {
    Batch b;
    for (const Change& c : changes) {
      if (c.erase && c.condition < 6) b.erase(key(c.k));
      if (c.erase && c.condition >= 6) b.erase_if(key(c.k), seen(c, m, s));
      if (!c.erase && c.condition < 6) b.put(key(c.k), c.payload.bytes());
      if (!c.erase && c.condition >= 6) b.put_if(key(c.k), c.payload.bytes(), seen(c, m, s));
    }
    return b;
  }
  void run(const Model& m, System& s) const override {
    const auto done = s.handle(by).put(batch(m, s), {.compress = compress});
    RC_ASSERT(outcome(done) == expected(m));
    if (!done) return;
    Model next = m;
    apply(next);
    std::optional<Stamp> one;
    for (const Change& c : changes) {
      const auto record = s.handle(by + 1).get(key(c.k));
      RC_ASSERT(static_cast<bool>(record) == next.now.contains(c.k));
      if (!record) continue;
      RC_ASSERT(!one || *one == record->stamp());
      one = record->stamp();
    }
    std::map<int, bool> noted;
    for (const Change& c : changes)
      if (next.now.contains(c.k) && !noted[c.k]) {
        noted[c.k] = true;
        s.changed(c.k, *one);
      }
  }
  void show(std::ostream& os) const override {
    os << "batch by handle " << by << (compress ? ", compressed {" : " {");
    for (const Change& c : changes) os << " " << c << ";";
    os << " }";
  }
};

// ---- Reads ----------------------------------------------------------------------------------------------------------
struct DoReadAll : Command {
  unsigned by = *rc::gen::inRange(0u, 4u);
  void run(const Model& m, System& s) const override {
    check_all(m, s, by);
    const auto found = s.handle(by).get_many(kKeys);
    for (std::size_t i = 0; i < kKeys.size(); ++i) {
      const auto at = m.now.find(static_cast<int>(i));
      RC_ASSERT(shown(found[i]) == (at == m.now.end() ? "<not_found>" : at->second.bytes()));
    }
    Contents with_a;
    for (const auto& [k, payload] : m.now)
      if (key(k).is_text() && key(k).text().starts_with("a")) with_a[k] = payload;
    check_contents(with_a, s.handle(by).records("a"));
  }
  void show(std::ostream& os) const override { os << "read everything by handle " << by; }
};

struct DoSnapshot : Command {
  unsigned by = *rc::gen::inRange(0u, 4u);
  void checkPreconditions(const Model& m) const override { RC_PRE(m.snapshots.size() < 4u); }
  void apply(Model& m) const override { m.snapshots.push_back(m.now); }
  void run(const Model&, System& s) const override { s.snapshots.push_back(s.handle(by).snapshot().value()); }
  void show(std::ostream& os) const override { os << "snapshot by handle " << by; }
};

struct DoCheckSnapshots : Command {
  bool drop = *rc::gen::arbitrary<bool>();
  void checkPreconditions(const Model& m) const override { RC_PRE(!m.snapshots.empty()); }
  void apply(Model& m) const override {
    if (drop) m.snapshots.erase(m.snapshots.begin());
  }
  void run(const Model& m, System& s) const override {
    for (std::size_t i = 0; i < m.snapshots.size(); ++i) {
      for (int k = 0; k < static_cast<int>(kKeys.size()); ++k) check_get(m.snapshots[i], s.snapshots[i], k);
      check_contents(m.snapshots[i], s.snapshots[i].records());
    }
    if (drop) s.snapshots.erase(s.snapshots.begin());
  }
  void show(std::ostream& os) const override { os << "check all snapshots" << (drop ? ", drop the oldest" : ""); }
};

struct DoHold : OnKey {
  void checkPreconditions(const Model& m) const override { RC_PRE(there(m) && m.records.size() < 20u); }
  void apply(Model& m) const override { m.records.push_back(m.now.at(k)); }
  void run(const Model&, System& s) const override { s.records.push_back(s.handle(by).get(key(k)).value()); }
  void show(std::ostream& os) const override { os << "hold " << on(); }
};

struct DoDropRecords : Command {
  void checkPreconditions(const Model& m) const override { RC_PRE(!m.records.empty()); }
  void apply(Model& m) const override { m.records.clear(); }
  void run(const Model& m, System& s) const override {
    for (std::size_t i = 0; i < m.records.size(); ++i) {
      RC_ASSERT(s.records[i].text() == m.records[i].bytes());
      RC_ASSERT(outcome(s.records[i].intact()) == "ok");
    }
    s.records.clear();
  }
  void show(std::ostream& os) const override { os << "check and drop the held records"; }
};

// ---- Handles and deaths ---------------------------------------------------------------------------------------------
struct DoOpen : Command {
  void checkPreconditions(const Model& m) const override { RC_PRE(m.handles < 4u); }
  void apply(Model& m) const override { ++m.handles; }
  void run(const Model&, System& s) const override {
    s.handles.push_back(open(s.path, System::options()).value());
    RC_ASSERT(stats(s.handles.back()).value().opened == Opened::warm);
  }
  void show(std::ostream& os) const override { os << "open another handle"; }
};

struct DoClose : Command {
  unsigned which = *rc::gen::inRange(0u, 4u);
  void checkPreconditions(const Model& m) const override { RC_PRE(m.handles > 1u); }
  void apply(Model& m) const override { --m.handles; }
  void run(const Model& m, System& s) const override {
    s.handles.erase(s.handles.begin() + static_cast<std::ptrdiff_t>(which % m.handles));
  }
  void show(std::ostream& os) const override { os << "close handle " << which; }
};

// Snapshots and Records keep their handles alive.
struct DoReopen : Command {
  bool rebuild = *rc::gen::arbitrary<bool>();
  void apply(Model& m) const override { m.handles = 1; }
  void run(const Model& m, System& s) const override {
    s.handles.clear();
    const bool alone = m.snapshots.empty() && m.records.empty();
    Options o = System::options();
    o.rebuild = rebuild;
    auto store = open(s.path, o);
    if (rebuild && !alone) {
      RC_ASSERT(outcome(store) == "busy");
      store = open(s.path, System::options());
    }
    RC_ASSERT(outcome(store) == "ok");
    const Opened how = stats(*store).value().opened;
    RC_ASSERT(how == (!alone ? Opened::warm : rebuild ? Opened::rebuilt : Opened::clean));
    s.handles.push_back(*std::move(store));
    Model next = m;
    apply(next);
    check_all(next, s, 0);
  }
  void show(std::ostream& os) const override { os << "close all and open" << (rebuild ? ", rebuilding" : ""); }
};

// A process of its own opens the store, makes its changes, and is killed once the last one is acknowledged; a draft
// that it never published dies with it.
struct DoDie : Command {
  Changes changes = *some_changes(5);
  bool together = *rc::gen::arbitrary<bool>();  // as one batch
  bool alone = *rc::gen::arbitrary<bool>();     // nobody else has it open: the next opener must trust or rebuild
  void checkPreconditions(const Model& m) const override {
    if (alone) RC_PRE(m.snapshots.empty() && m.records.empty());
  }
  void apply(Model& m) const override {
    if (alone) m.handles = 1;
    for (const Change& c : changes) {
      if (c.erase)
        m.now.erase(c.k);
      else
        m.now[c.k] = c.payload;
    }
  }
  int live_and_die(const std::string& path) const {
    auto mine = open(path, System::options());
    if (!mine) return 2;
    auto draft = mine->draft("never published", 100'000);
    if (!draft) return 3;
    Batch all;
    for (const Change& c : changes) {
      if (c.erase)
        all.erase(key(c.k));
      else
        all.put(key(c.k), c.payload.bytes());
    }
    if (together && !mine->put(all)) return 7;
    for (const Change& c : together ? Changes{} : changes) {
      const auto erased = c.erase ? mine->erase(key(c.k)) : Result<void>{};
      if (!erased && erased.error().code != Code::not_found) return 4;
      if (!c.erase && !mine->put(key(c.k), c.payload.bytes())) return 5;
    }
    ::kill(::getpid(), SIGKILL);
    return 6;
  }
  void run(const Model& m, System& s) const override {
    if (alone) s.handles.clear();
    const int status = test::run_child([&] { return live_and_die(s.path); });
    RC_ASSERT(status == SIGKILL);
    if (alone) {
      s.handles.push_back(open(s.path, System::options()).value());
      const Opened how = stats(s.handle(0)).value().opened;
      RC_ASSERT((how == Opened::same_boot || how == Opened::rebuilt));
    }
    Model next = m;
    apply(next);
    for (const auto& [k, payload] : next.now) {
      const auto record = s.handle(0).get(key(k));
      RC_ASSERT(shown(record) == payload.bytes());
      auto& known = s.stamps[k];
      if (known.empty() || record->stamp() != known.back()) s.changed(k, record->stamp());
    }
    check_all(next, s, 1);
  }
  void show(std::ostream& os) const override {
    os << "a process" << (alone ? ", alone," : "") << (together ? " does together {" : " does {");
    for (const Change& c : changes) os << " " << c << ";";
    os << " } and is killed";
  }
};

// ---- Care -----------------------------------------------------------------------------------------------------------
struct DoCopy : Command {
  bool recovered = *rc::gen::arbitrary<bool>();
  void run(const Model& m, System& s) const override {
    const std::string fresh = s.scratch / ("copy" + std::to_string(++s.copies));
    if (recovered) {
      const auto salvage = recover(s.path, fresh);
      RC_ASSERT(outcome(salvage) == "ok");
      RC_ASSERT(salvage->kept == m.now.size());
      RC_ASSERT(salvage->lost == 0u);
    } else {
      const auto copied = backup(s.handle(0), fresh);
      RC_ASSERT(outcome(copied) == "ok");
      RC_ASSERT(copied->records == m.now.size());
    }
    const auto copy = open(fresh, System::options()).value();
    check_contents(m.now, copy.records());
    for (const auto& [k, payload] : m.now) RC_ASSERT(copy.get(key(k)).value().stamp() == s.stamps.at(k).back());
    RC_ASSERT(::unlink(fresh.c_str()) == 0);
  }
  void show(std::ostream& os) const override { os << (recovered ? "recover" : "backup") << " and compare"; }
};

struct DoVerify : Command {
  void run(const Model&, System& s) const override {
    const auto verdict = verify(s.path);
    RC_ASSERT(outcome(verdict) == "ok");
    RC_ASSERT(verdict->damage.empty());
  }
  void show(std::ostream& os) const override { os << "verify"; }
};

// Read before the first property runs; what the caller set stands.
[[maybe_unused]] const int configured = ::setenv("RC_PARAMS", "max_success=600", 0);

RC_GTEST_PROP(StoreMachine, a_store_is_a_map, ()) {
  System system;
  rc::state::check(
      Model{}, system,
      rc::state::gen::execOneOfWithArgs<DoPut, DoPut, DoPut, DoErase, DoPutIf, DoPutIf, DoEraseIf, DoUpdate, DoDraft,
                                        DoBatch, DoBatch, DoReadAll, DoSnapshot, DoCheckSnapshots, DoHold,
                                        DoDropRecords, DoOpen, DoClose, DoReopen, DoDie, DoCopy, DoVerify>());
}

}  // namespace
}  // namespace durra
