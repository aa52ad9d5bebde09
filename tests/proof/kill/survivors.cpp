// Those who come after a death, and what they must find.
#include "tests/proof/kill/survivors.h"

#include "format/head.h"
#include "format/seat.h"
#include "store/os.h"
#include "tests/proof/kill/crowd.h"

namespace durra::test {
namespace {

std::vector<Model> states_of(const Scenario& s, Model model) {
  if (s.after_first) s.after_first(model);
  std::vector<Model> states{model};
  for (const Act& act : s.acts) {
    if (act.then) act.then(model);
    states.push_back(model);
  }
  return states;
}

bool is_one_of(Opened how, std::initializer_list<Opened> some) {
  return std::find(some.begin(), some.end(), how) != some.end();
}

// A death of a process is no reason to rebuild, and no reason to believe what only a living one can vouch for.
void require_opened_well(const Case& c, const Store& s, const testing::Death& d) {
  const Opened how = stats(s).value().opened;
  const bool well = c.company             ? how == Opened::warm
                    : !d.exists           ? how == Opened::created
                    : c.scenario.rebuilds ? how != Opened::warm
                                          : is_one_of(how, {Opened::same_boot, Opened::clean});
  require(well, std::string("it was opened: ") + durra::name(how));
}

// Nobody is left: the store is closed in order, and is the same from its index and from its records.
void require_lasting(const Case& c, std::size_t n) {
  {
    const Store s = open(c.path, c.options).value();
    require(stats(s).value().opened == Opened::clean, "the last one's close left no mark");
    decide(c, s, n, n);
    require_nothing_left(s, c.path);
  }
  Options o = c.options;
  o.rebuild = true;
  Store s = open(c.path, o).value();
  decide(c, s, n, n);
  require_nothing_left(s, c.path);
  require_undamaged(c.path);
  require_usable(s, "nobody");
  decide(c, s, n, n);
}

std::size_t open_and_work(const Case& c, const testing::Death& d, const Options& o, std::size_t from, std::size_t to,
                          bool first) {
  Store s = open(c.path, o).value();
  if (first && !o.rebuild) require_opened_well(c, s, d);
  const std::size_t n = decide(c, s, from, to);
  decide(c, s, n, n);
  require_nothing_left(s, c.path);
  require_undamaged(c.path);
  require_usable(c, s, d);
  decide(c, s, n, n);
  return n;
}

// Somebody who does not know yet that the other one is dead.
std::size_t survive(const Case& c, const testing::Death& d, bool works) {
  Store s = open_beside_the_dead(c.path, c.options);
  std::size_t n = decide(c, s, c.before(d), c.after(d));
  decide(c, s, n, n);
  if (works) {
    // What a dead one left undecided is decided by the first who would change it; until then it is as it was before.
    for (const auto& k : c.keys)
      if (k.rfind("log/", 0) != 0) require(!s.put_if(key_of(k), "never", Stamp{1}), "a put_if that must conflict");
    n = decide(c, s, n, c.after(d));
    require_usable(c, s, d);
  }
  n = decide(c, s, n, n);
  return open_and_work(c, d, c.options, n, n, false);
}

}  // namespace

Case::Case(const Scenario& s, std::string p, bool with_company)
    : scenario(s), path(std::move(p)), company(with_company) {
  Model model;
  if (!s.from_nothing) {
    Store made = fixed_store(path, options);
    s.prepare(made, model);
    if (company) companion = std::move(made);
  }
  if (s.dies_before) s.dies_before(path, options, model);
  states = states_of(s, model);
  const std::size_t one_in = 1 + states.back().size() / 100;  // of a store of thousands
  for (const Model& m : states) {
    std::size_t n = 0;
    for (const auto& [k, v] : m)
      if (n++ % one_in == 0) keys.insert(k);
  }
}

void Case::first(Victim& v) const {
  v.path = path;
  v.options = options;
  if (scenario.first) scenario.first(v);
}

void Case::code(Victim& v) const {
  for (const Act& act : scenario.acts) {
    act.run(v);
    testing::mark("done");
  }
}

const char* name(Who who) noexcept {
  constexpr const char* kNames[] = {"an opener", "a rebuild", "a survivor who works", "a survivor who looks",
                                    "survivors together"};
  return kNames[static_cast<int>(who)];
}

// A put that a dead one published without a stamp is done when somebody meets it: the first scan may come before that.
std::size_t decide(const Case& c, const Store& s, std::size_t from, std::size_t to) {
  const auto which = [&](const Model& seen) {
    for (std::size_t n = from; n <= to; ++n)
      if (seen == c.states[n]) return n;
    std::string told = "not what it was:" + difference(seen, c.states[from]);
    if (to != from) told += "; nor what it was to be:" + difference(seen, c.states[to]);
    throw std::runtime_error(told);
  };
  from = which(glance(s));
  return which(content(s, c.keys));
}

void require_usable(const Case& c, Store& s, const testing::Death& d) {
  const Model &old = c.states[c.before(d)], &fresh = c.states[c.after(d)];
  int touched = 0;
  for (const auto& k : c.keys) {
    const auto a = old.find(k), b = fresh.find(k);
    const bool same = (a == old.end()) == (b == fresh.end()) && (a == old.end() || a->second == b->second);
    if (same || k.rfind("log/", 0) == 0 || ++touched > 3) continue;
    require_usable(s, k);
  }
  require_usable(s, "k5");
  require_usable(s, "nobody");
}

Store open_beside_the_dead(const std::string& path, const Options& options) {
  const auto file = os::open(path, os::Access::read_write).value();
  format::Superblock super;
  os::read_at(file, 0, &super, sizeof super).value();
  for (std::uint64_t n = 0; n < super.seat_count; ++n) {
    std::uint64_t state = 0;
    os::read_at(file, super.seats_offset + n * sizeof(format::Seat), &state, sizeof state).value();
    if (format::seat_state(state) == format::SeatState::live) (void)os::try_lock(file, format::kLockSeats + n).value();
  }
  return open(path, options).value();
}

void judge(const Case& c, const testing::Death& d, Who who) {
  Options o = c.options;
  o.rebuild = who == Who::rebuilds;
  std::size_t n = 0;
  switch (who) {
    case Who::opens:
    case Who::rebuilds: n = open_and_work(c, d, o, c.before(d), c.after(d), true); break;
    case Who::works: n = survive(c, d, true); break;
    case Who::looks: n = survive(c, d, false); break;
    case Who::together:
      n = survive_together(c, d, 2 + static_cast<unsigned>(d.number % 3));
      n = open_and_work(c, d, o, n, n, false);
      break;
  }
  if (!c.company) require_lasting(c, n);
}

void judge_briefly(const Case& c, const testing::Death& d) {
  std::size_t n = 0;
  n = open_and_work(c, d, c.options, c.before(d), c.after(d), false);
  if (!c.company) require_lasting(c, n);
}

}  // namespace durra::test
