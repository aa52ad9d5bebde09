// Commands that open, close and kill.
#pragma once
#include <durra/testing/commands/command.h>

#include <cstddef>
#include <ostream>
#include <utility>

namespace durra::testing {

struct DoOpen : Command {
  void checkPreconditions(const Model& m) const override { RC_PRE(m.handles < 4u); }
  void apply(Model& m) const override { ++m.handles; }
  void run(const Model&, Stores& s) const override {
    s.handles.push_back(open(s.path, s.options).value());
    RC_ASSERT(stats(s.handles.back()).value().opened == Opened::warm);
  }
  void show(std::ostream& os) const override { os << "open another handle"; }
};

struct DoClose : Command {
  unsigned which = *rc::gen::inRange(0u, 4u);
  void checkPreconditions(const Model& m) const override { RC_PRE(m.handles > 1u); }
  void apply(Model& m) const override { --m.handles; }
  void run(const Model& m, Stores& s) const override {
    s.handles.erase(s.handles.begin() + static_cast<std::ptrdiff_t>(which % m.handles));
  }
  void show(std::ostream& os) const override { os << "close handle " << which; }
};

// Snapshots, Records and Tails keep their handles alive.
struct DoReopen : Command {
  bool rebuild = *rc::gen::arbitrary<bool>();
  void apply(Model& m) const override { m.handles = 1; }
  void run(const Model& m, Stores& s) const override {
    s.handles.clear();
    Options o = s.options;
    o.rebuild = rebuild;
    auto store = open(s.path, o);
    if (rebuild && !m.alone()) {
      RC_ASSERT(outcome(store) == "busy");
      store = open(s.path, s.options);
    }
    RC_ASSERT(outcome(store) == "ok");
    const Opened how = stats(*store).value().opened;
    RC_ASSERT(how == (!m.alone() ? Opened::warm : rebuild ? Opened::rebuilt : Opened::clean));
    s.handles.push_back(*std::move(store));
    expect_nothing(s.differs(m, 0));
  }
  void show(std::ostream& os) const override { os << "close all and open" << (rebuild ? ", rebuilding" : ""); }
};

// A process of its own opens the store, makes its changes, and is killed once the last one is acknowledged; a draft
// that it never published dies with it.
struct DoDie : Command {
  Edits changes = *rc::gen::map(some_edits(5), [](Edits all) {
    for (Edit& c : all) c.seen.reset();
    return all;
  });
  bool together = *rc::gen::arbitrary<bool>();  // as one batch
  bool alone = *rc::gen::arbitrary<bool>();     // nobody else has it open: the next opener must trust or rebuild
  void checkPreconditions(const Model& m) const override { RC_PRE(!alone || m.alone()); }
  void apply(Model& m) const override {
    if (alone) m.handles = 1;
    m.put(changes);
    for (const Edit& c : changes)
      if (c.value && !together) m.ever.insert(c.name);
  }
  void live(const Model& m, const Stores& s) const {
    Store mine = open(s.path, s.options).value();
    const Draft draft = mine.draft("never published", 100'000).value();
    if (together) mine.put(s.batch(m, changes)).value();
    for (const Edit& c : together ? Edits{} : changes) {
      if (c.value)
        mine.put(s.key(c.name), c.value->bytes()).value();
      else if (const auto erased = mine.erase(s.key(c.name)); !erased && erased.error().code != Code::not_found)
        return;
    }
    die();
  }
  void run(const Model& m, Stores& s) const override {
    if (alone) s.handles.clear();
    RC_ASSERT(dies([&] { live(m, s); }));
    if (alone) {
      s.handles.push_back(open(s.path, s.options).value());
      const Opened how = stats(s.handle(0)).value().opened;
      RC_ASSERT((how == Opened::same_boot || how == Opened::rebuilt));
    }
    const Model after = nextState(m);
    RC_ASSERT(s.look_up(after) == "ok");
    expect_nothing(s.differs(after, 1));
  }
  void show(std::ostream& os) const override {
    os << "a process" << (alone ? ", alone," : "") << " does " << (together ? "together " : "") << changes
       << " and is killed";
  }
};

}  // namespace durra::testing
