// Commands that change records: one at a time, on conditions, in place, together.
#pragma once
#include <durra/testing/commands/command.h>

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <utility>

namespace durra::testing {

struct DoPut : OnKey {
  Payload value = *some_payload();
  bool compress = *rc::gen::arbitrary<bool>();
  std::uint32_t align = *rc::gen::element(8u, 8u, 8u, 64u, 4096u);
  void apply(Model& m) const override { m.put(name, value); }
  void run(const Model& m, Stores& s) const override {
    Model after = m;
    RC_ASSERT(s.put(by, name, value, {.compress = compress, .align = align}) == after.put(name, value));
    expect_nothing(s.differs(after.now, s.handle(by + 1).get(s.key(name)), name));
  }
  void show(std::ostream& os) const override {
    os << "put " << on() << ": " << value << (compress ? ", compressed" : "") << ", align " << align;
  }
};

struct DoErase : OnKey {
  void apply(Model& m) const override { m.erase(name); }
  void run(const Model& m, Stores& s) const override {
    Model after = m;
    RC_ASSERT(outcome(s.handle(by).erase(s.key(name))) == after.erase(name));
    expect_nothing(s.differs(after.now, s.handle(by + 1).get(s.key(name)), name));
  }
  void show(std::ostream& os) const override { os << "erase " << on(); }
};

struct Conditional : OnKey {
  Condition seen = *some_condition();
  unsigned which = *rc::gen::inRange(0u, 8u);
};

struct DoPutIf : Conditional {
  Payload value = *some_payload();
  void apply(Model& m) const override { m.put_if(name, value, seen); }
  void run(const Model& m, Stores& s) const override {
    Model after = m;
    const auto done = s.handle(by).put_if(s.key(name), value.bytes(), s.stamp(m, name, seen, which));
    RC_ASSERT((done ? s.changed(name, *done) : outcome(done)) == after.put_if(name, value, seen));
  }
  void show(std::ostream& os) const override { os << "put_if " << on() << ": " << value << " if " << seen; }
};

struct DoEraseIf : Conditional {
  void apply(Model& m) const override { m.erase_if(name, seen); }
  void run(const Model& m, Stores& s) const override {
    Model after = m;
    const auto done = s.handle(by).erase_if(s.key(name), s.stamp(m, name, seen, which));
    RC_ASSERT(outcome(done) == after.erase_if(name, seen));
  }
  void show(std::ostream& os) const override { os << "erase_if " << on() << " if " << seen; }
};

struct DoUpdate : OnKey {
  Payload value = *some_payload();
  void apply(Model& m) const override { m.put(name, value); }
  void run(const Model& m, Stores& s) const override {
    std::string shown = "not called";
    const auto done = s.handle(by).update(s.key(name), [&](const Record* old) {
      shown = old ? old->str() : "<none>";
      return value.bytes();
    });
    RC_ASSERT((done ? s.changed(name, *done) : outcome(done)) == "ok");
    RC_ASSERT(shown == (m.has(name) ? m.now.at(name).bytes() : "<none>"));
  }
  void show(std::ostream& os) const override { os << "update " << on() << ": " << value; }
};

struct DoDraft : OnKey {
  Payload value = *some_payload();
  bool publish = *rc::gen::arbitrary<bool>();
  void apply(Model& m) const override {
    if (publish) m.put(name, value);
  }
  void run(const Model& m, Stores& s) const override {
    const std::string& bytes = value.bytes();
    auto draft = s.handle(by).draft(s.key(name), bytes.size());
    RC_ASSERT(outcome(draft) == "ok");
    std::ranges::copy(std::as_bytes(std::span(bytes)), draft->bytes().begin());
    expect_nothing(s.differs(m.now, s.handle(by).get(s.key(name)), name));
    if (!publish) return;
    const auto done = (*std::move(draft)).publish();
    RC_ASSERT((done ? s.changed(name, *done) : outcome(done)) == "ok");
  }
  void show(std::ostream& os) const override {
    os << "draft " << on() << ": " << value << (publish ? ", published" : ", dropped");
  }
};

// All of its changes or none.
struct DoBatch : Command {
  Edits changes = *some_edits(8);
  unsigned by = *rc::gen::inRange(0u, 4u);
  bool compress = *rc::gen::arbitrary<bool>();
  void apply(Model& m) const override { m.put(changes); }
  void run(const Model& m, Stores& s) const override {
    Model after = m;
    const std::string should = after.put(changes);
    const auto done = s.handle(by).put(s.batch(m, changes), {.compress = compress});
    RC_ASSERT((done ? s.changed(after, changes) : outcome(done)) == should);
    for (const Edit& c : changes) expect_nothing(s.differs(after.now, s.handle(by + 1).get(s.key(c.name)), c.name));
  }
  void show(std::ostream& os) const override {
    os << "batch by handle " << by << (compress ? ", compressed " : " ") << changes;
  }
};

struct DoAppend : Command {
  Payload value = *some_payload();
  unsigned by = *rc::gen::inRange(0u, 4u);
  void apply(Model& m) const override { m.append(value); }
  void run(const Model& m, Stores& s) const override {
    Model after = m;
    RC_ASSERT(s.append(by, value) == after.append(value));
  }
  void show(std::ostream& os) const override { os << "append by handle " << by << ": " << value; }
};

}  // namespace durra::testing
