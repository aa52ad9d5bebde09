// The linearizability checker.
#include <durra/testing/history.h>

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace durra::testing {
namespace {

// ---- Operations as numbers: keys and values by index; value 0 is absent
// ----------------------------------------------
struct Step {
  struct Change {
    std::uint32_t key, value, expected;
    bool conditional, must_exist;
  };
  std::vector<Change> changes;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> seen;
  bool done;
  std::uint64_t invoked, responded;
  std::size_t operation;
};

template <class T>
class Numbers {
 public:
  std::uint32_t operator()(const T& v) {
    return numbers_.try_emplace(v, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }
  std::size_t size() const noexcept { return numbers_.size(); }

 private:
  std::unordered_map<T, std::uint32_t> numbers_;
};

// Operations that some chain of common keys joins; each with the values its keys have at first.
struct Part {
  std::vector<Step> steps;
  std::vector<std::uint32_t> initial;
};

// ---- The search
// ------------------------------------------------------------------------------------------------------
class Search {
 public:
  explicit Search(const Part& part) : steps_(part.steps), state_(part.initial), taken_((steps_.size() + 63) / 64) {
    for (const Step& s : steps_) must_ += s.responded != kPending;
  }

  // An order of all operations that were answered, if there is one.
  bool find(std::vector<std::size_t>& order) {
    if (!go_on(order)) return false;
    return true;
  }

 private:
  // Depth first, without recursion: histories may be long.
  bool go_on(std::vector<std::size_t>& order) {
    struct Level {
      std::size_t next = 0, taken = 0;
      std::vector<std::uint32_t> before{};
    };
    std::vector<Level> levels(1);
    std::size_t answered = 0;
    for (;;) {
      if (answered == must_) return true;
      Level& now = levels.back();
      const std::uint64_t horizon = first_response();
      std::size_t i = now.next;
      for (; i < steps_.size(); ++i)
        if (!taken(i) && steps_[i].invoked < horizon && applies(steps_[i])) break;
      if (i < steps_.size()) {
        now.next = i + 1;
        Level below;
        below.taken = i;
        below.before = state_;
        apply(steps_[i]);
        take(i, true);
        answered += steps_[i].responded != kPending;
        order.push_back(steps_[i].operation);
        levels.push_back(std::move(below));
        if (tried_.insert(memory()).second) continue;
      } else if (levels.size() == 1) {
        return false;
      }
      // Back: this was tried before, or nothing more can follow.
      Level back = std::move(levels.back());
      levels.pop_back();
      state_ = std::move(back.before);
      take(back.taken, false);
      answered -= steps_[back.taken].responded != kPending;
      order.pop_back();
    }
  }

  std::uint64_t first_response() const noexcept {
    std::uint64_t first = kPending;
    for (std::size_t i = 0; i < steps_.size(); ++i)
      if (!taken(i)) first = std::min(first, steps_[i].responded);
    return first;
  }

  bool applies(const Step& s) const noexcept {
    for (const auto& [key, value] : s.seen)
      if (state_[key] != value) return false;
    const bool holds = std::all_of(s.changes.begin(), s.changes.end(), [&](const Step::Change& c) {
      return (!c.conditional || state_[c.key] == c.expected) && (!c.must_exist || state_[c.key] != 0);
    });
    return s.responded == kPending ? holds : holds == s.done;
  }

  void apply(const Step& s) noexcept {
    if (!s.done) return;
    for (const Step::Change& c : s.changes) state_[c.key] = c.value;
  }

  bool taken(std::size_t i) const noexcept { return (taken_[i / 64] >> i % 64 & 1) != 0; }
  void take(std::size_t i, bool yes) noexcept {
    const std::uint64_t bit = 1ull << i % 64;
    if (yes)
      taken_[i / 64] |= bit;
    else
      taken_[i / 64] &= ~bit;
  }

  std::string memory() const {
    std::string text(reinterpret_cast<const char*>(taken_.data()), taken_.size() * sizeof taken_[0]);
    return text.append(reinterpret_cast<const char*>(state_.data()), state_.size() * sizeof state_[0]);
  }

  const std::vector<Step>& steps_;
  std::vector<std::uint32_t> state_;
  std::vector<std::uint64_t> taken_;
  std::unordered_set<std::string> tried_;
  std::size_t must_ = 0;
};

// ---- Parts
// -----------------------------------------------------------------------------------------------------------
class Joined {
 public:
  explicit Joined(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t of(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { parent_[of(a)] = of(b); }

 private:
  std::vector<std::size_t> parent_;
};

std::vector<std::string> keys_of(const Operation& op) {
  std::vector<std::string> keys;
  for (const Change& c : op.changes) keys.push_back(c.key);
  for (const Seen& s : op.seen) keys.push_back(s.key);
  return keys;
}

std::vector<Part> parts_of(const std::vector<Operation>& all, const std::map<std::string, std::string>& initial) {
  Numbers<std::string> keys;
  std::vector<std::vector<std::uint32_t>> of_operation;
  for (const Operation& op : all) {
    of_operation.emplace_back();
    for (const std::string& key : keys_of(op)) of_operation.back().push_back(keys(key));
  }
  Joined joined(keys.size());
  for (const auto& some : of_operation)
    for (const std::uint32_t key : some) joined.join(some.front(), key);

  Numbers<std::string> values;
  values({});  // 0: absent; "v" stands for the value "v" below, with a mark before it
  const auto number = [&](const Value& v) { return v ? values("=" + *v) : 0; };
  std::unordered_map<std::size_t, Part> parts;
  std::unordered_map<std::uint32_t, std::uint32_t> place;  // of a key within its part
  const auto place_of = [&](Part& part, const std::string& key) {
    const auto [at, fresh] = place.try_emplace(keys(key), static_cast<std::uint32_t>(part.initial.size()));
    if (fresh) {
      const auto first = initial.find(key);
      part.initial.push_back(first != initial.end() ? number(first->second) : 0);
    }
    return at->second;
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (of_operation[i].empty()) continue;
    const Operation& op = all[i];
    Part& part = parts[joined.of(of_operation[i].front())];
    Step step{{}, {}, op.done || op.responded == kPending, op.invoked, op.responded, i};
    for (const Change& c : op.changes)
      step.changes.push_back({place_of(part, c.key), number(c.value), number(c.expected), c.conditional, c.must_exist});
    if (op.responded != kPending)
      for (const Seen& s : op.seen) step.seen.emplace_back(place_of(part, s.key), number(s.value));
    part.steps.push_back(std::move(step));
  }
  std::vector<Part> out;
  for (auto& [_, part] : parts) out.push_back(std::move(part));
  return out;
}

bool explained(const Part& part, std::vector<std::size_t>& order) { return Search(part).find(order); }

// ---- The story
// ------------------------------------------------------------------------------------------------------- What is left
// when every operation that the contradiction can do without is forgotten: a read is left out, a change becomes one
// that may have happened.
std::vector<std::size_t> offending(Part part) {
  constexpr std::size_t kWorthIt = 300;
  std::vector<std::size_t> ignored;
  for (std::size_t i = part.steps.size() <= kWorthIt ? part.steps.size() : 0; i-- > 0;) {  // late ones first
    const Step kept = part.steps[i];
    part.steps[i].responded = kPending;
    part.steps[i].seen.clear();
    part.steps[i].done = true;
    if (explained(part, ignored)) part.steps[i] = kept;
  }
  std::vector<std::size_t> left;
  for (const Step& s : part.steps)
    if (s.responded != kPending) left.push_back(s.operation);
  return left;
}

std::string shown(const Value& v) { return v ? "\"" + *v + "\"" : "nothing"; }

std::string described(const Operation& op) {
  std::string text = op.name.empty() ? "" : op.name + ": ";
  for (const Change& c : op.changes) {
    text += c.key + " := " + shown(c.value);
    if (c.conditional) text += " if it is " + shown(c.expected);
    text += "; ";
  }
  for (const Seen& s : op.seen) text += "saw " + s.key + " = " + shown(s.value) + "; ";
  if (op.responded != kPending && !op.changes.empty()) text += op.done ? "done" : "refused";
  const std::string end = op.responded == kPending ? "never" : std::to_string(op.responded);
  return text + " [" + std::to_string(op.invoked) + ", " + end + "]";
}

}  // namespace

Operation put(std::string key, std::string value) { return batch({{std::move(key), std::move(value)}}); }
Operation erase(std::string key) { return batch({{std::move(key), {}, false, {}, true}}); }
Operation put_if(std::string key, std::string value, Value expected) {
  return batch({{std::move(key), std::move(value), true, std::move(expected)}});
}
Operation erase_if(std::string key, std::string expected) {
  return batch({{std::move(key), {}, true, std::move(expected)}});
}
Operation get(std::string key) { return snapshot({{std::move(key), {}}}); }
Operation batch(std::vector<Change> changes) {
  Operation op;
  op.changes = std::move(changes);
  return op;
}
Operation snapshot(std::vector<Seen> seen) {
  Operation op;
  op.seen = std::move(seen);
  return op;
}

Verdict linearizable(const std::vector<Operation>& all, const std::map<std::string, std::string>& initial) {
  Verdict v;
  for (Part& part : parts_of(all, initial)) {
    std::sort(part.steps.begin(), part.steps.end(), [](const Step& a, const Step& b) { return a.invoked < b.invoked; });
    if (explained(part, v.order)) continue;
    v.linearizable = false;
    v.offending = offending(part);
    break;
  }
  if (!v.linearizable) v.order.clear();
  std::sort(v.offending.begin(), v.offending.end(),
            [&](std::size_t a, std::size_t b) { return all[a].invoked < all[b].invoked; });
  for (const std::size_t i : v.offending) v.story += described(all[i]) + "\n";
  return v;
}

}  // namespace durra::testing
