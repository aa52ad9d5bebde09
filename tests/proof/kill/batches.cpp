// Batches to be killed in: in one region, in a run of their own, with conditions, with growth of the index.
#include "tests/proof/kill/crowd.h"
#include "tests/proof/kill/scenario.h"

namespace durra::test {
namespace {

using Changes = std::map<std::string, std::optional<std::string>>;

Act puts(const Changes& changes) {
  const auto run = [=](Victim& v) {
    Batch b;
    for (const auto& [k, value] : changes) {
      if (value) b.put(key_of(k), *value);
      if (!value) b.erase(key_of(k));
    }
    v.store->put(b).value();
  };
  const auto then = [=](Model& m) {
    for (const auto& [k, value] : changes) {
      if (value) m[k] = *value;
      if (!value) m.erase(k);
    }
  };
  return {run, then};
}

const Changes kChanges{{"k3", "batched"}, {"k4", {}}, {"#2", "two"}, {"fresh", "new"}};

Scenario of(const std::string& name, std::vector<Act> acts) {
  return {.name = name, .prepare = fill, .first = open_and_warm_up, .after_first = warm, .acts = std::move(acts)};
}

Scenario large() {
  Changes c;
  for (int i = 0; i < 3; ++i) c["large" + std::to_string(i)] = sparse("l" + std::to_string(i), 25'000);
  return of("batch_large", {puts(c)});
}

Scenario conditional() {
  Act holds = puts(kChanges);
  holds.run = [](Victim& v) {
    Batch b;
    b.put_if("k3", "batched", v.store->get("k3").value().stamp());
    b.erase_if("k4", v.store->get("k4").value().stamp());
    b.put(2, "two").put_if("fresh", "new", absent);
    v.store->put(b).value();
  };
  const Act conflicts{[](Victim& v) {
                        Batch b;
                        b.put("k5", "no").put_if("fresh", "no", absent);
                        const auto done = v.store->put(b);
                        require(!done && done.error().code == Code::conflict, "a batch that must conflict");
                      },
                      nullptr};
  return of("batch_if", {holds, conflicts});
}

// Its records crowd a leaf, which grows while the batch is being installed.
Scenario growing() {
  Scenario s = of("batch_growth", {});
  s.prepare = [](Store& store, Model& m) {
    fill(store, m);
    crowd(store, m, 0, 12);
  };
  Changes c{{"k3", "batched"}};
  for (std::uint32_t i = 12; i < 20; ++i) c[crowded_key(i)] = "crowd";
  s.acts = {puts(c)};
  return s;
}

}  // namespace

std::vector<Scenario> batches() {
  return {of("batch", {puts(kChanges)}), of("batch_twice", {puts(kChanges), puts({{"k3", {}}, {"k4", "back"}})}),
          large(), conditional(), growing()};
}

}  // namespace durra::test
