// Preparing a store.
#include "tests/proof/schedules/world.h"

#include <cstring>

#include "store/compact.h"
#include "store/index.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/step.h"
#include "store/sync.h"
#include "store/tidy.h"
#include "tests/proof/schedules/os.h"
#include "tests/proof/schedules/scheduler.h"

namespace durra::schedules {

std::array<Calls, kPlayers + 1> calls;
std::array<Participant*, kFibers + 1> participants;
std::array<std::string, kKeys> keys;
Complaint complaint;

namespace {

constexpr unsigned kGhost = kFibers;
constexpr const char* kPath = "/store";

Options options() {
  Options o;
  o.region_size = 64_KiB;
  o.max_size = 1_MiB;
  o.participants = 6;
  return o;
}

template <class R>
void check(const R& good, const char* what) {
  if (!good) complain(what);
}

// Text keys whose tags lead to one word of the index's root.
std::string key_in_leaf(const detail::Handle& h, unsigned& next) {
  for (;;) {
    std::string key = "key" + std::to_string(next++);
    const auto tag = detail::view(h, Key(key)).tag;
    if (format::root_slot(tag, h.space.root_bits()) == 7) return key;
  }
}

void open_as(unsigned fiber) {
  participants[fiber] = new Participant;
  participants[fiber]->number = fiber;
  auto store = durra::open(kPath, options());
  check(store, "open failed");
  participants[fiber]->store = *std::move(store);
}

// A region's worth of garbage, so that the region is left SEALED.
void fill_region(Store& s, detail::Handle& h) {
  const std::string large(57'000, 'x');
  check(s.put("filler", large) && s.put("filler", "small"), "no room");
  auto seat = detail::ExclusiveSeat::take(h);
  detail::leave_region(h, **seat);
}

// A compaction that was given up: what it has moved is there twice, and beside the copies is garbage.
void give_up_compaction(Store& s, detail::Handle& h) {
  {
    auto seat = detail::ExclusiveSeat::take(h);
    check(detail::begin_compaction(h, **seat, detail::Worth::some), "no victim");
    check(detail::compact_some(h, **seat, 3) == detail::CompactionStep::going_on, "it was not long enough");
    detail::stop_compaction(h, **seat);
  }
  fill_region(s, h);
  detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
}

// The oldest participant: he makes everything that was there before.
void make_store(const Needs& needs) {
  open_as(kObserver);
  Participant& p = *participants[kObserver];
  Store& s = *p.store;
  detail::Handle& h = p.handle();
  unsigned next = 1000;
  for (auto& key : keys) key = key_in_leaf(h, next);

  // The first region: nothing in it is live in the end.
  check(put(s, kT, 9), "put");
  check(put(s, kA, 91) && put(s, kB, 92), "put");
  fill_region(s, h);
  // The second: A and B, the tombstone of T, and mostly garbage.
  check(put(s, kA, 1) && put(s, kB, 2), "put");
  check(s.erase(std::string_view(keys[kT])), "erase");
  fill_region(s, h);
  {
    auto seat = detail::ExclusiveSeat::take(h);
    check(detail::begin_compaction(h, **seat, detail::Worth::nearly_all), "no victim");
    check(detail::finish_compaction(h, **seat) == detail::CompactionStep::retired, "not retired");
  }
  if (!needs.retired) {
    check(s.sync(), "sync");
    detail::free_retired(h);
    check(s.sync(), "sync");
    detail::free_retired(h);
  }
  // A region of his own, in use, in which nothing was superseded yet.
  check(s.put("elder", "1") && put(s, kB, 2), "put");
  if (needs.twice) give_up_compaction(s, h);
  if (needs.full_leaf) {
    const auto full = [&] {
      return find_for_change(h, detail::view(h, Key(keys[kG]))).found == detail::Found::crowded;
    };
    for (int i = 0; i < 40 && !full(); ++i) check(s.put(key_in_leaf(h, next), "filler"), "put");
    check(full(), "the leaf does not fill up");
  }
}

void join(unsigned player, const Play& play) {
  open_as(player);
  Participant& p = *participants[player];
  for (const KeyName k : {kA, kB}) {
    auto r = p.store->get(std::string_view(keys[k]));
    check(r, "get");
    p.stamps[k] = r->stamp();
  }
  if (!play.needs.cold) check(p.store->put("own" + std::to_string(player), "1"), "put");
  if (play.prepare != nullptr) play.prepare(p);
}

// Somebody whose region is left PARTIAL.
void leave_partial() {
  open_as(kGhost);
  Participant& p = *participants[kGhost];
  check(p.store->put("partial", "1"), "put");
  p.store.reset();
}

// Somebody whose block leaves room beside it.
void leave_block() {
  open_as(kGhost);
  Participant& p = *participants[kGhost];
  check(Block::open(*p.store, block_of(kPlayers), 8), "block");
  p.store.reset();
}

// ---- Who died before it began ---------------------------------------------------------------------------------------
const char* ghost_ends_at = nullptr;
void die_there(const char* step) {
  if (ghost_ends_at != nullptr && std::strcmp(step, ghost_ends_at) == 0) Fiber::leave();
}

void batch_until_death(Store& s) {
  const std::uint64_t values[2] = {900, 901};
  calls[kPlayers].call[0] = Call{}.puts(kA, 900).puts(kB, 901);
  calls[kPlayers].count = 1;
  Batch b;
  b.put(std::string_view(keys[kA]), bytes_of(values[0])).put(std::string_view(keys[kB]), bytes_of(values[1]));
  (void)s.put(b);
}

void put_until_death(Store& s) {
  calls[kPlayers].call[0] = Call{}.puts(kA, 900);
  calls[kPlayers].count = 1;
  (void)put(s, kA, 900);
}

bool haunt(const char* step) {
  const std::string_view name(step);
  ghost_ends_at = nullptr;
  step_hook.store(&die_there);
  const bool good = scheduler.alone(kGhost, [&] {
    open_as(kGhost);
    Store& s = *participants[kGhost]->store;
    check(s.put("ghost", "1"), "put");
    ghost_ends_at = step;
    if (name.starts_with("batch"))
      batch_until_death(s);
    else
      put_until_death(s);
    complain("the ghost did not die");
  });
  step_hook.store(nullptr);
  release_locks_of(kGhost);
  return good;
}

Needs all_needs(const std::vector<const Play*>& plays) {
  Needs all;
  for (const Play* p : plays) {
    all.full_leaf |= p->needs.full_leaf;
    all.retired |= p->needs.retired;
    all.twice |= p->needs.twice;
    all.partial |= p->needs.partial;
    all.blocks |= p->needs.blocks;
    if (p->needs.ghost != nullptr) all.ghost = p->needs.ghost;
  }
  return all;
}

}  // namespace

std::string block_of(unsigned player) { return "block" + std::to_string(player); }

void complain(const char* what, std::uint64_t detail) {
  complaint = {what, detail};
  scheduler.refuse();
}

Result<Stamp> put(Store& s, KeyName k, std::uint32_t value) {
  const std::uint64_t payload = value;
  return s.put(std::string_view(keys[k]), bytes_of(payload));
}

std::uint32_t value_of(const Result<Record>& r) {
  if (!r && r.error().code == Code::not_found) return 0;
  if (!r) complain("get failed", static_cast<std::uint64_t>(r.error().code));
  const auto value = r->as<std::uint64_t>();
  if (!value) complain("a payload of another size");
  return static_cast<std::uint32_t>(*value);
}

bool make_world(const std::vector<const Play*>& plays, std::uint64_t seed) {
  os_seed = seed;
  const Needs needs = all_needs(plays);
  bool good = scheduler.alone(kObserver, [&] { make_store(needs); });
  if (good && needs.partial) good = scheduler.alone(kGhost, leave_partial);
  if (good && needs.blocks) good = scheduler.alone(kGhost, leave_block);
  for (unsigned i = 0; i < plays.size() && good; ++i) good = scheduler.alone(i, [&] { join(i, *plays[i]); });
  if (good && needs.ghost != nullptr) good = haunt(needs.ghost);
  if (good) scheduler.checkpoint();
  return good;
}

}  // namespace durra::schedules
