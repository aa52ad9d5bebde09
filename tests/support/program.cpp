// Programs whose power is cut: made at random, and run.
#include "tests/support/program.h"

#include <durra/care.h>
#include <durra/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "tests/support/stores.h"

namespace durra::test {

const char* name(Act a) noexcept {
  constexpr const char* kNames[] = {"put",          "put_if", "draft",   "erase",      "batch",  "append",
                                    "consume",      "sync",   "compact", "reopen",     "other",  "killed",
                                    "killed_alone", "hold",   "let_go",  "write_back", "settle", "typed"};
  return kNames[static_cast<std::size_t>(a)];
}

std::string key_text(const Program& p, unsigned key) {
  if (key < p.names.size()) return p.names[key];
  return key == cursor_key(p) ? "cursor" : "k" + std::to_string(key);
}

const std::string& value_of(const Program& p, unsigned op, unsigned key) {
  static const std::string kNone;
  const auto& changes = p.ops[op].changes;
  for (std::size_t i = 0; i < changes.size(); ++i)
    if (changes[i].key == key) return p.values[op][i];
  return kNone;
}

// ---- Chance ---------------------------------------------------------------------------------------------------------
namespace {

class Generator {
 public:
  Generator(std::uint64_t seed, const Shape& shape) : shape_(shape), random_(seed) {}

