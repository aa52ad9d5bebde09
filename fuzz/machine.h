// A small store, up to three handles of it, and what it must hold: an input is a list of operations on them.
//
// Each operation is some bytes: what, which handle, which key, how large.  `full` is always an answer and changes
// nothing; any other error, and any other content than the model's, ends the process.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/image.h"

namespace durra::fuzz {

// The bytes of an input, one after the other; zeros behind its end.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  bool empty() const { return at_ >= bytes_.size(); }
  std::uint8_t byte() { return empty() ? 0 : bytes_[at_++]; }
  std::size_t below(std::size_t n) { return byte() % n; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

struct Value {
  std::string text;
  Stamp stamp{};
};
using Values = std::map<std::string, Value>;

class Machine {
 public:
  // `path`: of a store that holds nothing.
  explicit Machine(std::string path) : path_(std::move(path)) { handles_[0].emplace(reopened(false)); }

  // What the next operation may change, for whoever interrupts it: `before` and `after` it.
  const Values& before() const { return before_; }
  const Values& after() const { return model_; }
  void step(Input& in);
  void check() { compare_all(any()); }
  void close();  // all handles; then nothing more

  static std::string key(std::size_t k) { return k % 8 == 7 ? std::string(300, 'k') : "key" + std::to_string(k % 8); }
  static Options options() {
    Options o = small();
    o.max_size = 2_MiB;
    o.participants = 8;
    o.patience = std::chrono::milliseconds(200);
    return o;
  }
  static void compare(const Result<Record>& r, const Values& values, const std::string& key);

 private:
  static constexpr std::size_t kHandles = 3;
  struct Then {
    Snapshot snapshot;
    Values values;
  };
  struct Seen {
    Tail tail;
    std::map<std::string, Stamp> last;  // what it has shown
  };
  struct Begun {
    Draft draft;
    std::string key, text;
  };
  Store reopened(bool rebuild) {
    Options o = options();
    o.mode = Mode::open;
    o.rebuild = rebuild;
    return open(path_, o).value();
  }
  Store& any() {
    for (auto& h : handles_)
      if (h) return *h;
    return handles_[0].emplace(reopened(false));
  }
  Store& chosen(Input& in) {
    auto& h = handles_[in.below(kHandles)];
    return h ? *h : h.emplace(reopened(false));
  }
  static std::string text_of(Input& in) {
    static constexpr std::array<std::size_t, 16> kSizes{0,  1,  8,   9,     40,     100,    1'000,  4'000,
                                                        64, 63, 500, 9'000, 20'000, 60'000, 65'000, 140'000};
    const std::uint8_t b = in.byte();
    return std::string(kSizes[b % 16], static_cast<char>('a' + b / 16));
  }
  static bool done(bool ok, Code code) {  // false: it was refused for want of space
    must(ok || code == Code::full, ok ? "" : name(code));
    return ok;
  }
  template <class T>
  static bool done(const Result<T>& r) {
    return done(static_cast<bool>(r), r ? Code::full : r.error().code);
  }

  void put(Store&, Input&);
  void erase(Store&, Input&);
  void put_if(Store&, Input&);
  void batch(Store&, Input&);
  void append(Store&, Input&);
  void draft(Store&, Input&);
  void snapshot(Store&);
  void follow(Store&, Input&);
  void compare_all(const Store&);
  void compare_records(Records, const Values&);

  std::string path_;
  std::array<std::optional<Store>, kHandles> handles_;
  std::optional<Then> then_;
  std::optional<Seen> seen_;
  std::optional<Begun> draft_;
  Values model_, before_;
  std::set<std::pair<std::string, Stamp>> versions_;  // every one that there was
};

inline void Machine::compare(const Result<Record>& r, const Values& values, const std::string& key) {
  const auto held = values.find(key);
  if (held == values.end()) return must(!r && r.error().code == Code::not_found, "a key that is not there is found");
  must(static_cast<bool>(r), "a key is missing");
  must(r->text() == held->second.text && r->key() == key, "a key has another value");
  must(r->stamp() == held->second.stamp && r->intact(), "a key has another version");
}

inline void Machine::compare_records(Records records, const Values& values) {
  std::size_t n = 0;
  for (const Record& r : records) {
    ++n;
    const auto held = values.find(std::string(r.key()));
    must(held != values.end() && held->second.text == r.text(), "a scan shows something else");
  }
  must(static_cast<bool>(records.status()) && n == values.size(), "a scan does not show all");
}

inline void Machine::compare_all(const Store& s) {
  for (std::size_t k = 0; k < 8; ++k) compare(s.get(key(k)), model_, key(k));
  compare_records(s.records(), model_);
}

inline void Machine::put(Store& s, Input& in) {
  const std::string k = key(in.byte()), text = text_of(in);
  const std::uint8_t how = in.byte();
  const auto stamp = s.put(k, text, {.compress = (how & 1) != 0, .align = 8u << (how / 2 % 4)});
  if (done(stamp)) model_[k] = {text, *stamp}, versions_.emplace(k, *stamp);
}

inline void Machine::erase(Store& s, Input& in) {
  const std::string k = key(in.byte());
  const auto gone = s.erase(k);
  const bool was = model_.contains(k);
  if (!was) return must(!gone && gone.error().code == Code::not_found, "an erase of nothing");
  if (done(gone)) model_.erase(k);
}

inline void Machine::put_if(Store& s, Input& in) {
  const std::string k = key(in.byte()), text = text_of(in);
  const auto held = model_.find(k);
  const Stamp is = held == model_.end() ? absent : held->second.stamp;
  const bool right = in.byte() % 4 != 0;
  const Stamp seen = right ? is : static_cast<Stamp>(static_cast<std::uint64_t>(is) + 1);
  const auto stamp = s.put_if(k, text, seen);
  if (!right) return must(!stamp && stamp.error().code != Code::damaged, "a put under a wrong condition");
  if (done(stamp)) model_[k] = {text, *stamp}, versions_.emplace(k, *stamp);
}

inline void Machine::batch(Store& s, Input& in) {
  Batch batch;
  Values next = model_;
  std::vector<std::string> put;
  bool conditions = true;
  for (std::size_t n = in.below(6); n-- > 0;) {
    const std::string k = key(in.byte());
    const std::uint8_t how = in.byte();
    if (how % 4 == 0) {
      batch.erase(k);
      next.erase(k);
    } else {
      const std::string text = text_of(in);
      if (how % 4 == 1 && !next.contains(k) && !model_.contains(k)) {
        const bool right = how % 8 != 5;
        batch.put_if(k, text, right ? absent : static_cast<Stamp>(1 << 16));
        conditions = conditions && right;
      } else {
        batch.put(k, text);
      }
      next[k].text = text;
      put.push_back(k);
    }
  }
  const auto all = s.put(batch);
  if (!all && all.error().code == Code::invalid) return;  // two conditions on one key
  if (!all && all.error().code == Code::too_large) return;
  if (!conditions) return must(!all, "a batch under a wrong condition");
  if (!done(all)) return;
  model_ = std::move(next);
  for (const auto& k : put)
    if (const auto held = model_.find(k); held != model_.end()) {
      held->second.stamp = s.get(k).value().stamp();
      versions_.emplace(k, held->second.stamp);
    }
}

inline void Machine::append(Store& s, Input& in) {
  const std::string text = text_of(in);
  const auto stamp = s.append("log", text);
  if (!done(stamp)) return;
  for (const Record& r : s.records("log/"))
    if (r.stamp() == *stamp) {
      model_[std::string(r.key())] = {text, *stamp};
      versions_.emplace(std::string(r.key()), *stamp);
    }
}

// Begun by one operation, and published or dropped by a later one.
inline void Machine::draft(Store& s, Input& in) {
  if (!draft_) {
    const std::string k = key(in.byte()), text = text_of(in);
    auto d = s.draft(k, text.size());
    if (!done(d)) return;
    if (!text.empty()) std::memcpy(d->bytes().data(), text.data(), text.size());
    draft_.emplace(Begun{*std::move(d), k, text});
    return;
  }
  auto [begun, k, text] = *std::exchange(draft_, {});
  if (in.byte() % 4 == 0) return;
  const auto stamp = std::move(begun).publish();
  if (done(stamp)) model_[k] = {text, *stamp}, versions_.emplace(k, *stamp);
}

inline void Machine::snapshot(Store& s) {
  if (!then_) {
    auto taken = s.snapshot();
    if (done(taken)) then_.emplace(Then{*std::move(taken), model_});
    return;
  }
  for (std::size_t k = 0; k < 8; ++k) compare(then_->snapshot.get(key(k)), then_->values, key(k));
  compare_records(then_->snapshot.records(), then_->values);
  then_.reset();
}

// What a tail shows was put; of each key only later than before; when it has nothing more, it has shown the newest.
inline void Machine::follow(Store& s, Input& in) {
  if (!seen_) {
    auto tail = in.byte() % 2 == 0 ? Tail::from_now(s) : Tail::open(s, "fuzz");
    if (!tail && tail.error().code == Code::busy) return;
    if (done(tail)) seen_.emplace(Seen{*std::move(tail), {}});
    return;
  }
  for (std::size_t n = in.below(20); n-- > 0;) {
    const auto r = seen_->tail.next(std::chrono::nanoseconds(0));
    if (!r) return must(r.error().code == Code::timeout, name(r.error().code));
    const std::string k(r->key());
    must(r->erased() || versions_.contains({k, r->stamp()}), "a tail shows what was never put");
    Stamp& last = seen_->last[k];
    must(last < r->stamp(), "a tail goes back");
    last = r->stamp();
  }
  if (in.byte() % 2 == 0) (void)seen_->tail.save();
}

inline void Machine::step(Input& in) {
  before_ = model_;
  const std::uint8_t what = in.byte();
  Store& s = chosen(in);
  switch (what % 20) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: put(s, in); break;
    case 5:
    case 6: erase(s, in); break;
    case 7: put_if(s, in); break;
    case 8:
    case 9: batch(s, in); break;
    case 10: append(s, in); break;
    case 11:
    case 12: draft(s, in); break;
    case 13: snapshot(s); break;
    case 14:
    case 15: follow(s, in); break;
    case 16: {
      CompactOptions all;
      if (in.byte() % 2 == 0) all.keep_erased = std::chrono::milliseconds(0);
      (void)done(compact(s, all));
      break;
    }
    case 17: handles_[in.below(kHandles)].reset(); break;
    case 18:
      close();
      handles_[0].emplace(reopened(in.byte() % 2 == 0));
      break;
    default: compare_all(s);
  }
}

inline void Machine::close() {
  then_.reset();
  seen_.reset();
  draft_.reset();
  for (auto& h : handles_) h.reset();
}

}  // namespace durra::fuzz
