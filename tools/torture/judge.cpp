// Compares what the store answers with what the ledger allows.
#include "tools/torture/judge.h"

#include <unistd.h>

#include <set>

#include "tools/torture/version.h"

namespace durra::tools {
namespace {

// Whether somebody who saw no record saw what some version of [from, to] leaves.
bool may_be_absent(unsigned owner, unsigned k, std::uint64_t from, std::uint64_t to, bool live) noexcept {
  const auto erased = [&](std::uint64_t sequence) { return Version{owner, k, sequence}.erases(); };
  if (!live || to - from > 1000) return erased(from) || erased(to) || (live && to > from);
  for (std::uint64_t s = from; s <= to; ++s)
    if (erased(s)) return true;
  return false;
}

}  // namespace

std::uint64_t Counts::expected_check() const noexcept {
  std::uint64_t h = 0;
  for (const std::uint64_t n : of) h = mix(h ^ n);
  return h;
}

OwnKey::OwnKey(unsigned owner, unsigned k)
    : id_(std::uint64_t{owner} << 32 | k),
      text_(k % 2 == 0 ? std::string() : "own/" + std::to_string(owner) + "/" + std::to_string(k)) {}
std::string counter_key(unsigned c) { return "counter/" + std::to_string(c); }
std::string register_key(unsigned r) { return "register/" + std::to_string(r); }
std::string lock_key(unsigned l) { return "lock/" + std::to_string(l); }

bool judge_whole(const Record& r, Ledger& ledger, unsigned owner, std::uint32_t key) {
  const auto v = whole(r.bytes());
  const bool good = v && v->key == key && (key >= kRegisterKey || v->owner == owner) && r.intact();
  if (!good) ledger.note_torn("a record is not what anybody put", owner, key);
  return good;
}

Result<std::uint64_t> judge_own(const Store& store, Ledger& ledger, unsigned owner, unsigned k, bool live) {
  const Cell& cell = ledger.each[owner].own[k];
  const std::uint64_t from = cell.acknowledged.load();
  const auto r = store.get(OwnKey(owner, k));
  const std::uint64_t to = std::max(from, cell.intended.load());
  if (!r) {
    if (r.error().code != Code::not_found) return r.error();
    if (!may_be_absent(owner, k, from, to, live)) ledger.note_lost("no record, expected one", owner, k, from);
    return std::uint64_t{0};
  }
  if (!judge_whole(*r, ledger, owner, k)) return from;
  const Version seen = *whole(r->bytes());
  const bool allowed =
      live ? from <= seen.sequence && seen.sequence <= to : seen.sequence == from || seen.sequence == to;
  if (!allowed || seen.erases()) ledger.note_lost("a version that must not be seen", owner, k, seen.sequence);
  return seen.sequence;
}

Result<Counts> judge_counter(const Store& store, Ledger& ledger, unsigned c) {
  Counts least, seen;
  for (unsigned w = 0; w < ledger.workers; ++w) least.of[w] = ledger.each[w].counters[c].acknowledged.load();
  const auto r = store.get(counter_key(c));
  if (!r && r.error().code != Code::not_found) return r.error();
  if (r) {
    const auto value = r->as<Counts>();
    if (!value || value->check != value->expected_check() || !r->intact()) {
      ledger.note_torn("a counter is not what anybody put", 0, c);
      return least;
    }
    seen = *value;
  }
  for (unsigned w = 0; w < ledger.workers; ++w) {
    const std::uint64_t most = std::max(least.of[w], ledger.each[w].counters[c].intended.load());
    if (seen.of[w] < least.of[w] || seen.of[w] > most) ledger.note_lost("a counter is off", w, c, seen.of[w]);
  }
  return seen;
}

Result<void> judge_register(const Store& store, Ledger& ledger, unsigned r) {
  std::uint64_t newest = 0;
  for (unsigned w = 0; w < ledger.workers; ++w) newest = std::max(newest, ledger.each[w].newest[r].load());
  const auto seen = store.get(register_key(r));
  if (!seen && seen.error().code != Code::not_found) return seen.error();
  if (!seen) {
    if (newest != 0) ledger.note_lost("a register is gone", 0, r, newest);
    return {};
  }
  judge_whole(*seen, ledger, 0, kRegisterKey + r);
  if (static_cast<std::uint64_t>(seen->stamp()) < newest) ledger.note_lost("an older version came back", 0, r, newest);
  return {};
}

void judge_scanned(const Record& r, Ledger& ledger) {
  if (r.is_text() && r.key().starts_with("counter/")) {
    const auto value = r.as<Counts>();
    if (!value || value->check != value->expected_check()) ledger.note_torn("a scanned counter is torn", 0, 0);
    return;
  }
  for (const char* company : {"account/", "counted/", "events/"})  // judged by its sums
    if (r.key().starts_with(company)) return;
  const auto v = whole(r.bytes());
  if (!v) return ledger.note_torn("a scanned record is torn", 0, 0);
  if (v->key >= kRegisterKey) return;
  const OwnKey name(v->owner, v->key);
  const Key key = name;
  if (r.is_text() != key.is_text() || r.id() != key.id() || r.key() != key.text())
    ledger.note_torn("a scanned record is another key's", v->owner, v->key);
}

Result<void> settle(Store& store, Ledger& ledger, unsigned dead) {
  WorkerLedger& mine = ledger.each[dead];
  for (unsigned k = 0; k < kOwnKeys; ++k) {
    Cell& cell = mine.own[k];
    const auto seen = judge_own(store, ledger, dead, k, false);
    if (!seen) return seen.error();
    const std::uint64_t intended = cell.intended.load();
    const bool happened = *seen == intended || (*seen == 0 && Version{dead, k, intended}.erases());
    if (happened) cell.acknowledged = intended;
    cell.intended = cell.acknowledged.load();
  }
  for (unsigned c = 0; c < kCounters; ++c) {
    const auto seen = judge_counter(store, ledger, c);
    if (!seen) return seen.error();
    mine.counters[c].acknowledged = seen->of[dead];
    mine.counters[c].intended = seen->of[dead];
  }
  for (unsigned r = 0; r < kRegisters; ++r)
    if (auto judged = judge_register(store, ledger, r); !judged) return judged;
  for (unsigned l = 0; l < kLocks; ++l) {
    const auto held = store.get(lock_key(l));
    if (!held && held.error().code != Code::not_found) return held.error();
    if (!held || !judge_whole(*held, ledger, dead, kLockKey + l) || whole(held->bytes())->owner != dead) continue;
    if (auto freed = store.erase_if(lock_key(l), held->stamp()); !freed) return freed;
  }
  return {};
}

Result<Leaks> leaks(const Store& store) {
  Leaks left;
  std::set<std::uint32_t> working;
  const auto seats = participants(store);
  if (!seats) return seats.error();
  for (const SeatInfo& seat : *seats) {
    left.pins += seat.pins;
    if (seat.alive && seat.pid == static_cast<std::uint32_t>(::getpid()))
      working.insert(seat.seat);
    else
      ++left.seats;
  }
  const auto all = regions(store);
  if (!all) return all.error();
  for (const RegionInfo& r : *all) {
    const bool owned = working.contains(r.owner_seat) || (r.type == "index" && r.state == "open");
    const bool at_rest = r.state == "free" || r.state == "partial" || r.state == "sealed" || r.state == "retired";
    if (!at_rest && !owned) ++left.regions;
  }
  return left;
}

}  // namespace durra::tools
