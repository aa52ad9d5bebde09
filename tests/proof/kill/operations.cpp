// Operations on records to be killed in.
#include <algorithm>
#include <chrono>

#include "tests/proof/kill/scenario.h"

namespace durra::test {
namespace {

const std::string kNew = text("new", 60);

Scenario on_records(const std::string& name, std::vector<Act> acts) {
  return {.name = name, .prepare = fill, .first = open_and_warm_up, .after_first = warm, .acts = std::move(acts)};
}
Act sets(const std::string& key, const std::string& value, std::function<void(Store&)> run) {
  return {[run = std::move(run)](Victim& v) { run(*v.store); }, [=](Model& m) { m[key] = value; }};
}
Act erases(const std::string& key, std::function<void(Store&)> run) {
  return {[run = std::move(run)](Victim& v) { run(*v.store); }, [=](Model& m) { m.erase(key); }};
}
Act looks(std::function<void(Store&)> run) {
  return {[run = std::move(run)](Victim& v) { run(*v.store); }, nullptr};
}

std::vector<Scenario> puts() {
  return {
      on_records("put_insert", {sets("fresh", kNew, [](Store& s) { s.put("fresh", kNew).value(); }),
                                sets("#77", "", [](Store& s) { s.put(77, "").value(); })}),
      on_records("put_over", {sets("k3", kNew, [](Store& s) { s.put("k3", kNew).value(); }),
                              sets("k3", "again", [](Store& s) { s.put("k3", "again").value(); })}),
      on_records("put_over_erased", {sets("gone", kNew, [](Store& s) { s.put("gone", kNew).value(); })}),
      on_records("put_if", {sets("k3", kNew,
                                 [](Store& s) {
                                   const Stamp seen = s.get("k3").value().stamp();
                                   s.put_if("k3", kNew, seen).value();
                                 }),
                            looks([](Store& s) { require(!s.put_if("k3", "no", absent), "a put_if that must fail"); }),
                            sets("fresh", kNew, [](Store& s) { s.put_if("fresh", kNew, absent).value(); })}),
      on_records("update", {sets("k3", "updated",
                                 [](Store& s) {
                                   s.update("k3", [](const Record*) { return std::string("updated"); }).value();
                                 })}),
      on_records("erase", {erases("k3", [](Store& s) { s.erase("k3").value(); }),
                           looks([](Store& s) { require(!s.erase("k3"), "a second erase"); }),
                           erases("k4", [](Store& s) { s.erase_if("k4", s.get("k4").value().stamp()).value(); })}),
      on_records("put_compressed",
                 {sets("k3", std::string(5'000, 'z'),
                       [](Store& s) { s.put("k3", std::string(5'000, 'z'), {.compress = true}).value(); })}),
      on_records("put_aligned", {sets("k3", kNew, [](Store& s) { s.put("k3", kNew, {.align = 256}).value(); })}),
      on_records("append", {sets("log/a/0", "one", [](Store& s) { s.append("log/a", "one").value(); }),
                            sets("log/a/1", "two", [](Store& s) { s.append("log/a", "two").value(); })}),
  };
}

std::vector<Scenario> reads() {
  const auto drops = [](Victim& v) {
    v.record.reset();
    v.snapshot.reset();
  };
  return {
      on_records("get", {looks([](Store& s) {
                   require(s.get("k3").value().str().size() > 0, "get");
                   require(!s.get("nobody"), "a key that is not there");
                   const Key keys[] = {"k1", 2, "gone", "k5"};
                   require(s.get_many(keys).size() == 4, "get_many");
                 })}),
      on_records("snapshot", {{[](Victim& v) { v.snapshot = v.store->snapshot().value(); }, nullptr},
                              sets("k3", kNew, [](Store& s) { s.put("k3", kNew).value(); }),
                              {[](Victim& v) { v.record = v.snapshot->get("k3").value(); }, nullptr},
                              erases("k3", [](Store& s) { s.erase("k3").value(); }),
                              {drops, nullptr}}),
      on_records("scan", {looks([](Store& s) {
                   std::size_t count = 0;
                   for (Record& r : s.records()) count += r.bytes().size();
                   require(count > 0, "a scan");
                 })}),
      on_records("wait", {looks([](Store& s) {
                            const Stamp seen = s.get("k3").value().stamp();
                            const auto none = s.wait("k3", seen, std::chrono::milliseconds(1));
                            require(!none && none.error().code == Code::timeout, "a wait for nothing");
                          }),
                          sets("k3", kNew, [](Store& s) { s.put("k3", kNew).value(); }),  // somebody seems to sleep
                          looks([](Store& s) { s.wait("k3", absent, std::chrono::seconds(1)).value(); })}),
      on_records("draft", {sets("k3", std::string(40, 'd'),
                                [](Store& s) {
                                  auto d = s.draft("k3", 40).value();
                                  std::fill(d.bytes().begin(), d.bytes().end(), std::byte{'d'});
                                  std::move(d).publish().value();
                                }),
                           looks([](Store& s) {
                             auto dropped = s.draft("fresh", 100).value();
                             dropped.bytes()[7] = std::byte{1};
                           })}),
  };
}

}  // namespace

Options small_options() {
  Options o;
  o.max_size = 2_MiB;
  o.region_size = 64_KiB;
  o.participants = 8;
  o.patience = std::chrono::milliseconds(300);
  return o;
}

std::string text(const std::string& what, std::size_t size) {
  std::string s = what + ":";
  while (s.size() < size) s += static_cast<char>('a' + (s.size() * 31 + what.size()) % 26);
  return s;
}

std::string sparse(const std::string& what, std::size_t size) {
  std::string s = what;
  s.resize(size);
  return s;
}

void put(Store& s, Model& m, const std::string& key, const std::string& value) {
  s.put(key_of(key), value).value();
  m[key] = value;
}

void fill(Store& s, Model& m) {
  for (int i = 0; i < 8; ++i) put(s, m, "k" + std::to_string(i), text("first", 50));
  for (int i = 0; i < 8; i += 2)
    put(s, m, "k" + std::to_string(i), text("second", 20 + static_cast<std::size_t>(i) * 7));
  for (int i = 1; i < 4; ++i) put(s, m, "#" + std::to_string(i), text("number", 30));
  put(s, m, "gone", "soon");
  s.erase("gone").value();
  m.erase("gone");
}

void open_and_warm_up(Victim& v) {
  v.store = open(v.path, v.options).value();
  v.store->put("warm", "up").value();
}
void warm(Model& m) { m["warm"] = "up"; }

std::vector<Scenario> operations() {
  auto all = puts();
  for (auto& one : reads()) all.push_back(std::move(one));
  return all;
}

}  // namespace durra::test
