// A small store with known content, operations to interrupt in it, and what must hold afterwards.
#include "tests/crash/world.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "format/checksum.h"
#include "format/head.h"
#include "store/handle.h"
#include "store/os.h"
#include "tests/support/faults.h"

namespace durra::test {
namespace {

constexpr auto kAtOnce = std::chrono::seconds(2);  // far above what it takes, far below what waiting for somebody would

std::string text(const std::string& what, std::size_t size) {
  std::string s = what + ":";
  while (s.size() < size) s += static_cast<char>('a' + (s.size() * 31 + what.size()) % 26);
  return s;
}

const std::string kOld = "k3", kFresh = "fresh", kGone = "gone", kWarm = "warm";
std::string new_value() { return text("new", 300); }
std::string warm_value() { return text("up", 8'000); }
std::string region_filler() { return text("filler", 60'000); }  // more than the warm-up leaves of a region

// A new store whose uuid is always the same, and with it its seed: so every world's index grows at the same put.
Store open_fixed(const std::string& path) {
  { const Store made = open(path, small_store()).value(); }
  const auto file = os::open(path, os::Access::read_write).value();
  format::Superblock super;
  os::read_at(file, 0, &super, sizeof super).value();
  super.uuid.fill(7);
  super.check = format::hash64(&super, offsetof(format::Superblock, check), 0);
  os::write_at(file, 0, &super, sizeof super).value();
  return open(path).value();
}

void fill(World& w, Store& s) {
  const auto put = [&](const std::string& k, const std::string& v) {
    s.put(key_of(k), v).value();
    w.model[k] = v;
  };
  for (int i = 0; i < 12; ++i) put("k" + std::to_string(i), text("first", 500));
  for (int i = 0; i < 12; i += 2) put("k" + std::to_string(i), text("second", 40 + static_cast<std::size_t>(i) * 7));
  for (int i = 1; i < 5; ++i) put("#" + std::to_string(i), text("number", 90));
  put(kGone, "soon");
  s.erase(kGone).value();
  w.model.erase(kGone);
}

void crowd(World& w, Store& s, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto k = crowded_key(s, i);
    s.put(key_of(k), "crowd").value();
    w.model[k] = "crowd";
  }
}

void put_large(World& w, Store& s, const std::string& key) {
  s.put(key, large_value()).value();
  w.model[key] = large_value();
}

// A child that opens the store, owns a region, and then does one thing while it is armed.
std::function<void(const World&)> after_warming_up(std::function<void(Store&)> act) {
  return [act = std::move(act)](const World& w) {
    Store s = open(w.path, small_store()).value();
    s.put(kWarm, warm_value()).value();
    arm();
    act(s);
    disarm();
  };
}
std::function<void(const World&)> at_once(std::function<void(Store&)> act) {
  return [act = std::move(act)](const World& w) {
    Store s = open(w.path, small_store()).value();
    arm();
    act(s);
    disarm();
  };
}

// A dead one that left `what` undone at the point.
void leave_dead(World& w, const Operation& what, const Point& at) {
  ASSERT_TRUE(ends_at([&] { what.run(w); }, at));
  for (const auto& [k, v] : what.acknowledged) w.model[k] = v;
}

}  // namespace

Operation simple(const std::string& name, const std::string& key, std::optional<std::string> after,
                 std::function<void(Store&)> act) {
  return {.name = name,
          .prepare = [](World&, Store&) {},
          .run = after_warming_up(std::move(act)),
          .key = key,
          .after = std::move(after),
          .acknowledged = {{kWarm, warm_value()}}};
}

namespace {

std::vector<Operation> writes() {
  return {
      simple("put_new", kFresh, new_value(), [](Store& s) { s.put(kFresh, new_value()).value(); }),
      simple("put_over", kOld, new_value(), [](Store& s) { s.put(kOld, new_value()).value(); }),
      simple("put_over_erased", kGone, new_value(), [](Store& s) { s.put(kGone, new_value()).value(); }),
      simple("put_if", kOld, new_value(),
             [](Store& s) {
               const Stamp seen = s.get(kOld).value().stamp();
               s.put_if(kOld, new_value(), seen).value();
             }),
      simple("put_if_absent", kFresh, new_value(), [](Store& s) { s.put_if(kFresh, new_value(), absent).value(); }),
      simple("erase", kOld, {}, [](Store& s) { s.erase(kOld).value(); }),
      simple("erase_if", kOld, {}, [](Store& s) { s.erase_if(kOld, s.get(kOld).value().stamp()).value(); }),
      simple("draft", kOld, new_value(),
             [](Store& s) {
               auto d = s.draft(kOld, new_value().size()).value();
               std::copy_n(reinterpret_cast<const std::byte*>(new_value().data()), d.bytes().size(), d.bytes().data());
               std::move(d).publish().value();
             }),
      simple("put_waited_for", kOld, new_value(),
             [](Store& s) {
               const Stamp seen = s.get(kOld).value().stamp();
               EXPECT_EQ(s.wait(kOld, seen, std::chrono::milliseconds(1)).error().code, Code::timeout);
               s.put(kOld, new_value()).value();
             }),
      simple("put_compressed", kOld, std::string(5'000, 'z'),
             [](Store& s) { s.put(kOld, std::string(5'000, 'z'), {.compress = true}).value(); }),
  };
}

std::vector<Operation> claims() {
  Operation claim = simple("claim", kFresh, region_filler(), [](Store& s) { s.put(kFresh, region_filler()).value(); });
  Operation run = simple("large_put", kFresh, large_value(), [](Store& s) { s.put(kFresh, large_value()).value(); });
  Operation no_space = simple("large_put_without_space", kFresh, {}, [](Store& s) {
    Faults faults;
    faults.fail(os::Call::write, ENOSPC, 1, true);
    EXPECT_EQ(s.put(kFresh, large_value()).error().code, Code::full);
  });
  Operation adopt = simple("adopt", kFresh, new_value(), {});
  adopt.run = at_once([](Store& s) { s.put(kFresh, new_value()).value(); });
  adopt.acknowledged.clear();
  adopt.prepare = [](World& w, Store&) {  // a region that its owner left in order
    Store other = open(w.path).value();
    other.put("other", "was here").value();
    w.model["other"] = "was here";
  };
  Operation first = simple("first_put", kFresh, new_value(), [](Store& s) { s.put(kFresh, new_value()).value(); });
  first.from_nothing = true;
  first.alone = true;
  first.run = at_once([](Store& s) { s.put(kFresh, new_value()).value(); });
  first.acknowledged.clear();
  return {claim, run, no_space, adopt, first};
}

// What waits for a disk, in a child for which the memory that all this lies in is one.
std::vector<Operation> syncs() {
  const auto on_a_disk = [](const char* name, std::function<void(Store&)> act) {
    Operation op = simple(name, kOld, new_value(), {});
    op.run = [run = after_warming_up(std::move(act))](const World& w) {
      os::trust_tmpfs(true);
      run(w);
    };
    return op;
  };
  return {
      on_a_disk("sync",
                [](Store& s) {
                  s.put(kOld, new_value()).value();
                  s.sync().value();
                }),
      on_a_disk("put_power", [](Store& s) { s.put(kOld, new_value(), {.durability = Durability::power}).value(); }),
  };
}

std::vector<Operation> growths() {
  Operation grow = simple("leaf_growth", "", "crowd", {});
  grow.crowded = 14;
  grow.prepare = [](World& w, Store& s) { crowd(w, s, 14); };
  grow.run = after_warming_up([](Store& s) { s.put(key_of(crowded_key(s, 14)), "crowd").value(); });
  Operation split = grow;
  split.name = "leaf_split";
  split.crowded = 32;
  split.prepare = [](World& w, Store& s) { crowd(w, s, 32); };
  split.run = after_warming_up([](Store& s) { s.put(key_of(crowded_key(s, 32)), "crowd").value(); });
  return {grow, split};
}

// Another process that leaves garbage behind: versions, erasures, a large payload that was superseded.
void leave_garbage(World& w, Store&) {
  Store other = open(w.path, small_store()).value();
  const auto put = [&](const std::string& k, const std::string& v) {
    other.put(key_of(k), v).value();
    w.model[k] = v;
  };
  put_large(w, other, "large");
  for (const char* version : {"old", "older", "newest"})
    for (int i = 0; i < 40; ++i) put("g" + std::to_string(i), text(version, 1'500));
  for (int i = 0; i < 40; i += 5) {
    other.erase("g" + std::to_string(i)).value();
    w.model.erase("g" + std::to_string(i));
  }
  put("large", "small now");
}

std::vector<Operation> compactions() {
  const auto compacts = [](const World& w) {
    Store s = open(w.path, small_store()).value();
    CompactOptions o;
    o.keep_erased = std::chrono::milliseconds(0);
    arm();
    compact(s, o).value();
    disarm();
  };
  Operation records{.name = "compact", .prepare = leave_garbage, .run = compacts, .key = "", .after = {}};
  Operation twice = records;
  twice.name = "compact_after_a_compaction";
  twice.prepare = [](World& w, Store& s) {
    leave_garbage(w, s);
    Store other = open(w.path, small_store()).value();
    compact(other).value();
    for (int i = 1; i < 40; i += 3) {
      other.put("g" + std::to_string(i), text("again", 700)).value();
      w.model["g" + std::to_string(i)] = text("again", 700);
    }
  };
  Operation index = records;
  index.name = "compact_the_index";
  index.prepare = [](World& w, Store& s) {
    crowd(w, s, 34);
    for (int i = 0; i < 4'000; ++i) {
      const std::string k = "#" + std::to_string(1'000'000 + i);
      s.put(key_of(k), "").value();
      w.model[k] = "";
    }
  };
  return {records, twice, index};
}

std::vector<Operation> comings_and_goings() {
  const auto nothing = [](World&, Store&) {};
  const auto opens = [](const World& w) {
    arm();
    Store s = open(w.path, small_store()).value();
    disarm();
  };
  const auto closes = [](const World& w) {
    Store s = open(w.path, small_store()).value();
    s.put(kWarm, warm_value()).value();
    arm();
    { const Store gone = std::move(s); }
    disarm();
  };
  const auto rebuilds = [](const World& w) {
    Options o = small_store();
    o.rebuild = true;
    arm();
    Store s = open(w.path, o).value();
    disarm();
  };
  const auto asks_in_vain = [](const World& w) {  // somebody uses it
    const Store s = open(w.path, small_store()).value();
    Options o = small_store();
    o.rebuild = true;
    arm();
    EXPECT_FALSE(open(w.path, o));
    disarm();
  };
  const auto backs_up = [](const World& w) {
    Store s = open(w.path, small_store()).value();
    arm();
    backup(s, w.scratch / "copy.durra").value();
    disarm();
  };
  const auto recovers = [](const World& w) {
    arm();
    recover(w.path, w.scratch / "copy.durra").value();
    disarm();
  };
  const auto rich = [](World& w, Store& s) {
    crowd(w, s, 33);
    put_large(w, s, "large");
  };
  const auto follows = [](const World& w) {
    Store s = open(w.path, small_store()).value();
    arm();
    Tail tail = Tail::open(s, "follower").value();
    (void)tail.next(std::chrono::seconds(0)).value();
    tail.save().value();
    { const Tail gone = std::move(tail); }
    disarm();
  };
  return {
      {.name = "follow", .prepare = rich, .run = follows, .key = "", .after = {}},
      {.name = "create", .prepare = nothing, .run = opens, .key = "", .after = {}, .alone = true, .from_nothing = true},
      {.name = "open", .prepare = nothing, .run = opens, .key = "", .after = {}},
      {.name = "close",
       .prepare = nothing,
       .run = closes,
       .key = "",
       .after = {},
       .acknowledged = {{kWarm, warm_value()}}},
      {.name = "refused_open", .prepare = rich, .run = asks_in_vain, .key = "", .after = {}},
      {.name = "rebuild", .prepare = rich, .run = rebuilds, .key = "", .after = {}, .alone = true},
      {.name = "backup", .prepare = rich, .run = backs_up, .key = "", .after = {}},
      {.name = "recover", .prepare = rich, .run = recovers, .key = "", .after = {}},
  };
}

// Opening reaps: what is left of one who died within another operation.
std::vector<Operation> reaps() {
  const auto opens = [](const World& w) {
    arm();
    Store s = open(w.path, small_store()).value();
    disarm();
  };
  std::vector<Operation> all;
  const auto add = [&](const std::string& dead, const Point& at) {
    const Operation what = operation(dead);
    all.push_back({.name = "reap_of_" + dead + "_at_" + at.step,
                   .prepare =
                       [what, at](World& w, Store& s) {
                         if (what.prepare) what.prepare(w, s);
                         leave_dead(w, what, at);
                       },
                   .run = opens,
                   .key = what.key,
                   .after = what.after,
                   .crowded = what.crowded,
                   .also = what.also});
  };
  add("put_over", {"put.5"});
  add("claim", {"claim.4"});
  add("large_put", {"run.2", 1});
  add("large_put", {"claim.5"});
  add("leaf_split", {"grow.1", 1});
  add("sync", {"sync.2"});
  add("batch", {"batch.3"});
  add("batch", {"batch.5", 1});
  add("batch", {"batch.6"});
  add("batch_large", {"batch.copy", 2});
  add("compact", {"compact.swing", 2});
  return all;
}

}  // namespace

Key key_of(const std::string& name) {
  if (name[0] == '#') return Key(std::stoull(name.substr(1)));
  return Key(name);
}
std::string name_of(const Record& r) { return r.is_text() ? std::string(r.key()) : "#" + std::to_string(r.id()); }

Options small_store() {
  Options o;
  o.region_size = 64_KiB;
  o.max_size = 4_MiB;
  o.participants = 16;
  return o;
}

std::vector<Operation> operations() {
  std::vector<Operation> all;
  for (const auto& some :
       {writes(), claims(), syncs(), growths(), compactions(), batches(), blocks(), comings_and_goings(), reaps()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

Operation operation(const std::string& name) {
  for (const auto& some :
       {writes(), claims(), syncs(), growths(), compactions(), batches(), blocks(), comings_and_goings()})
    for (const Operation& o : some)
      if (o.name == name) return o;
  throw std::out_of_range(name);
}

std::optional<Store> make(World& w, const Operation& op) {
  std::optional<Store> s;
  if (!op.from_nothing) {
    s = open_fixed(w.path);
    fill(w, *s);
    op.prepare(w, *s);
  }
  for (const auto& [k, v] : op.acknowledged) w.model[k] = v;
  return s;
}

std::string crowded_key(const Store& s, std::uint32_t i) {
  const auto uuid = stats(s).value().uuid;
  const std::uint64_t tag =
      0x42ull << 56 | static_cast<std::uint64_t>(i % 64) << 50 | static_cast<std::uint64_t>(i) << 24;
  return "#" + std::to_string(format::id_of(tag, format::store_seed(uuid)));
}

std::string key_of(const Operation& op, const Store& s) { return op.crowded ? crowded_key(s, *op.crowded) : op.key; }

std::string large_value() { return text("large", 150'000); }

std::optional<std::string> look(const Store& s, const std::string& key) {
  auto r = s.get(key_of(key));
  if (!r) {
    EXPECT_EQ(r.error().code, Code::not_found) << key << ": " << r.error().message();
    return {};
  }
  EXPECT_TRUE(r->intact()) << key;
  return r->str();
}

namespace {

Model scanned(Records records) {
  Model all;
  for (Record& r : records) EXPECT_TRUE(all.emplace(name_of(r), r.str()).second) << name_of(r) << " twice";
  EXPECT_TRUE(records.status()) << records.status().error().message();
  return all;
}

std::string names(const Model& m) {
  std::string all;
  for (const auto& [k, v] : m) all += " " + k + "(" + v.substr(0, 8) + "," + std::to_string(v.size()) + ")";
  return all;
}

}  // namespace

void expect_content(const Store& s, const Model& model) {
  for (const auto& [k, v] : model) EXPECT_TRUE(look(s, k) == v) << "get " << k;
  const Model scan = scanned(s.records());
  EXPECT_TRUE(scan == model) << "scan:" << names(scan) << "\nmodel:" << names(model);
  const Model then = scanned(s.snapshot().value().records());
  EXPECT_TRUE(then == model) << "snapshot:" << names(then) << "\nmodel:" << names(model);
}

void expect_usable(Store& s, const std::string& key) {
  const auto begun = std::chrono::steady_clock::now();
  const auto was = look(s, key);
  const Key k = key_of(key);
  const auto stamp = s.put(k, "usable");
  ASSERT_TRUE(stamp) << stamp.error().message();
  EXPECT_EQ(look(s, key), "usable");
  EXPECT_EQ(s.put_if(k, "again", absent).error().code, Code::conflict);
  EXPECT_TRUE(s.put_if(k, "again", *stamp));
  EXPECT_TRUE(s.erase(k));
  EXPECT_EQ(look(s, key), std::nullopt);
  EXPECT_EQ(s.erase(k).error().code, Code::not_found);
  if (was) {
    EXPECT_TRUE(s.put_if(k, *was, absent));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kAtOnce);
}

void expect_nothing_left(const Store& s, const std::string& path) {
  std::set<std::uint32_t> living;
  for (const SeatInfo& p : participants(s).value()) {
    EXPECT_TRUE(p.alive) << "seat " << p.seat << " of process " << p.pid;
    living.insert(p.seat);
  }
  std::uint64_t told = 0, empty = 0;
  for (const RegionInfo& r : regions(s).value()) {
    told += r.regions;
    EXPECT_NE(r.state, "claimed") << "region " << r.number;
    EXPECT_TRUE(r.state != "compacting" || living.contains(r.owner_seat)) << "region " << r.number << " of a dead one";
    if (r.type == "index") continue;
    EXPECT_TRUE(r.state != "open" || living.contains(r.owner_seat)) << "region " << r.number << " of a dead one";
    empty += r.type == "data" && r.state == "sealed" && r.records == 0;
  }
  EXPECT_LE(empty, verify(path).value().torn_tails) << "sealed, and nothing in it";
  EXPECT_EQ(told, stats(s).value().region_count) << "a part of a run belongs to nobody";
  const auto& space = detail::handle_of(s)->space;
  for (std::uint64_t r = space.regions(); r < space.region_count(); ++r)
    EXPECT_EQ(format::unpack(shared::state_load(space.descriptor(r).state)).state, format::RegionState::free)
        << "region " << r << " is beyond what anybody looks at";
}

void expect_undamaged(const std::string& path) {
  const auto verdict = verify(path);
  ASSERT_TRUE(verdict) << verdict.error().message();
  for (const Finding& f : verdict->damage) ADD_FAILURE() << f.error.message() << ": " << f.what;
}

void Aftermath::first_glance(const Store& s) {
  if (const std::string key = key_of(op_, s); !key.empty()) {
    const auto seen = look(s, key);
    const auto was = w_.model.find(key);
    const std::optional<std::string> old = was == w_.model.end() ? std::nullopt : std::optional(was->second);
    EXPECT_TRUE(seen == old || seen == op_.after) << "torn: " << seen.value_or("(absent)").substr(0, 60);
    if (seen) w_.model[key] = *seen;
    if (!seen) w_.model.erase(key);
    if (seen == op_.after && seen != old)
      for (const auto& [k, v] : op_.also) {  // the rest of a batch, done with it
        if (v) w_.model[k] = *v;
        if (!v) w_.model.erase(k);
      }
  }
}

void Aftermath::first_look(const Store& s) {
  first_glance(s);
  expect_content(s, w_.model);
}

// A batch that a dead one left undecided is decided by the first who writes to one of its keys.
void Aftermath::decide(Store& s) {
  if (op_.also.empty()) return;
  EXPECT_EQ(s.put_if(key_of(op_.key), "never", Stamp{1}).error().code, Code::conflict);
  first_look(s);
}

void Aftermath::works(Store& s) {
  decide(s);
  if (const std::string key = key_of(op_, s); !key.empty()) expect_usable(s, key);
  expect_usable(s, "k5");
  expect_usable(s, "nobody's");
  expect_content(s, w_.model);
}

void Aftermath::agrees(const Store& s) {
  expect_content(s, w_.model);
  expect_nothing_left(s, w_.path);
  expect_undamaged(w_.path);
}

Store reopen(const std::string& path, bool rebuild) {
  Options o = small_store();
  o.rebuild = rebuild;
  return open(path, o).value();
}

}  // namespace durra::test
