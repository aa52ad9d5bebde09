// Commands that look after a store: copies, checks, compaction, syncs.
#pragma once
#include <durra/testing/commands/command.h>

#include <filesystem>
#include <ostream>
#include <string>

namespace durra::testing {

struct DoCopy : Command {
  bool recovered = *rc::gen::arbitrary<bool>();
  void run(const Model& m, Stores& s) const override {
    const std::string fresh = s.folder / "copy";
    if (recovered) {
      const auto salvage = recover(s.path, fresh);
      RC_ASSERT(outcome(salvage) == "ok");
      RC_ASSERT(salvage->lost == 0u);
    } else {
      RC_ASSERT(outcome(backup(s.handle(0), fresh)) == "ok");
    }
    const Store copy = open(fresh, s.options).value();
    for (const auto& [n, value] : m.now) RC_ASSERT(copy.get(s.key(n)).value().stamp() == s.stamps.newest(n));
    expect_nothing(s.differs(m.now, copy.records()));
    RC_ASSERT(std::filesystem::remove(fresh));
  }
  void show(std::ostream& os) const override { os << (recovered ? "recover" : "backup") << " and compare"; }
};

struct DoVerify : Command {
  void run(const Model&, Stores& s) const override {
    const auto verdict = verify(s.path);
    RC_ASSERT(outcome(verdict) == "ok");
    RC_ASSERT(verdict->damage.empty());
  }
  void show(std::ostream& os) const override { os << "verify"; }
};

// Erased keys stay noted for Tails.
struct DoCompact : Command {
  unsigned by = *rc::gen::inRange(0u, 4u);
  void run(const Model& m, Stores& s) const override {
    RC_ASSERT(outcome(compact(s.handle(by))) == "ok");
    expect_nothing(s.differs(m, by + 1));
  }
  void show(std::ostream& os) const override { os << "compact by handle " << by; }
};

// On a tmpfs, where nothing survives a power cut, it says so.
struct DoSync : Command {
  unsigned by = *rc::gen::inRange(0u, 4u);
  void run(const Model&, Stores& s) const override {
    const std::string said = outcome(s.handle(by).sync());
    RC_ASSERT((said == "ok" || said == "unsupported"));
  }
  void show(std::ostream& os) const override { os << "sync by handle " << by; }
};

}  // namespace durra::testing
