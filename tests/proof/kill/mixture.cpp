// Some calls at random, in one store: what comes after what is chosen by nobody.
#include <random>

#include "tests/proof/kill/scenario.h"

namespace durra::test {
namespace {

using Random = std::mt19937_64;

std::uint64_t below(Random& r, std::uint64_t n) { return r() % n; }
std::string some_key(Random& r) {
  const std::uint64_t n = below(r, 12);
  return n < 8 ? "k" + std::to_string(n) : "#" + std::to_string(n - 7);
}
std::string some_value(Random& r, const std::string& name) {
  const bool large = below(r, 8) == 0;
  return sparse(name, large ? 5'000 + below(r, 60'000) : below(r, 100));
}

Act a_put(Random& r, const std::string& name) {
  const std::string k = some_key(r), v = some_value(r, name);
  return {[=](Victim& x) { x.store->put(key_of(k), v).value(); }, [=](Model& m) { m[k] = v; }};
}
Act an_erase(Random& r) {
  const std::string k = some_key(r);
  return {[=](Victim& x) { (void)x.store->erase(key_of(k)); }, [=](Model& m) { m.erase(k); }};
}
Act a_put_if(Random& r, const std::string& name) {
  const std::string k = some_key(r), v = some_value(r, name);
  return {[=](Victim& x) {
            const auto old = x.store->get(key_of(k));
            x.store->put_if(key_of(k), v, old ? old->stamp() : absent).value();
          },
          [=](Model& m) { m[k] = v; }};
}
Act a_batch(Random& r, const std::string& name) {
  Model puts;
  for (std::uint64_t i = 1 + below(r, 4); i > 0; --i) puts[some_key(r)] = sparse(name, below(r, 200));
  const std::string gone = some_key(r);
  return {[=](Victim& x) {
            Batch b;
            b.erase(key_of(gone));
            for (const auto& [k, v] : puts) b.put(key_of(k), v);
            x.store->put(b).value();
          },
          [=](Model& m) {
            m.erase(gone);
            for (const auto& [k, v] : puts) m[k] = v;
          }};
}
Act a_look(Random& r) {
  const std::string k = some_key(r);
  return {[=](Victim& x) {
            x.snapshot = x.store->snapshot().value();
            (void)x.snapshot->get(key_of(k));
            (void)x.store->get(key_of(k));
          },
          nullptr};
}
Act a_compaction() {
  return {[](Victim& x) {
            x.snapshot.reset();
            CompactOptions o;
            o.keep_erased = std::chrono::milliseconds(0);
            compact(*x.store, o).value();
          },
          nullptr};
}
Act a_reopening() {
  return {[](Victim& x) {
            x.snapshot.reset();
            x.store.reset();
            x.store = open(x.path, x.options).value();
          },
          nullptr};
}

Act an_act(Random& r, const std::string& name, bool& reopens) {
  const std::uint64_t choice = below(r, 40);
  if (choice < 14) return a_put(r, name);
  if (choice < 20) return an_erase(r);
  if (choice < 25) return a_put_if(r, name);
  if (choice < 34) return a_batch(r, name);
  if (choice < 38) return a_look(r);
  if (choice == 38) return a_compaction();
  reopens = true;
  return a_reopening();
}

}  // namespace

Scenario mixture(std::uint64_t seed) {
  Random random(seed);
  Scenario s{
      .name = "mixture-" + std::to_string(seed),
      .prepare = fill,
      .first = open_and_warm_up,
      .after_first = warm,
  };
  for (int i = 0; i < 10; ++i) s.acts.push_back(an_act(random, "m" + std::to_string(i), s.locks));
  return s;
}

}  // namespace durra::test