  Op next() {
    Op op;
    op.act = act();
    op.size = size();
    op.durability = chance(3) ? Durability::power : shape_.interval ? Durability::interval : Durability::process;
    switch (op.act) {
      case Act::put:
      case Act::put_if:
      case Act::draft:
      case Act::killed:
      case Act::killed_alone: op.changes = {{below(shape_.keys)}}; break;
      case Act::erase: op.changes = {{below(shape_.keys), true}}; break;
      case Act::batch: op.changes = batch(); break;
      case Act::consume: op.durability = Durability::power; break;  // else a name taken over outlives its effects
      default: break;
    }
    return op;
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool chance(unsigned one_in) { return below(one_in) == 0; }

 private:
  Act act() {
    struct Weighted {
      Act act;
      unsigned weight;
    };
    const unsigned others = shape_.other_processes ? 1 : 0;
    const std::array<Weighted, 18> all{{{Act::put, 22},
                                        {Act::put_if, 3},
                                        {Act::draft, 3},
                                        {Act::erase, 8},
                                        {Act::batch, 8},
                                        {Act::append, 5},
                                        {Act::consume, 3},
                                        {Act::sync, 6},
                                        {Act::compact, 4},
                                        {Act::reopen, 3},
                                        {Act::other, 4},
                                        {Act::killed, 2 * others},
                                        {Act::killed_alone, others},
                                        {Act::hold, 2},
                                        {Act::let_go, 3},
                                        {Act::write_back, 4 * others},
                                        {Act::settle, shape_.interval ? 3u : 0u},
                                        {Act::typed, 4}}};
    unsigned sum = 0;
    for (const Weighted& w : all) sum += w.weight;
    unsigned at = below(sum);
    for (const Weighted& w : all) {
      if (at < w.weight) return w.act;
      at -= w.weight;
    }
    return Act::put;
  }
  unsigned size() { return below(chance(6) ? shape_.large : chance(4) ? 40 : shape_.size); }
  std::vector<Change> batch() {
    std::vector<Change> changes;
    const unsigned first = below(shape_.keys), count = 2 + below(3);
    for (unsigned i = 0; i < count && i < shape_.keys; ++i) changes.push_back({(first + i) % shape_.keys, chance(4)});
    return changes;
  }

  const Shape shape_;
  std::mt19937_64 random_;
};

}  // namespace

Program random_program(std::uint64_t seed, const Shape& shape) {
  Generator g(seed, shape);
  Program p;
  p.seed = seed;
  p.keys = shape.keys;
  p.options = small((1 + g.below(3)) * 1_MiB, 8);
  if (shape.interval) {
    p.options.durability = Durability::interval;
    p.options.sync_interval = std::chrono::milliseconds(5);
  }
  for (unsigned i = 0; i < shape.ops; ++i) {
    p.ops.push_back(g.next());
    Op& op = p.ops.back();
    if (op.act == Act::append) op.changes = {{event_key(p, i)}};
    if (op.act == Act::consume) op.changes = {{cursor_key(p)}};
  }
  make_values(p);
  return p;
}

void make_values(Program& p) {
  p.values.assign(p.ops.size(), {});
  for (unsigned i = 0; i < p.ops.size(); ++i)
    for (const Change& c : p.ops[i].changes) {
      std::string value = std::to_string(i) + ":" + std::to_string(c.key) + ":";
      const std::size_t size = c.key == cursor_key(p) ? 0 : p.ops[i].size;
      if (size > value.size()) value += noise(size - value.size(), p.seed * 1'000'003 + i * 1'009 + c.key);
      p.values[i].push_back(std::move(value));
    }
}

// ---- Running --------------------------------------------------------------------------------------------------------

class Execution::Runner {
 public:
  Runner(std::string path, const Program& p, Observer o)
      : path_(std::move(path)), program_(p), observer_(std::move(o)) {}

  Result<void> one(unsigned i) {
    const Op& op = program_.ops[i];
    switch (op.act) {
      case Act::other: current_ = 1 - current_; return {};
      case Act::let_go: return held_.reset(), Result<void>{};
      case Act::write_back: return observer_.write_back(program_.seed * 31 + i), Result<void>{};
      case Act::reopen: return close(), Result<void>{};
      case Act::killed_alone: close(); [[fallthrough]];
      case Act::killed: return killed(i);
      default: break;
    }
    auto store = ready();
    return store ? change(**store, i) : store.error();
  }

 private:
  Result<Store*> ready() {
    auto& store = stores_[current_];
    if (!store) {
      auto opened = open(path_, program_.options);
      if (!opened) return opened.error();
      store.emplace(*std::move(opened));
    }
    return &*store;
  }
  void close() {
    held_.reset();
    tail_.reset();
    typed_.reset();
    for (auto& store : stores_) store.reset();
  }

  Result<void> change(Store& s, unsigned i) {
    const Op& op = program_.ops[i];
    const unsigned key = op.changes.empty() ? 0 : op.changes[0].key;
    const std::string text = key_text(program_, key), value = value_of(program_, i, key);
    const Put how{.durability = op.durability};
    switch (op.act) {
      case Act::put: return plain(s.put(text, value, how));
      case Act::put_if: {
        const auto old = s.get(text);
        return plain(s.put_if(text, value, old ? old->stamp() : absent, how));
      }
      case Act::draft:
        return plain(s.put_with(
            text, value.size(), [&](auto to) { copy(value, to); }, how));
      case Act::erase: return s.erase(text);
      case Act::batch: return s.put(batch(i), how);
      case Act::append: return plain(s.append(kLog, value, how));
      case Act::consume: return consume(s, i, how);
      case Act::sync: return s.sync();
      case Act::compact: return plain(compact(s, {.keep_erased = std::chrono::milliseconds(0)}));
      case Act::hold: return hold(s);
      case Act::settle: return settle(s);
      case Act::typed: return typed(s, i + 1);
      default: return {};
    }
  }
  template <class T>
  static Result<void> plain(const Result<T>& r) {
    return r ? Result<void>{} : r.error();
  }
  static void copy(const std::string& from, std::span<std::byte> to) {
    if (!from.empty()) std::memcpy(to.data(), from.data(), from.size());
  }
  Batch batch(unsigned i) const {
    Batch b;
    for (const Change& c : program_.ops[i].changes) {
      const std::string text = key_text(program_, c.key);
      if (c.erase)
        b.erase(text);
      else
        b.put(text, value_of(program_, i, c.key));
    }
    return b;
  }
  // Some events, and what was consumed by then: with the tail's position, or not at all.
  Result<void> consume(Store& s, unsigned i, const Put& how) {
    if (tail_ && reader_ != current_) tail_.reset();  // gives the name back
    reader_ = current_;
    if (!tail_) {
      auto opened = Tail::open(s, kTail, kLogPrefix);
      if (!opened) return opened.error();
      tail_.emplace(*std::move(opened));
      const auto cursor = s.get(key_text(program_, cursor_key(program_)));
      consumed_ = cursor ? cursor->str().substr(cursor->str().rfind(':') + 1) : "";
    }
    std::string more = consumed_;
    for (int n = 0; n < 3; ++n) {
      auto record = tail_->next({});
      if (!record) break;
      if (!record->erased()) more += std::string(record->text().substr(0, record->text().find(':'))) + " ";
    }
    Batch b;
    b.put(key_text(program_, cursor_key(program_)), value_of(program_, i, cursor_key(program_)) + more);
    tail_->save(b);
    const auto done = s.put(b, how);
    if (done)
      consumed_ = more;
    else
      tail_.reset();  // goes on where it was saved
    return done;
  }
  Result<void> typed(Store& s, std::uint64_t value) {
    if (typed_ && typed_->of != current_) typed_.reset();  // gives the ring back
    if (!typed_) {
      auto count = Counter::open(s, kCount);
      if (!count) return count.error();
      auto field = Array<std::uint64_t>::open(s, kField, {kFieldSize});
      if (!field) return field.error();
      auto ring = Ring<std::uint64_t>::writer(s, kRing, kRingSize);
      if (!ring) return ring.error();
      typed_.emplace(current_, *std::move(count), *std::move(field), *std::move(ring));
    }
    typed_->count.add();
    for (std::uint64_t& x : typed_->field.values()) x = value;
    typed_->ring.push(value);
    return {};
  }
  Result<void> hold(Store& s) {
    auto snapshot = s.snapshot();
    if (!snapshot) return snapshot.error();
    held_.emplace(*std::move(snapshot));
    return {};
  }
  // `interval`: two flushes that were begun after all that was put until now.
  Result<void> settle(Store& s) {
    const auto before = stats(s);
    if (!before) return before.error();
    for (int i = 0; i < 2'000; ++i) {
      const auto now = stats(s);
      if (!now) return now.error();
      if (now->syncs >= before->syncs + 2) return {};
      ::usleep(2'000);
      if (auto again = s.put("beat", std::to_string(i), {.durability = Durability::interval}); !again)
        return again.error();
    }
    return Error{Code::timeout, 0, 0, "the interval is over, and nothing was synced"};
  }
  Result<void> killed(unsigned i) {
    const pid_t pid = ::fork();
    if (pid < 0) return Error{Code::io, 0, 0, "fork"};
    if (pid == 0) {
      auto store = open(path_, program_.options);
      if (!store) ::_exit(static_cast<int>(store.error().code) + 1);
      const unsigned key = program_.ops[i].changes[0].key;
      const auto done = store->put(key_text(program_, key), value_of(program_, i, key));
      ::_exit(done ? 0 : static_cast<int>(done.error().code) + 1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (!WIFEXITED(status)) return Error{Code::io, 0, 0, "another process broke"};
    if (WEXITSTATUS(status) == 0) return {};
    return Error{static_cast<Code>(WEXITSTATUS(status) - 1), 0, 0, "in another process"};
  }

  struct Typed {
    Typed(std::size_t handle, Counter&& c, Array<std::uint64_t>&& f, Ring<std::uint64_t>&& r)
        : of(handle), count(std::move(c)), field(std::move(f)), ring(std::move(r)) {}
    std::size_t of;
    Counter count;
    Array<std::uint64_t> field;
    Ring<std::uint64_t> ring;
  };

  friend class Execution;
  const std::string path_;
  const Program& program_;
  const Observer observer_;
  std::array<std::optional<Store>, 2> stores_;
  std::size_t current_ = 0, reader_ = 0;  // the handles that work, and that the tail is of
  std::optional<Snapshot> held_;
  std::optional<Tail> tail_;
  std::optional<Typed> typed_;
  std::string consumed_;
};

namespace {

bool allowed(const Op& op, Code code) {
  if (code == Code::full) return true;
  if (code == Code::not_found) return op.act == Act::erase;
  return code == Code::busy && op.act == Act::consume;  // the tail's name is the other handle's
}

}  // namespace

Execution::Execution(std::string path, const Program& p, Observer o)
    : runner_(std::make_unique<Runner>(std::move(path), p, std::move(o))) {}
Execution::~Execution() = default;

std::string Execution::run(unsigned from, unsigned to) {
  for (unsigned i = from; i < to; ++i) {
    const Op& op = runner_->program_.ops[i];
    runner_->observer_.begun(i);
    const auto done = runner_->one(i);
    runner_->observer_.done(i, done ? Moment::kOk : static_cast<int>(done.error().code));
    if (!done && !allowed(op, done.error().code))
      return "operation " + std::to_string(i) + ", " + name(op.act) + ": " + done.error().message();
  }
  return "";
}

}  // namespace durra::test
