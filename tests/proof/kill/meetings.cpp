// Those who come to a batch that a dead process left: undecided, or decided and not finished.
#include <durra/testing/crash.h>

#include "tests/proof/kill/survivors.h"
#include "tests/support/scratch.h"

namespace durra::test {
namespace {

const Model kPuts{{"k3", "batched"}, {"#2", "two"}, {"fresh", "new"}};

void put_batch(Victim& v) {
  Batch b;
  for (const auto& [k, value] : kPuts) b.put(key_of(k), value);
  v.store->put(b.erase("k4")).value();
}
void done(Model& m) {
  for (const auto& [k, value] : kPuts) m[k] = value;
  m.erase("k4");
}

enum class Left : std::uint8_t { nothing, undecided, decided };

// What somebody finds who does not know of the death: the batch is there; it comes to be there when somebody would
// change one of its keys; neither.
Left found(const std::string& path, const Options& options) {
  return static_cast<Left>(run_child([&] {
                             Store s = open_beside_the_dead(path, options);
                             if (s.get("fresh")) return static_cast<int>(Left::decided);
                             (void)s.put_if("fresh", "never", Stamp{1});
                             return static_cast<int>(s.get("fresh") ? Left::undecided : Left::nothing);
                           }) >>
                           8);
}

// A process dies in the middle of a batch: in the middle of the states that leave it so.
void leave(Left how, const std::string& path, const Options& options, Model& m) {
  Victim v{.path = path, .options = options, .store{}, .second{}, .snapshot{}, .record{}, .tail{}};
  const auto trace = testing::record(path, [&] { put_batch(v); }, {.first = [&] { open_and_warm_up(v); }}).value();
  testing::Placer placer(path, trace);
  std::vector<std::string> such;
  for (testing::Image i(trace); i.next();) {
    placer.place(true, i.bytes());
    if (found(path, options) == how) such.push_back(i.bytes());
  }
  require(!such.empty(), "no state of the batch that was to be left");
  placer.place(true, such[such.size() / 2]);
  warm(m);
  if (how == Left::decided) done(m);
}

Scenario of(const std::string& name, Left how, std::vector<Act> acts) {
  return {.name = name,
          .prepare = fill,
          .dies_before = [how](const std::string& path, const Options& o, Model& m) { leave(how, path, o, m); },
          .first = [](Victim& v) { v.store = open_beside_the_dead(v.path, v.options); },
          .acts = std::move(acts)};
}

}  // namespace

std::vector<Scenario> meetings() {
  Scenario helped = of("batch_helped", Left::undecided,
                       {{[](Victim& v) { require(!v.store->put_if("k3", "no", Stamp{1}), "a put_if"); }, done}});
  Scenario read =
      of("batch_finished_by_a_reader", Left::decided,
         {{[](Victim& v) { require(v.store->get("k3").value().str() == "batched", "get"); }, nullptr},
          {[](Victim& v) { v.store->put("k3", "over it").value(); }, [](Model& m) { m["k3"] = "over it"; }}});
  Scenario pushed = of("batch_put_off_by_a_snapshot", Left::undecided,
                       {{[](Victim& v) {
                           v.snapshot = v.store->snapshot().value();
                           require(!v.snapshot->get("fresh"), "a batch that is not there yet");
                         },
                         nullptr}});
  pushed.locks = true;  // whether the batch is done afterwards is up to whoever comes
  Scenario reaped =
      of("reap", Left::undecided,
         {{[](Victim& v) { v.store = open(v.path, v.options).value(); }, nullptr},
          {[](Victim& v) { v.store->put("k3", "after it").value(); }, [](Model& m) { m["k3"] = "after it"; }}});
  reaped.first = nullptr;
  reaped.locks = true;
  return {helped, read, pushed, reaped};
}

}  // namespace durra::test
