// Operations that take space or give it back: claims, growth of the index and the file, compaction, sync.
#include <chrono>

#include "store/index.h"
#include "store/seat.h"
#include "tests/proof/kill/crowd.h"
#include "tests/proof/kill/scenario.h"

namespace durra::test {
namespace {

Act puts(const std::string& key, const std::string& value) {
  return {[=](Victim& v) { v.store->put(key_of(key), value).value(); }, [=](Model& m) { m[key] = value; }};
}

Scenario of(const std::string& name, std::vector<Act> acts) {
  return {.name = name, .prepare = fill, .first = open_and_warm_up, .after_first = warm, .acts = std::move(acts)};
}

std::vector<Scenario> claims() {
  Scenario first = of("claim_of_the_first_region", {puts("fresh", "new")});
  first.first = [](Victim& v) { v.store = open(v.path, v.options).value(); };
  first.after_first = nullptr;
  Scenario from_nothing = first;
  from_nothing.name = "first_put";
  from_nothing.prepare = [](Store&, Model&) {};
  Scenario no_space = of("claim_without_space", {{[](Victim& v) {
                                                    const auto done = v.store->put("fresh", sparse("x", 300'000));
                                                    require(!done, "a put that must find no room");
                                                  },
                                                  nullptr}});
  no_space.prepare = [](Store& s, Model& m) {
    fill(s, m);
    int n = 0;
    while (s.put("filler" + std::to_string(n), sparse("f", 50'000)))
      m["filler" + std::to_string(n++)] = sparse("f", 50'000);
    for (int i = n - 5; i < n; ++i) {  // room for who comes after, but not for a run
      s.erase("filler" + std::to_string(i)).value();
      m.erase("filler" + std::to_string(i));
    }
  };
  no_space.heavy = true;
  no_space.one_in = 2;
  return {first, from_nothing, no_space,
          of("claim_of_the_next_region",
             {puts("a", sparse("a", 30'000)), puts("b", sparse("b", 30'000)), puts("c", sparse("c", 30'000))}),
          of("put_of_a_run", {puts("fresh", sparse("large", 70'000)), puts("fresh", "small now")})};
}

std::vector<Scenario> growths() {
  Scenario grow = of("leaf_growth", {puts(crowded_key(14), "crowd")});
  grow.prepare = [](Store& s, Model& m) {
    fill(s, m);
    crowd(s, m, 0, 14);
  };
  Scenario split = of("leaf_split", {puts(crowded_key(32), "crowd")});
  split.prepare = [](Store& s, Model& m) {
    fill(s, m);
    crowd(s, m, 0, 32);
  };
  split.heavy = true;
  return {grow, split};
}

// Versions, erasures, a large payload that was superseded.
void leave_garbage(Store& s, Model& m) {
  fill(s, m);
  put(s, m, "large", sparse("large", 70'000));
  for (const char* version : {"old", "older", "newest"})
    for (int i = 0; i < 20; ++i) put(s, m, "g" + std::to_string(i), sparse(version, 3'000));
  for (int i = 0; i < 20; i += 4) {
    s.erase("g" + std::to_string(i)).value();
    m.erase("g" + std::to_string(i));
  }
  put(s, m, "large", "small now");
}

Act compacts() {
  return {[](Victim& v) {
            CompactOptions o;
            o.keep_erased = std::chrono::milliseconds(0);
            compact(*v.store, o).value();
          },
          nullptr};
}

Act moves_nodes() {
  return {[](Victim& v) {
            detail::Handle& h = *detail::handle_of(*v.store);
            const auto seat = detail::ExclusiveSeat::take(h).value();
            detail::reclaim_index(h, *seat, {.share = 240, .nodes = 6, .pack = true});
          },
          nullptr};
}

std::vector<Scenario> compactions() {
  Scenario records = of("compact", {compacts()});
  records.prepare = leave_garbage;
  Scenario again = of("compact_twice", {compacts(), puts("g1", "new"), puts("g2", sparse("g", 9'000)), compacts()});
  again.prepare = leave_garbage;
  // A region of the index in which mostly replaced nodes lie; those that are left are copied elsewhere, an inner one
  // too.
  Scenario index = of("compact_the_index", {moves_nodes(), moves_nodes(), puts("#1000007", "new")});
  index.prepare = [](Store& s, Model& m) {
    crowd(s, m, 0, 34, 1);
    for (int i = 0; i < 5'000; ++i) put(s, m, "#" + std::to_string(1'000'000 + i), "");
  };
  index.one_in = 64;
  // Writers compact by themselves when much of the file is garbage, and free what the retired regions held.
  std::vector<Act> many;
  for (int i = 0; i < 24; ++i)
    many.push_back(puts("g" + std::to_string(i % 7), sparse("v" + std::to_string(i), 6'000)));
  Scenario churn = of("puts_that_compact", many);
  churn.prepare = [](Store& s, Model& m) {
    fill(s, m);
    for (int i = 0; i < 80; ++i) put(s, m, "g" + std::to_string(i % 9), sparse("garbage", 6'000));
  };
  std::vector<Scenario> all{records, again, index, churn};
  for (auto& s : all) s.heavy = true;
  return all;
}

std::vector<Scenario> syncs() {
  Scenario sync = of("sync", {puts("k3", "new"), {[](Victim& v) { v.store->sync().value(); }, nullptr}});
  Scenario power =
      of("put_power",
         {{[](Victim& v) { v.store->put("k3", "durable", {.durability = Durability::power}).value(); },
           [](Model& m) { m["k3"] = "durable"; }},
          {[](Victim& v) {
             Batch b;
             v.store->put(b.put("k3", "more").put("k4", "durable"), {.durability = Durability::power}).value();
           },
           [](Model& m) {
             m["k3"] = "more";
             m["k4"] = "durable";
           }}});
  Scenario compaction = of("compact_on_disk", {compacts()});
  compaction.prepare = leave_garbage;
  compaction.heavy = true;
  std::vector<Scenario> all{sync, power, compaction};
  for (auto& s : all) s.on_disk = true;
  return all;
}

}  // namespace

std::vector<Scenario> space() {
  std::vector<Scenario> all;
  for (auto& some : {claims(), growths(), compactions(), syncs()}) all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace durra::test
