// Commands that read, now or as it was.
#pragma once
#include <durra/testing/commands/command.h>

#include <cstddef>
#include <ostream>

namespace durra::testing {

struct DoReadAll : Command {
  unsigned by = *rc::gen::inRange(0u, 4u);
  void run(const Model& m, Stores& s) const override { expect_nothing(s.differs(m, by)); }
  void show(std::ostream& os) const override { os << "read everything by handle " << by; }
};

struct DoSnapshot : Command {
  unsigned by = *rc::gen::inRange(0u, 4u);
  void checkPreconditions(const Model& m) const override { RC_PRE(m.snapshots.size() < 4u); }
  void apply(Model& m) const override { m.snapshots.push_back(m.now); }
  void run(const Model&, Stores& s) const override { s.snapshots.push_back(s.handle(by).snapshot().value()); }
  void show(std::ostream& os) const override { os << "snapshot by handle " << by; }
};

struct DoCheckSnapshots : Command {
  bool drop = *rc::gen::arbitrary<bool>();
  void checkPreconditions(const Model& m) const override { RC_PRE(!m.snapshots.empty()); }
  void apply(Model& m) const override {
    if (drop) m.snapshots.erase(m.snapshots.begin());
  }
  void run(const Model& m, Stores& s) const override {
    for (std::size_t i = 0; i < m.snapshots.size(); ++i) {
      expect_nothing(s.differs(m.snapshots[i], s.snapshots[i]));
      for (const Name& n : m.ever) expect_nothing(s.differs(m.snapshots[i], s.snapshots[i].get(s.key(n)), n));
    }
    if (drop) s.snapshots.erase(s.snapshots.begin());
  }
  void show(std::ostream& os) const override { os << "check all snapshots" << (drop ? ", drop the oldest" : ""); }
};

// A Record that is held stays as it is.
struct DoHold : OnKey {
  void checkPreconditions(const Model& m) const override { RC_PRE(m.has(name) && m.held.size() < 20u); }
  void apply(Model& m) const override { m.held.push_back(m.now.at(name)); }
  void run(const Model&, Stores& s) const override { s.held.push_back(s.handle(by).get(s.key(name)).value()); }
  void show(std::ostream& os) const override { os << "hold " << on(); }
};

struct DoDropRecords : Command {
  void checkPreconditions(const Model& m) const override { RC_PRE(!m.held.empty()); }
  void apply(Model& m) const override { m.held.clear(); }
  void run(const Model& m, Stores& s) const override {
    for (std::size_t i = 0; i < m.held.size(); ++i) {
      RC_ASSERT(s.held[i].text() == m.held[i].bytes());
      RC_ASSERT(outcome(s.held[i].intact()) == "ok");
    }
    s.held.clear();
  }
  void show(std::ostream& os) const override { os << "check and drop the held records"; }
};

}  // namespace durra::testing
