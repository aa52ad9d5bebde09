// What participants do: one public call each, or one step of the store's housekeeping.
#include <cstring>

#include "store/compact.h"
#include "store/index.h"
#include "store/reap.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/sweep.h"
#include "store/sync.h"
#include "store/tidy.h"
#include "tests/proof/schedules/scheduler.h"
#include "tests/proof/schedules/world.h"

namespace durra::schedules {
namespace {

using detail::Handle;

std::string_view name_of(KeyName k) { return keys[k]; }

// ---- Noting calls ---------------------------------------------------------------------------------------------------
std::uint32_t now = 0;  // of the history: a number for each invocation and response

// An operation is invoked after everything that was answered before: so the answers of the others are words that a
// player reads when he begins.
template <class F>
void noted(unsigned player, Call c, F&& does) {
  for (unsigned p = 0; p < kPlayers; ++p)
    if (p != player) (void)scheduler.kernel_load(kAnswers + p);
  Calls& mine = calls[player];
  if (mine.count == kCallsMax) complain("too many calls");
  Call& call = mine.call[mine.count++];
  call = c;
  call.invoked = ++now;
  does(call);
  scheduler.kernel_store(kAnswers + player, mine.count);
  call.answered = true;
  call.responded = ++now;
}

std::uint32_t fresh(unsigned player, std::uint32_t n = 0) { return 100 * (player + 1) + n; }

template <class R>
void must(const R& r, const char* what) {
  if (!r) complain(what, static_cast<std::uint64_t>(r.error().code));
}

// ---- Calls ----------------------------------------------------------------------------------------------------------
template <KeyName K>
void put_key(Participant& p, unsigned player) {
  const std::uint32_t v = fresh(player, K);
  noted(player, Call{}.puts(K, v), [&](Call&) { must(put(*p.store, K, v), "put"); });
}

// B and A, one by one, against the order in which a batch installs them: a key that it has still to come to is changed,
// then one where it was, and who changes that helps it.
void puts(Participant& p, unsigned player) {
  const std::uint64_t seed = p.handle().space.seed();
  const bool b_first = format::tag_of(name_of(kB), seed) < format::tag_of(name_of(kA), seed);
  if (b_first) put_key<kA>(p, player);
  put_key<kB>(p, player);
  if (!b_first) put_key<kA>(p, player);
}

void erase(Participant& p, unsigned player) {
  noted(player, Call{}.erases(kA), [&](Call& c) {
    const auto r = p.store->erase(name_of(kA));
    if (!r && r.error().code != Code::not_found) must(r, "erase");
    c.done = static_cast<bool>(r);
  });
}

void put_if(Participant& p, unsigned player) {
  const std::uint32_t v = fresh(player);
  noted(player, Call{}.puts_if(kA, v, 1), [&](Call& c) {
    const std::uint64_t payload = v;
    const auto r = p.store->put_if(name_of(kA), bytes_of(payload), p.stamps[kA]);
    if (!r && r.error().code != Code::conflict) must(r, "put_if");
    c.done = static_cast<bool>(r);
  });
}

void put_if_absent(Participant& p, unsigned player) {
  const std::uint32_t v = fresh(player);
  noted(player, Call{}.puts_if(kC, v, 0), [&](Call& c) {
    const std::uint64_t payload = v;
    const auto r = p.store->put_if(name_of(kC), bytes_of(payload), absent);
    if (!r && r.error().code != Code::conflict) must(r, "put_if");
    c.done = static_cast<bool>(r);
  });
}

void erase_if(Participant& p, unsigned player) {
  Call call;
  call.puts_if(kA, 0, 1);
  noted(player, call, [&](Call& c) {
    const auto r = p.store->erase_if(name_of(kA), p.stamps[kA]);
    if (!r && r.error().code != Code::conflict) must(r, "erase_if");
    c.done = static_cast<bool>(r);
  });
}

void draft(Participant& p, unsigned player) {
  const std::uint32_t v = fresh(player);
  noted(player, Call{}.puts(kA, v), [&](Call&) {
    auto d = p.store->draft(name_of(kA), 8);
    must(d, "draft");
    const std::uint64_t payload = v;
    std::memcpy(d->bytes().data(), &payload, sizeof payload);
    must((*std::move(d)).publish(), "publish");
  });
}

// A and B, in an order of their own for each player.
void batch(Participant& p, unsigned player) {
  const std::uint32_t a = fresh(player, 1), b = fresh(player, 2);
  noted(player, Call{}.puts(kA, a).puts(kB, b), [&](Call&) {
    const std::uint64_t va = a, vb = b;
    Batch changes;
    if (player % 2 == 0)
      changes.put(name_of(kA), bytes_of(va)).put(name_of(kB), bytes_of(vb));
    else
      changes.put(name_of(kB), bytes_of(vb)).put(name_of(kA), bytes_of(va));
    must(p.store->put(changes), "batch");
  });
}

// B, if it is as it was at first; C; and A goes.
void batch_if(Participant& p, unsigned player) {
  const std::uint32_t b = fresh(player, 3), c = fresh(player, 4);
  Call call;
  call.puts_if(kB, b, 2).puts(kC, c);
  noted(player, call, [&](Call& noting) {
    const std::uint64_t vb = b, vc = c;
    Batch changes;
    changes.put_if(name_of(kB), bytes_of(vb), p.stamps[kB]).put(name_of(kC), bytes_of(vc));
    const auto r = p.store->put(changes);
    if (!r && r.error().code != Code::conflict) must(r, "batch");
    noting.done = static_cast<bool>(r);
  });
}

void get(Participant& p, unsigned player) {
  noted(player, Call{}, [&](Call& c) { c.sees(kA, value_of(p.store->get(name_of(kA)))); });
}

void get_twice(Participant& p, unsigned player) {
  get(p, player);
  get(p, player);
}

// What an instant shows it shows again.
void snapshot(Participant& p, unsigned player) {
  noted(player, Call{}, [&](Call& c) {
    auto s = p.store->snapshot();
    must(s, "snapshot");
    for (const KeyName k : {kB, kA, kC}) c.sees(k, value_of(s->get(name_of(k))));
    for (unsigned i = 0; i < c.seen; ++i)
      if (value_of(s->get(name_of(c.saw[i].key))) != c.saw[i].value) complain("a snapshot changed", c.saw[i].key);
  });
}

void prepare_old_snapshot(Participant& p) {
  auto s = p.store->snapshot();
  must(s, "snapshot");
  p.snapshot = *std::move(s);
}
void old_snapshot(Participant& p, unsigned) {
  if (value_of(p.snapshot->get(name_of(kA))) != 1) complain("an old snapshot changed");
  p.snapshot.reset();
}

std::array<std::uint32_t, kKeys> scanned(Store& s) {
  std::array<std::uint32_t, kKeys> values{};
  auto records = s.records("key");
  for (Record& r : records)
    for (const KeyName k : {kA, kB, kC})
      if (r.key() == keys[k]) {
        if (values[k] != 0) complain("a scan shows a key twice");
        values[k] = static_cast<std::uint32_t>(r.as<std::uint64_t>().value());
      }
  must(records.status(), "scan");
  return values;
}

void scan(Participant& p, unsigned player) {
  noted(player, Call{}, [&](Call& c) {
    const auto values = scanned(*p.store);
    for (const KeyName k : {kA, kB, kC}) c.sees(k, values[k]);
  });
}

// Who may not write has no instant: what he is shown of each key is judged by itself.
void prepare_reader(Participant& p) {
  p.store.reset();
  auto s = durra::open("/store", {.mode = Mode::read_only});
  must(s, "open");
  p.store = *std::move(s);
}
void reader_scan(Participant& p, unsigned player) {
  noted(player, Call{}, [&](Call& a) {
    noted(player, Call{}, [&](Call& b) {
      noted(player, Call{}, [&](Call& c) {
        const auto values = scanned(*p.store);
        a.sees(kA, values[kA]);
        b.sees(kB, values[kB]);
        c.sees(kC, values[kC]);
      });
    });
  });
}

void wait_for_a(Participant& p, unsigned player) {
  noted(player, Call{}, [&](Call& c) {
    const auto r = p.store->wait(name_of(kA), p.stamps[kA], std::chrono::milliseconds(300));
    if (!r && r.error().code == Code::timeout) return;
    c.sees(kA, value_of(r));
  });
}

void append(Participant& p, unsigned) { must(p.store->append("events", "x"), "append"); }

// ---- Housekeeping ---------------------------------------------------------------------------------------------------
template <class F>
void with_seat(Participant& p, F&& does) {
  auto seat = detail::ExclusiveSeat::take(p.handle());
  must(seat, "seat");
  does(p.handle(), **seat);
}

bool compact_one(Handle& h, detail::LocalSeat& seat) {
  if (!detail::begin_compaction(h, seat, detail::Worth::some)) return false;
  const auto end = detail::finish_compaction(h, seat);
  if (!end || *end == detail::CompactionStep::given_up) complain("a compaction was given up");
  return true;
}
void compact(Participant& p, unsigned) {
  with_seat(p, [](Handle& h, detail::LocalSeat& seat) { (void)compact_one(h, seat); });
}
void move_on(Participant& p, unsigned) {
  with_seat(p, [](Handle& h, detail::LocalSeat& seat) { (void)(compact_one(h, seat) && compact_one(h, seat)); });
}

void compact_all(Participant& p, unsigned) {
  CompactOptions o;
  o.keep_erased = std::chrono::milliseconds(0);
  must(durra::compact(*p.store, o), "compact");
}

void free_regions(Participant& p, unsigned) {
  const auto f = detail::free_retired(p.handle());
  if (f.wait_for_sync != 0) must(detail::sync_until(p.handle(), f.ticket), "sync_until");
  (void)detail::free_retired(p.handle());
}

// A region's life comes to its end.
void recycle(Participant& p, unsigned player) {
  compact(p, player);
  free_regions(p, player);
}

void sweep(Participant& p, unsigned) {
  with_seat(p, [](Handle& h, detail::LocalSeat& seat) {
    (void)detail::sweep(h, seat, std::chrono::nanoseconds(0), std::chrono::microseconds(400));
  });
}

void reclaim_index(Participant& p, unsigned) {
  with_seat(p, [](Handle& h, detail::LocalSeat& seat) {
    (void)detail::reclaim_index(h, seat, {.share = 256, .nodes = ~0u, .pack = true});
  });
}

void sync(Participant& p, unsigned) { must(p.store->sync(), "sync"); }

void leave(Participant& p, unsigned) {
  with_seat(p, [](Handle& h, detail::LocalSeat& s) { detail::leave_region(h, s); });
}

void close(Participant& p, unsigned) { p.store.reset(); }

void prepare_open(Participant& p) { p.store.reset(); }
void open(Participant& p, unsigned) {
  auto s = durra::open("/store", {});
  must(s, "open");
  p.store = *std::move(s);
}

void make_block(Participant& p, unsigned player) {
  const std::string name = block_of(player);
  must(Block::open(*p.store, name, 8), "block");
  must(Block::open(*p.store, name, 8), "block, again");
}

void reap(Participant& p, unsigned) { (void)detail::reap_dead(p.handle()); }

void prepare_tail(Participant& p) {
  auto t = Tail::from_now(*p.store, "key");
  must(t, "tail");
  p.tail = *std::move(t);
}
void tail_next(Participant& p, unsigned) {
  for (int i = 0; i < 2; ++i) {
    const auto r = p.tail->next(Duration::zero());
    if (!r && r.error().code != Code::timeout) must(r, "next");
  }
}
void prepare_named_tail(Participant& p) {
  auto t = Tail::open(*p.store, "tail" + std::to_string(p.number), "key");
  must(t, "tail");
  must(t->next(Duration::zero()), "next");
  p.tail = *std::move(t);
}
void tail_save(Participant& p, unsigned) { must(p.tail->save(), "save"); }

const Needs kFull{.full_leaf = true}, kCold{.cold = true}, kAdopts{.cold = true, .partial = true},
    kBlocks{.blocks = true}, kRetired{.retired = true}, kDeadBatch{.ghost = "batch.5"}, kDeadPut{.ghost = "put.5"},
    kTwice{.twice = true};

}  // namespace

const std::vector<Play>& plays() {
  static const std::vector<Play> all = {
      {"put", {}, nullptr, put_key<kA>},
      {"puts", {}, nullptr, puts},
      {"insert", {}, nullptr, put_key<kC>},
      {"revive", {}, nullptr, put_key<kT>},
      {"erase", {}, nullptr, erase},
      {"put_if", {}, nullptr, put_if},
      {"create", {}, nullptr, put_if_absent},
      {"erase_if", {}, nullptr, erase_if},
      {"draft", {}, nullptr, draft},
      {"batch", {}, nullptr, batch},
      {"batch_if", {}, nullptr, batch_if},
      {"get", {}, nullptr, get},
      {"get_twice", {}, nullptr, get_twice},
      {"snapshot", {}, nullptr, snapshot},
      {"old_snapshot", {}, prepare_old_snapshot, old_snapshot},
      {"scan", {}, nullptr, scan},
      {"reader_get", {}, prepare_reader, get_twice},
      {"reader_scan", {}, prepare_reader, reader_scan},
      {"wait", {}, nullptr, wait_for_a},
      {"append", {}, nullptr, append},
      {"grow", kFull, nullptr, put_key<kG>},
      {"claim", kCold, nullptr, put_key<kA>},
      {"adopt", kAdopts, nullptr, put_key<kB>},
      {"leave", {}, nullptr, leave},
      {"block", kBlocks, nullptr, make_block},
      {"compact", {}, nullptr, compact},
      {"free", kRetired, nullptr, free_regions},
      {"sweep", {}, nullptr, sweep},
      {"reclaim", kFull, nullptr, reclaim_index},
      {"sync", {}, nullptr, sync},
      {"tail_next", {}, prepare_tail, tail_next},
      {"tail_save", {}, prepare_named_tail, tail_save},
      {"open", {}, prepare_open, open},
      {"close", {}, nullptr, close},
      {"reap", kDeadPut, nullptr, reap},
      {"reap_batch", kDeadBatch, nullptr, reap},
      {"compact_all", {}, nullptr, compact_all},
      {"move_on", kTwice, nullptr, move_on},
      {"recycle", {}, nullptr, recycle},
  };
  return all;
}

const Play* play_named(const std::string& name) {
  for (const Play& p : plays())
    if (name == p.name) return &p;
  return nullptr;
}

}  // namespace durra::schedules
