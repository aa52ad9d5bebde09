// Create, open, close, rebuild, backup, a tail: those who come and go, to be killed in.
#include <filesystem>

#include "tests/proof/kill/crowd.h"
#include "tests/proof/kill/scenario.h"

namespace durra::test {
namespace {

void opens(Victim& v) { v.store = open(v.path, v.options).value(); }
Act change(std::function<void(Victim&)> run) { return {std::move(run), nullptr}; }

void rich(Store& s, Model& m) {
  fill(s, m);
  crowd(s, m, 0, 33);
  put(s, m, "large", sparse("large", 70'000));
}

std::vector<Scenario> openings() {
  Scenario create{
      .name = "create",
      .acts = {change(opens),
               {[](Victim& v) { v.store->put("k1", "first").value(); }, [](Model& m) { m["k1"] = "first"; }}},
      .alone = true,
      .from_nothing = true,
      .locks = true};
  Scenario opening{.name = "open", .prepare = fill, .acts = {change(opens)}, .locks = true};
  Scenario reading = opening;
  reading.name = "open_to_read";
  reading.acts = {change([](Victim& v) {
    Options o = v.options;
    o.mode = Mode::read_only;
    v.store = open(v.path, o).value();
    require(v.store->get("k3").value().str().size() > 0, "get");
    v.store.reset();
  })};
  Scenario rebuilding = opening;
  rebuilding.name = "rebuild";
  rebuilding.prepare = rich;
  rebuilding.acts = {change([](Victim& v) {
    Options o = v.options;
    o.rebuild = true;
    v.store = open(v.path, o).value();
  })};
  rebuilding.alone = rebuilding.rebuilds = rebuilding.heavy = true;
  rebuilding.one_in = 4;
  return {create, opening, reading, rebuilding};
}

std::vector<Scenario> closings() {
  Scenario closing{.name = "close",
                   .prepare = fill,
                   .first = open_and_warm_up,
                   .after_first = warm,
                   .acts = {change([](Victim& v) { v.store.reset(); })},
                   .locks = true};
  Scenario not_last = closing;
  not_last.name = "close_not_last";
  not_last.first = [](Victim& v) {
    open_and_warm_up(v);
    v.second = open(v.path, v.options).value();
  };
  not_last.acts = {change([](Victim& v) { v.store.reset(); }),
                   {[](Victim& v) { v.second->put("k3", "second").value(); }, [](Model& m) { m["k3"] = "second"; }}};
  Scenario reopening = closing;
  reopening.name = "close_and_open";
  reopening.acts = {change([](Victim& v) { v.store.reset(); }),
                    change(opens),
                    {[](Victim& v) { v.store->put("k3", "again").value(); }, [](Model& m) { m["k3"] = "again"; }}};
  return {closing, not_last, reopening};
}

std::vector<Scenario> others() {
  Scenario tail{.name = "tail",
                .prepare = fill,
                .first = open_and_warm_up,
                .after_first = warm,
                .acts = {change([](Victim& v) { v.tail = Tail::open(*v.store, "follower").value(); }),
                         change([](Victim& v) { (void)v.tail->next(std::chrono::seconds(0)).value(); }),
                         change([](Victim& v) { v.tail->save().value(); }),
                         {[](Victim& v) {
                            Batch b;
                            b.put("k3", "with the position");
                            v.tail->save(b);
                            v.store->put(b).value();
                          },
                          [](Model& m) { m["k3"] = "with the position"; }},
                         change([](Victim& v) { v.tail.reset(); })}};
  Scenario copying{.name = "backup",
                   .prepare = fill,
                   .first = open_and_warm_up,
                   .after_first = warm,
                   .acts = {change([](Victim& v) { backup(*v.store, v.path + ".copy").value(); })},
                   .locks = true};
  Scenario verifying = copying;
  verifying.name = "verify";
  verifying.acts = {change([](Victim& v) { require(verify(v.path).value().damage.empty(), "verify"); })};
  return {tail, copying, verifying};
}

}  // namespace

std::vector<Scenario> comings_and_goings() {
  std::vector<Scenario> all;
  for (auto& some : {openings(), closings(), others()}) all.insert(all.end(), some.begin(), some.end());
  return all;
}

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (auto& some : {operations(), batches(), meetings(), space(), comings_and_goings()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace durra::test
