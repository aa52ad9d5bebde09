// Batches to interrupt: in one region, in regions of their own, with conditions, with growth of the index, and those
// who come to one that a dead process left undecided.
#include <gtest/gtest.h>

#include <array>

#include "format/checksum.h"
#include "tests/crash/world.h"

namespace durra::test {
namespace {

using Changes = std::map<std::string, std::optional<std::string>>;

void add(Batch& b, const Changes& changes) {
  for (const auto& [k, v] : changes) {
    if (v)
      b.put(key_of(k), *v);
    else
      b.erase(key_of(k));
  }
}

// The batch as an operation: its first change, by name, is the one that is looked at.
Operation of(const std::string& name, const Changes& changes, std::function<void(Store&)> act = {}) {
  if (!act)
    act = [changes](Store& s) {
      Batch b;
      add(b, changes);
      s.put(b).value();
    };
  Operation op = simple(name, changes.begin()->first, changes.begin()->second, std::move(act));
  op.also = changes;
  op.also.erase(op.key);
  return op;
}

const Changes kChanges{{"k3", "batched"}, {"k4", {}}, {"#2", "two"}, {"fresh", "new"}};

Changes large() {
  Changes c;
  for (int i = 0; i < 7; ++i) c["large" + std::to_string(i)] = std::string(30'000, static_cast<char>('a' + i));
  return c;
}

Operation conditional() {
  return of("batch_if", kChanges, [](Store& s) {
    Batch b;
    b.put_if("k3", "batched", s.get("k3").value().stamp()).erase_if("k4", s.get("k4").value().stamp());
    b.put(2, "two").put_if("fresh", "new", absent);
    s.put(b).value();
  });
}

// Of the fixed uuid that every world has, so that names are known before there is a store.
std::string crowded(std::uint32_t i) {
  std::array<std::uint8_t, 16> uuid;
  uuid.fill(7);
  const std::uint64_t tag =
      0x42ull << 56 | static_cast<std::uint64_t>(i % 64) << 50 | static_cast<std::uint64_t>(i) << 24;
  return "#" + std::to_string(format::id_of(tag, format::store_seed(uuid)));
}

Operation growing() {
  Changes c{{"k3", "batched"}};
  for (std::uint32_t i = 12; i < 20; ++i) c[crowded(i)] = "crowd";
  Operation op = of("batch_growth", c);
  op.key = "k3";
  op.after = "batched";
  op.also = c;
  op.also.erase("k3");
  op.prepare = [](World& w, Store& s) {
    for (std::uint32_t i = 0; i < 12; ++i) {
      EXPECT_EQ(crowded(i), crowded_key(s, i));
      s.put(key_of(crowded(i)), "crowd").value();
      w.model[crowded(i)] = "crowd";
    }
  };
  return op;
}

// Somebody died in the middle of the batch while the child has the store open, and the child meets it.
Operation meeting(const std::string& name, const Point& at, std::function<void(Store&)> act) {
  Operation op = of(name, kChanges);
  const auto die = op.run;
  op.run = [die, at, act](const World& w) {
    Store s = open(w.path, small_store()).value();
    s.put("own", "mine").value();
    EXPECT_TRUE(ends_at([&] { die(w); }, at));
    arm();
    act(s);
    disarm();
  };
  op.acknowledged["own"] = "mine";
  return op;
}

// Nobody is left when the store is opened again, and rebuilt.
Operation rebuilding() {
  Operation op = of("batch_rebuilt", kChanges);
  const auto die = op.run;
  op.alone = true;
  op.run = [die](const World& w) {
    EXPECT_TRUE(ends_at([&] { die(w); }, {"batch.5", 1}));
    arm();
    const Store s = reopen(w.path, true);
    disarm();
  };
  return op;
}

}  // namespace

std::vector<Operation> batches() {
  return {
      of("batch", kChanges),
      of("batch_large", large()),
      conditional(),
      growing(),
      rebuilding(),
      meeting("batch_helped", {"batch.5", 1},
              [](Store& s) { EXPECT_EQ(s.put_if("k3", "no", Stamp{1}).error().code, Code::conflict); }),
      meeting("batch_put_off", {"batch.5", 3},
              [](Store& s) { EXPECT_EQ(s.snapshot().value().get("fresh").error().code, Code::not_found); }),
      meeting("batch_seen", {"batch.6"}, [](Store& s) { EXPECT_EQ(look(s, "k3"), "batched"); }),
  };
}

}  // namespace durra::test
