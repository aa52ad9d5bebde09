// The observer, and the history that is judged.
#include "tests/proof/schedules/judge.h"

#include <durra/testing/history.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "store/batch.h"
#include "store/index.h"
#include "store/reap.h"
#include "store/seat.h"
#include "store/stamp.h"
#include "tests/proof/schedules/scheduler.h"
#include "tests/proof/schedules/world.h"

namespace durra::schedules {
namespace {

constexpr KeyName kLooked[] = {kA, kB, kC, kT, kG};
Call seen_at_end;
unsigned ghost_calls = ~0u;

// ---- The store that was left ----------------------------------------------------------------------------------------
void reads_agree(Participant& p) {
  auto snapshot = p.store->snapshot();
  if (!snapshot) complain("no snapshot", static_cast<std::uint64_t>(snapshot.error().code));
  std::array<std::uint32_t, kKeys> scanned{};
  auto records = snapshot->records("key");
  for (Record& r : records)
    for (const KeyName k : kLooked)
      if (r.key() == keys[k]) {
        if (scanned[k] != 0) complain("the scan shows a key twice", k);
        scanned[k] = value_of(Result<Record>(std::move(r)));
      }
  if (!records.status()) complain("the scan found damage", records.status().error().detail);
  seen_at_end = {};
  for (const KeyName k : kLooked) {
    const std::uint32_t now = value_of(p.store->get(std::string_view(keys[k])));
    const std::uint32_t then = value_of(snapshot->get(std::string_view(keys[k])));
    if (then != now) complain("get and snapshot differ", now);
    if (scanned[k] != now) complain("get and scan differ", now);
    seen_at_end.sees(k, now);
  }
}

// A block that was made is there, whatever others made beside it; it is no record for get.
void blocks_are_there(Participant& p) {
  for (unsigned player = kPlayers + 1; player-- > 0;) {
    const auto r = p.store->get(block_of(player));
    const Code said = r ? Code{} : r.error().code;
    if (said == Code::not_found && player == kPlayers) return;  // a scene without blocks
    if (said != Code::mismatch && said != Code::not_found) complain("a block is damaged", player);
  }
}

struct Version {
  std::uint64_t tag, stamp;
};
std::vector<Version> versions_in(detail::Handle& h) {
  std::vector<Version> all;
  for (std::uint64_t r = 0; r < h.space.regions(); ++r) {
    const auto state = shared::state_load(h.space.descriptor(r).state);
    if (format::unpack(state).type != format::RegionType::data || !format::may_hold_records(state)) continue;
    const std::uint64_t begin = h.space.region_offset(r), end = begin + shared::tail_load(h.space.descriptor(r).tail);
    detail::RecordRef record;
    for (std::uint64_t at = begin + format::kRegionData; at < end; at += record.size()) {
      if (h.space.locate(at, record) != nullptr) complain("a record cannot be read", at);
      if (const std::uint64_t stamp = detail::stamp_if_version(h, record)) all.push_back({record.tag(), stamp});
    }
  }
  return all;
}

// Of each key no version lies between two that follow each other from its head on: a snapshot of its time would miss
// it.  The last may lie where something else is by now.
void chains_are_whole(detail::Handle& h) {
  const auto versions = versions_in(h);
  for (const KeyName k : kLooked) {
    const auto key = detail::view(h, Key(keys[k]));
    std::vector<std::uint64_t> chain;
    for (detail::RecordRef r = detail::find(h, key).record; r && r.tag() == key.tag;) {
      const std::uint64_t stamp = detail::stamp_if_version(h, r);
      if (stamp != 0 && !chain.empty() && stamp >= chain.back()) break;
      if (stamp != 0) chain.push_back(stamp);
      const std::uint64_t before = shared::prev_load(r.header->prev);
      if (before == 0 || h.space.locate(before, r) != nullptr) break;
    }
    for (const Version& v : versions)
      if (v.tag == key.tag && !chain.empty() && v.stamp > chain.back() &&
          std::find(chain.begin(), chain.end(), v.stamp) == chain.end())
        complain("a version is in no chain", k);
  }
}

// Everybody goes on: puts and erases of every key succeed.
void goes_on(Participant& p) {
  for (const KeyName k : {kA, kB, kC}) {
    if (!put(*p.store, k, 7)) complain("a later put failed", k);
    if (value_of(p.store->get(std::string_view(keys[k]))) != 7) complain("a later put is not seen", k);
    if (!p.store->erase(std::string_view(keys[k]))) complain("a later erase failed", k);
    if (value_of(p.store->get(std::string_view(keys[k]))) != 0) complain("a later erase is not seen", k);
  }
}

// After a reaping nothing is held by anybody who is not there.
void nothing_is_left(detail::Handle& h) {
  for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n) {
    format::Seat& seat = h.space.seat(n);
    if (format::seat_state(shared::seat_load(seat.state)) != format::SeatState::free) {
      const auto held = os::is_held(h.probe, format::kLockSeats + n);
      if (*held == 0) complain("a dead seat is left", n + 1);
      continue;
    }
    for (auto& cell : seat.pins)
      if (format::pin_count(shared::pin_load(cell)) != 0) complain("a free seat holds a pin", n + 1);
    if (shared::batch_load(seat.batch) != 0) complain("a free seat has a batch", n + 1);
  }
  for (std::uint64_t r = 0; r < h.space.region_count(); ++r) {
    const auto word = shared::state_load(h.space.descriptor(r).state);
    if (word != 0 && !format::intact(word)) complain("a region's state is not sound", r);
    const auto w = format::unpack(word);
    const bool owned = w.type != format::RegionType::index &&
                       (w.state == format::RegionState::claimed || w.state == format::RegionState::open ||
                        w.state == format::RegionState::compacting);
    if (!owned) continue;
    if (format::seat_state(shared::seat_load(h.space.seat(w.owner).state)) == format::SeatState::free)
      complain("a region belongs to a free seat", r);
  }
}

// ---- The history ----------------------------------------------------------------------------------------------------
testing::Value value(std::uint32_t v) { return v == 0 ? testing::Value{} : std::to_string(v); }

testing::Operation operation(const Call& c, const std::string& name) {
  testing::Operation op;
  op.name = name;
  for (unsigned i = 0; i < c.changes; ++i) {
    const auto& d = c.change[i];
    op.changes.push_back({keys[d.key], value(d.value), d.conditional, value(d.expected), d.must_exist});
  }
  for (unsigned i = 0; i < c.seen; ++i) op.seen.push_back({keys[c.saw[i].key], value(c.saw[i].value)});
  op.invoked = c.invoked;
  if (c.answered) op.respond(c.responded, c.done);
  return op;
}

template <class F>
void each_call(F&& f) {
  for (unsigned p = 0; p < calls.size(); ++p)
    for (unsigned i = 0; i < calls[p].count; ++i) f(p, calls[p].call[i]);
}

std::uint64_t fingerprint() {
  std::uint64_t h = 1;
  const auto add = [&h](std::uint64_t v) { h = mix(h, v); };
  const auto add_seen = [&](const Call& c) {
    add(c.seen);
    for (unsigned i = 0; i < c.seen; ++i) add(static_cast<std::uint64_t>(c.saw[i].key) << 32 | c.saw[i].value);
  };
  each_call([&](unsigned p, const Call& c) {
    add(p);
    add(static_cast<std::uint64_t>(c.invoked) << 33 | static_cast<std::uint64_t>(c.responded) << 2 |
        static_cast<std::uint64_t>(c.done) << 1 | static_cast<std::uint64_t>(c.answered));
    add_seen(c);
  });
  add_seen(seen_at_end);
  return h;
}

std::string judge_anew() {
  std::vector<testing::Operation> history;
  std::uint64_t last = 0;
  each_call([&](unsigned p, const Call& c) {
    std::string name = p < kPlayers ? std::string("player ") + static_cast<char>('a' + p) : "who died before";
    history.push_back(operation(c, name));
    last = std::max<std::uint64_t>({last, c.invoked, c.answered ? c.responded : 0});
  });
  Call end = seen_at_end;
  end.answered = true;
  history.push_back(operation(end, "afterwards"));
  history.back().invoked = last + 1;
  history.back().responded = last + 2;
  const auto v = testing::linearizable(history, {{keys[kA], "1"}, {keys[kB], "2"}});
  return v ? "" : "not linearizable:\n" + v.story;
}

}  // namespace

void look_around() {
  Participant& p = *participants[kObserver];
  if (scheduler.dead() != 0) (void)detail::reap_dead(p.handle());
  reads_agree(p);
  blocks_are_there(p);
  chains_are_whole(p.handle());
  nothing_is_left(p.handle());
  goes_on(p);
}

void forget_calls() {
  if (ghost_calls == ~0u) ghost_calls = calls[kPlayers].count;
  for (unsigned p = 0; p < kPlayers; ++p) calls[p].count = 0;
}

std::string judge() {
  static std::unordered_map<std::uint64_t, bool> known;
  const std::uint64_t print = fingerprint();
  if (known.contains(print)) return "";
  std::string story = judge_anew();
  if (story.empty()) known.emplace(print, true);
  return story;
}

}  // namespace durra::schedules
