// What a program was promised, and whether a store keeps it.
#include "tests/support/promises.h"

#include <durra/types.h>

#include <algorithm>
#include <charconv>

namespace durra::test {
namespace {

unsigned key_count(const Program& p) { return p.keys + 1 + static_cast<unsigned>(p.ops.size()); }

// What was consumed durably was durable before.
bool makes_all_durable(const Op& op) {
  return op.act == Act::sync || op.act == Act::reopen || op.act == Act::settle ||
         (op.act == Act::consume && op.durability == Durability::power);
}
bool durable_itself(const Op& op) {
  const bool can_ask = op.act != Act::erase && op.act != Act::killed && op.act != Act::killed_alone;
  return can_ask && op.durability == Durability::power;
}

// "12:3:…" -> 12, if that is what operation 12 put under key 3.
int op_of(const Program& p, std::string_view text, unsigned& key) {
  unsigned op = 0;
  const auto first = std::from_chars(text.data(), text.data() + text.size(), op);
  if (first.ec != std::errc{} || op >= p.ops.size() || first.ptr == text.data() + text.size()) return Found::kAbsent;
  const auto second = std::from_chars(first.ptr + 1, text.data() + text.size(), key);
  if (second.ec != std::errc{} || key >= key_count(p)) return Found::kAbsent;
  const std::string& whole = value_of(p, op, key);
  if (whole.empty()) return Found::kAbsent;
  const bool same = key == cursor_key(p) ? text.starts_with(whole) : text == whole;
  return same ? static_cast<int>(op) : Found::kAbsent;
}

std::vector<unsigned> numbers(std::string_view text) {
  std::vector<unsigned> all;
  for (unsigned n = 0; !text.empty();) {
    const auto end = std::from_chars(text.data(), text.data() + text.size(), n);
    if (end.ec == std::errc{}) all.push_back(n);
    text.remove_prefix(std::min<std::size_t>(static_cast<std::size_t>(end.ptr - text.data()) + 1, text.size()));
  }
  return all;
}

class Looker {
 public:
  Looker(Store& s, const Program& p) : store_(s), program_(p) { found_.ops.assign(key_count(p), Found::kAbsent); }
  Found all(bool tail) {
    scan();
    for (unsigned key = 0; key <= program_.keys; ++key) get(key);
    if (tail) ask_tail();
    look_at_typed();
    return std::move(found_);
  }

 private:
  void wrong(const std::string& what) {
    if (found_.wrong.empty()) found_.wrong = what;
  }
  void scan() {
    auto records = store_.records();
    for (const Record& r : records) {
      if (r.key().empty() || r.key()[0] == '\0' || r.key() == "beat" || r.key() == kAfterwards) continue;
      unsigned key = 0;
      const int op = op_of(program_, r.text(), key);
      if (op == Found::kAbsent) {
        wrong("a scan shows under " + std::string(r.key()) +
              " what nobody put: " + std::string(r.text().substr(0, 24)));
      } else if (r.key().starts_with(kLogPrefix) ? key != event_key(program_, static_cast<unsigned>(op))
                                                 : r.key() != key_text(program_, key)) {
        wrong("the value of operation " + std::to_string(op) + " is under another key");
      } else if (found_.ops[key] != Found::kAbsent) {
        wrong(std::string(r.key()) + " is shown twice");
      } else {
        found_.ops[key] = op;
        if (key == cursor_key(program_)) found_.read = numbers(r.text().substr(r.text().rfind(':') + 1));
      }
    }
    if (const auto status = records.status(); !status) wrong("the scan: " + status.error().message());
  }
  void get(unsigned key) {
    const auto r = store_.get(key_text(program_, key));
    if (!r && r.error().code != Code::not_found) return wrong("a get: " + r.error().message());
    unsigned same = key;
    const int op = r ? op_of(program_, r->text(), same) : Found::kAbsent;
    if (op != found_.ops[key] || same != key || (r && op == Found::kAbsent))
      wrong("get and scan differ for " + key_text(program_, key) + ": " + std::to_string(op) + " and " +
            std::to_string(found_.ops[key]));
  }
  // Makes none that is not there.
  void look_at_typed() {
    const auto failed = [&](const auto& r, const char* what) {
      if (!r && r.error().code != Code::not_found) wrong(std::string(what) + r.error().message());
      return !r;
    };
    if (const auto counts = Counter::all(store_, kCount); !failed(counts, "the counters: ") && !counts->empty())
      found_.count = counts->at(0).value();
    if (const auto field = Array<std::uint64_t>::attach(store_, kField); !failed(field, "the array: "))
      found_.field.emplace(field->values().begin(), field->values().end());
    if (const auto ring = Ring<std::uint64_t>::reader(store_, kRing); !failed(ring, "the ring: "))
      found_.ring = ring->last(kRingSize);
  }
  void ask_tail() {
    found_.tail = true;
    auto tail = Tail::open(store_, kTail, kLogPrefix);
    if (!tail) return wrong("the tail: " + tail.error().message());
    for (;;) {
      const auto r = tail->next({});
      if (!r && r.error().code == Code::timeout) return;
      if (!r) return wrong("the tail: " + r.error().message());
      unsigned key = 0;
      const int op = op_of(program_, r->text(), key);
      if (op == Found::kAbsent) return wrong("the tail shows what nobody put");
      found_.shown.push_back(static_cast<unsigned>(op));
    }
  }

