// The company of the tortured.
#include "tools/torture/company.h"

#include <array>
#include <vector>

#include "tools/clock.h"

namespace durra::tools {
namespace {

constexpr std::uint64_t kEachHas = 1000;
constexpr const char* kEvents = "events/";

std::string account_key(unsigned a) { return "account/" + std::to_string(a); }
std::string counted_key(unsigned w) { return "counted/" + std::to_string(w); }

struct Event {
  std::uint64_t producer, sequence;
};

std::string bytes_of(const Counted& c) { return std::string(reinterpret_cast<const char*>(&c), sizeof c); }

Result<Counted> counted_so_far(const Store& store, unsigned w) {
  const auto seen = store.get(counted_key(w));
  if (!seen && seen.error().code == Code::not_found) return Counted{};
  return seen ? seen->as<Counted>() : seen.error();
}

void add(std::array<Counted, kWorkersMax>& to, const Event& e) noexcept {
  Counted& c = to[e.producer % kWorkersMax];
  ++c.count;
  c.sum += mix(e.sequence);
}

}  // namespace

Result<void> open_accounts(Store& store, const Ledger& ledger) {
  Batch batch;
  for (unsigned a = 0; a < ledger.accounts; ++a) batch.put(account_key(a), durra::bytes_of(kEachHas));
  return store.put(batch);
}

Result<void> judge_money(const Snapshot& instant, Ledger& ledger) {
  std::uint64_t sum = 0;
  for (unsigned a = 0; a < ledger.accounts; ++a) {
    const auto r = instant.get(account_key(a));
    if (!r) return r.error();
    const auto money = r->as<std::uint64_t>();
    if (!money) return money.error();
    sum += *money;
  }
  ++ledger.snapshots;
  if (sum != ledger.accounts * kEachHas) ledger.note_violation("money came or went", 0, 0, sum);
  return {};
}

Result<unsigned> count_events(Store& store, Tail& tail, Ledger& ledger, unsigned most) {
  std::array<Counted, kWorkersMax> fresh{};
  unsigned n = 0;
  for (; n < most; ++n) {
    const auto event = tail.next(std::chrono::nanoseconds(0));
    if (!event && event.error().code == Code::timeout) break;
    if (!event) return event.error();
    const auto e = event->as<Event>();
    if (!e) return e.error();
    add(fresh, *e);
  }
  if (n == 0) return n;
  Batch batch;
  for (unsigned w = 0; w < kWorkersMax; ++w) {
    if (fresh[w].count == 0) continue;
    auto total = counted_so_far(store, w);
    if (!total) return total.error();
    batch.put(counted_key(w), bytes_of(Counted{total->count + fresh[w].count, total->sum + fresh[w].sum}));
  }
  tail.save(batch);
  if (auto done = store.put(batch); !done) return done.error();
  ledger.counted += n;
  return n;
}

Result<void> judge_events(Store& store, Ledger& ledger) {
  auto tail = Tail::open(store, "torture", kEvents);
  if (!tail) return tail.error();
  for (;;) {
    const auto more = count_events(store, *tail, ledger, 1024);
    if (!more) return more.error();
    if (*more == 0) break;
  }
  std::array<Counted, kWorkersMax> there{};
  auto all = store.records(kEvents);
  for (const Record& r : all)
    if (const auto e = r.as<Event>()) add(there, *e);
  if (auto whole = all.status(); !whole) return whole;
  for (unsigned w = 0; w < ledger.workers; ++w) {
    const auto counted = counted_so_far(store, w);
    if (!counted) return counted.error();
    if (*counted != there[w]) ledger.note_violation("not every event was counted once", w, 0, counted->count);
    const Cell& events = ledger.each[w].events;
    if (there[w].count < events.acknowledged) ledger.note_lost("an event", w, 0, there[w].count);
    if (there[w].count > events.intended) ledger.note_violation("an event came twice", w, 0, there[w].count);
  }
  return {};
}

// Worker 0 counts, worker 1 compacts, the others add up; everybody moves money and appends events.
Result<void> Company::act() {
  if (random_.one_in(4))
    if (auto done = append_event(); !done) return done;
  if (random_.one_in(2))
    if (auto done = transfer(); !done) return done;
  if (index_ == 0) return count();
  if (index_ == 1) return compact_now();
  return random_.one_in(4) ? add_up() : Result<void>();
}

Result<void> Company::append_event() {
  Cell& cell = mine_.events;
  const Event e{index_, ++cell.intended};
  const auto done = timed([&] { return store_.append("events", durra::bytes_of(e)); });
  if (!done) return done.error();
  ++cell.acknowledged;
  mine_.acknowledged.fetch_add(1, std::memory_order_relaxed);
  return {};
}

// From one account to another, unless somebody else changed one of the two meanwhile.
Result<void> Company::transfer() {
  const std::uint32_t accounts = ledger_.accounts;
  const auto from = static_cast<unsigned>(random_.below(accounts));
  const auto to = static_cast<unsigned>((from + 1 + random_.below(accounts - 1)) % accounts);
  const auto a = store_.get(account_key(from)), b = store_.get(account_key(to));
  if (!a || !b) return a ? b.error() : a.error();
  const auto has = a->as<std::uint64_t>(), gets = b->as<std::uint64_t>();
  if (!has || !gets) return has ? gets.error() : has.error();
  const std::uint64_t amount = random_.below(*has + 1);
  Batch batch;
  batch.put_if(account_key(from), durra::bytes_of(*has - amount), a->stamp());
  batch.put_if(account_key(to), durra::bytes_of(*gets + amount), b->stamp());
  const auto done = timed([&] { return store_.put(batch); });
  if (!done && done.error().code == Code::conflict) {
    ++ledger_.conflicts;
    return {};
  }
  if (!done) return done;
  ++ledger_.batches;
  mine_.acknowledged.fetch_add(1, std::memory_order_relaxed);
  return {};
}

Result<void> Company::count() {
  if (!tail_) {
    auto tail = Tail::open(store_, "torture", kEvents);
    if (!tail) return tail.error();
    tail_.emplace(*std::move(tail));
  }
  const auto n = count_events(store_, *tail_, ledger_, 64);
  return n ? Result<void>() : n.error();
}

Result<void> Company::compact_now() {
  const std::uint64_t now = now_ns();
  if (now < compact_at_) return {};
  compact_at_ = now + 50'000'000 + random_.below(250'000'000);
  CompactOptions options;
  options.keep_erased = std::chrono::milliseconds(0);
  const auto done = compact(store_, options);
  if (!done) return done.error();
  ++ledger_.compactions;
  return {};
}

// What a snapshot shows does not change while it is held, for up to three seconds, whatever is compacted meanwhile.
Result<void> Company::add_up() {
  const std::uint64_t now = now_ns();
  if (held_ && now >= held_until_) {
    if (auto done = judge_money(*held_, ledger_); !done) return done;
    held_.reset();
  }
  auto instant = timed([&] { return store_.snapshot(); });
  if (!instant) return instant.error();
  if (auto done = judge_money(*instant, ledger_); !done) return done;
  if (!held_) {
    held_.emplace(*std::move(instant));
    held_until_ = now + random_.below(3'000'000'000);
  }
  return {};
}

}  // namespace durra::tools
