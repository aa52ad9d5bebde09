// Commands that follow the changes of all others: one Tail with a name, left and taken up again.
#pragma once
#include <durra/testing/commands/command.h>

#include <optional>
#include <ostream>

namespace durra::testing {

// Shows up to `times` versions, of whatever was changed by whomever.
struct DoFollow : Command {
  unsigned by = *rc::gen::inRange(0u, 4u);  // of the first who follows
  int times = *rc::gen::inRange(1, 60);
  void apply(Model& m) const override { m.tail = true; }
  // False: there is nothing more; and then everything was shown.
  static bool one(const Model& m, Stores& s) {
    auto r = s.tail->next(Duration::zero());
    if (!r) {
      RC_ASSERT(outcome(r) == "timeout");
      if (const auto missing = s.followed.missing(m); !missing.empty()) RC_FAIL("a tail never showed " + missing);
      return false;
    }
    const Name name = s.name(*r);
    std::optional<Payload> value;
    if (!r->erased()) value = Payload(r->str());
    RC_ASSERT(s.followed.shown(name, value, r->stamp()));
    return true;
  }
  void run(const Model& m, Stores& s) const override {
    if (!s.tail) s.tail = Tail::open(s.handle(by), "t").value();
    for (int i = 0; i < times && one(m, s); ++i) {
    }
  }
  void show(std::ostream& os) const override { os << "follow " << times << " changes"; }
};

struct DoSaveTail : Command {
  void checkPreconditions(const Model& m) const override { RC_PRE(m.tail); }
  void run(const Model&, Stores& s) const override {
    RC_ASSERT(outcome(s.tail->save()) == "ok");
    s.followed.saved();
  }
  void show(std::ostream& os) const override { os << "save the tail"; }
};

// What was shown and not saved is shown again.
struct DoReopenTail : Command {
  unsigned by = *rc::gen::inRange(0u, 4u);
  void checkPreconditions(const Model& m) const override { RC_PRE(m.tail); }
  void run(const Model&, Stores& s) const override {
    s.tail.reset();
    s.tail = Tail::open(s.handle(by), "t").value();
    s.followed.reopened();
  }
  void show(std::ostream& os) const override { os << "reopen the tail by handle " << by; }
};

struct DoDropTail : Command {
  void checkPreconditions(const Model& m) const override { RC_PRE(m.tail); }
  void apply(Model& m) const override { m.tail = false; }
  void run(const Model&, Stores& s) const override {
    s.tail.reset();
    s.followed.reopened();
  }
  void show(std::ostream& os) const override { os << "drop the tail"; }
};

}  // namespace durra::testing