  Store& store_;
  const Program& program_;
  Found found_;
};

}  // namespace

Found look(Store& s, const Program& p, bool tail) { return Looker(s, p).all(tail); }

Promises::Promises(const Program& p, std::span<const Moment> moments, std::size_t on_disk)
    : program_(p), versions_(key_count(p)) {
  for (auto& of_key : versions_) of_key.push_back({Found::kAbsent, 0, 0, -1});
  for (std::size_t i = 0; i < p.ops.size(); ++i) {
    const Op& op = p.ops[i];
    const Moment& m = moments[i];
    if (m.begun == Moment::kNever) break;
    if (i + 1 == on_disk && m.code != Moment::kOk) all_durable(0);
    if (m.code != Moment::kOk && m.code != Moment::kNothing) continue;  // refused: the store as it was
    if (op.act == Act::killed_alone && m.ok()) all_durable(m.done);     // it began with an orderly close
    if (op.act == Act::typed) typed_.push_back({static_cast<int>(i), m.begun, Moment::kNever, -1});
    for (const Change& c : op.changes)
      versions_[c.key].push_back({c.erase ? Found::kAbsent : static_cast<int>(i), m.begun,
                                  m.ok() && durable_itself(op) ? m.done : Moment::kNever,
                                  op.act == Act::batch ? static_cast<int>(i) : -1});
    if (m.ok() && makes_all_durable(op)) all_durable(m.done);
    if (i + 1 == on_disk) all_durable(0);
  }
}

void Promises::all_durable(std::uint64_t moment) {
  for (auto& of_key : versions_)
    for (Version& v : of_key) v.durable = std::min(v.durable, moment);
  for (Version& v : typed_) v.durable = std::min(v.durable, moment);
}

bool Promises::any(std::uint64_t moment) const {
  if (std::any_of(typed_.begin(), typed_.end(), [&](const Version& v) { return v.durable <= moment; })) return true;
  return std::any_of(versions_.begin(), versions_.end(), [&](const auto& of_key) {
    return std::any_of(of_key.begin() + 1, of_key.end(), [&](const Version& v) { return v.durable <= moment; });
  });
}

// Whether the key shows a version that is not older than `from` and was begun before the cut.
bool Promises::matches(const Found& f, unsigned key, std::size_t from, std::uint64_t moment) const {
  const auto& of_key = versions_[key];
  for (std::size_t i = from; i < of_key.size() && of_key[i].begun <= moment; ++i)
    if (of_key[i].op == f.ops[key]) return true;
  return false;
}

Promises::Verdict Promises::judge_key(const Found& f, unsigned key, std::uint64_t moment) const {
  const auto& of_key = versions_[key];
  std::size_t durable = 0;
  for (std::size_t i = 0; i < of_key.size(); ++i)
    if (of_key[i].durable <= moment) durable = i;
  if (matches(f, key, durable, moment)) return {};
  const auto text = [](int op) { return op == Found::kAbsent ? "absent" : "of operation " + std::to_string(op); };
  return {Broken::lost, "key " + std::to_string(key) + " is " + text(f.ops[key]) + ", but durable was the one " +
                            text(of_key[durable].op)};
}

Promises::Verdict Promises::judge_batch(const Found& f, unsigned op, std::uint64_t moment) const {
  const auto& changes = program_.ops[op].changes;
  const bool seen = std::any_of(changes.begin(), changes.end(),
                                [&](const Change& c) { return !c.erase && f.ops[c.key] == static_cast<int>(op); });
  if (!seen) return {};
  for (const Change& c : changes) {
    const auto& of_key = versions_[c.key];
    const auto at =
        std::find_if(of_key.begin(), of_key.end(), [&](const Version& v) { return v.batch == static_cast<int>(op); });
    if (at != of_key.end() && !matches(f, c.key, static_cast<std::size_t>(at - of_key.begin()), moment))
      return {Broken::half_a_batch, "of batch " + std::to_string(op) + " key " + std::to_string(c.key) + " is missing"};
  }
  return {};
}

// All events that are there were either consumed or are shown next, and none is both.
Promises::Verdict Promises::judge_feed(const Found& f) const {
  for (unsigned op = 0; op < program_.ops.size(); ++op) {
    if (program_.ops[op].act != Act::append) continue;
    const bool there = f.ops[event_key(program_, op)] != Found::kAbsent;
    const auto read = std::count(f.read.begin(), f.read.end(), op),
               shown = std::count(f.shown.begin(), f.shown.end(), op);
    if (read > 1 || shown > 1 || (read != 0 && shown != 0))
      return {Broken::feed, "event " + std::to_string(op) + " is shown twice"};
    if (f.tail && there && read + shown != 1)
      return {Broken::feed, "event " + std::to_string(op) + " is there, and neither consumed nor shown"};
  }
  return {};
}

// A word of a block is as it was at the last sync or at any moment since.
Promises::Verdict Promises::judge_typed(const Found& f, std::uint64_t moment) const {
  const auto durable_by = [&](const Version& v) { return v.durable <= moment; };
  const auto begun_by = [&](const Version& v) { return v.begun <= moment; };
  const auto least = std::count_if(typed_.begin(), typed_.end(), durable_by);
  const auto most = std::count_if(typed_.begin(), typed_.end(), begun_by);
  if (least > 0 && !(f.count && f.field && f.ring)) return {Broken::lost, "a typed thing that was synced is gone"};
  if (f.count && (*f.count < least || *f.count > most))
    return {Broken::lost, "the counter says " + std::to_string(*f.count) + ", of " + std::to_string(least) + " to " +
                              std::to_string(most)};
  std::set<std::uint64_t> may;
  if (least == 0) may.insert(0);
  for (auto i = std::max<std::ptrdiff_t>(least - 1, 0); i < most; ++i)
    may.insert(static_cast<std::uint64_t>(typed_[static_cast<std::size_t>(i)].op) + 1);
  for (const std::uint64_t x : f.field.value_or(std::set<std::uint64_t>{}))
    if (!may.contains(x)) return {Broken::torn, "an element is " + std::to_string(x) + ", which nobody put since"};
  if (!f.ring) return {};
  std::vector<std::uint64_t> pushed;
  for (auto i = 0; i < most; ++i)
    pushed.push_back(static_cast<std::uint64_t>(typed_[static_cast<std::size_t>(i)].op) + 1);
  if (!std::includes(pushed.begin(), pushed.end(), f.ring->begin(), f.ring->end()))
    return {Broken::torn, "the ring shows what nobody pushed, or not in order"};
  if (least <= static_cast<std::ptrdiff_t>(kRingSize) &&
      !std::includes(f.ring->begin(), f.ring->end(), pushed.begin(), pushed.begin() + least))
    return {Broken::lost, "the ring has lost what was synced"};
  return {};
}

Promises::Verdict Promises::judge(const Found& f, std::uint64_t moment) const {
  if (!f.wrong.empty()) return {Broken::torn, f.wrong};
  for (unsigned key = 0; key < versions_.size(); ++key) {
    if (versions_[key].size() == 1 && f.ops[key] == Found::kAbsent) continue;
    if (auto v = judge_key(f, key, moment); v.what != Broken::nothing) return v;
  }
  for (unsigned op = 0; op < program_.ops.size(); ++op) {
    if (program_.ops[op].act != Act::batch) continue;
    if (auto v = judge_batch(f, op, moment); v.what != Broken::nothing) return v;
  }
  if (auto v = judge_typed(f, moment); v.what != Broken::nothing) return v;
  return judge_feed(f);
}

}  // namespace durra::test
