// The programs whose power is cut.
#include "tests/proof/power/programs.h"

#include <unistd.h>

#include <algorithm>

#include "format/checksum.h"
#include "format/head.h"
#include "tests/support/crowd.h"
#include "tests/support/dice.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

constexpr auto kPower = Durability::power;

Op put(unsigned key, unsigned size, Durability d = Durability::process) { return {Act::put, {{key}}, size, d}; }
Op erase(unsigned key) { return {Act::erase, {{key, true}}}; }
Op plain(Act act) { return {act}; }

// Regions fill, are compacted, retired, freed and used again: F11, F12, F13.
std::vector<Op> reuse() {
  std::vector<Op> ops;
  for (unsigned i = 0; i < 8; ++i) ops.push_back(put(i % 4, 15'000, i % 3 == 0 ? kPower : Durability::process));
  for (unsigned i = 0; i < 2; ++i) {
    ops.push_back(plain(Act::compact));
    ops.push_back(put(i, 9'000));
    ops.push_back(plain(i % 2 == 0 ? Act::sync : Act::compact));
    ops.push_back(put((i + 1) % 4, 14'000, kPower));
  }
  return ops;
}
// Tombstones are swept, and what they hid must not come back: F14, F15.
std::vector<Op> sweep() {
  std::vector<Op> ops{put(0, 30'000), put(1, 20'000), plain(Act::sync), erase(0), plain(Act::sync)};
  for (int i = 0; i < 2; ++i) {
    ops.push_back(plain(Act::reopen));
    ops.push_back(plain(Act::compact));
    ops.push_back(put(2, 20'000));
    ops.push_back(plain(Act::compact));
  }
  ops.push_back(put(0, 100, kPower));
  return ops;
}
// Whoever has no region left compacts, syncs and frees on the way.
std::vector<Op> full() {
  std::vector<Op> ops;
  for (unsigned i = 0; i < 14; ++i) ops.push_back(put(i % 3, 24'000, i % 5 == 0 ? kPower : Durability::process));
  return ops;
}
std::vector<Op> batches() {
  std::vector<Op> ops{put(0, 100), put(1, 100), put(2, 100), plain(Act::sync)};
  for (unsigned i = 0; i < 6; ++i)
    ops.push_back({Act::batch,
                   {{0, i == 3}, {1}, {2, i == 4}},
                   i == 2 ? 9'000u : 200u,
                   i % 2 == 0 ? kPower : Durability::process});
  ops.push_back(plain(Act::sync));
  return ops;
}
std::vector<Op> runs() {
  return {put(0, 90'000),   put(1, 100, kPower), put(0, 70'000, kPower), plain(Act::compact), erase(0),
          plain(Act::sync), plain(Act::compact), put(2, 80'000),         plain(Act::sync)};
}
// A leaf fills up, is copied into a larger one, and that is split: also while the disk has half of it.
std::vector<Op> split() {
  std::vector<Op> ops;
  for (unsigned i = 0; i < 40; ++i) ops.push_back(put(i, 20, i % 13 == 0 ? kPower : Durability::process));
  ops.push_back(plain(Act::sync));
  return ops;
}
std::vector<Op> feed() {
  std::vector<Op> ops;
  for (unsigned i = 0; i < 12; ++i) {
    const unsigned at = static_cast<unsigned>(ops.size());
    ops.push_back({Act::append, {}, 60 + at, i % 4 == 0 ? kPower : Durability::process});
    if (i % 3 == 2) ops.push_back({Act::consume, {}, 0, kPower});
  }
  return ops;
}
// Memory that never moves is made and written where records lay before, while its name goes to the disk (H24).
std::vector<Op> typed() {
  std::vector<Op> ops;
  for (unsigned i = 0; i < 18; ++i) ops.push_back(put(i % 3, 24'000));
  for (const Act act : {Act::typed, Act::typed}) ops.push_back(plain(act));
  ops.push_back(put(2, 100, kPower));
  for (const Act act : {Act::sync, Act::typed, Act::compact, Act::reopen, Act::typed, Act::sync, Act::typed})
    ops.push_back(plain(act));
  ops.push_back(put(0, 200, kPower));
  return ops;
}
// Closed in order, opened, killed and opened again.
std::vector<Op> ends() {
  return {put(0, 300),        plain(Act::reopen), put(1, 400, kPower), plain(Act::reopen),
          put(0, 500),        erase(1),           plain(Act::other),   put(2, 100, kPower),
          plain(Act::reopen), put(1, 200),        plain(Act::sync),    plain(Act::reopen)};
}
std::vector<Op> after_a_kill() {
  return {put(0, 300, kPower),       {Act::killed_alone, {{1}}, 400},
          {Act::killed, {{2}}, 500}, put(0, 600),
          put(3, 100, kPower),       plain(Act::sync),
          plain(Act::reopen)};
}

struct Scene {
  const char* name;
  std::vector<Op> (*ops)();
  unsigned keys, first;
  std::uint64_t max_size;
};
constexpr Scene kScenes[] = {
    {"create", ends, 4, 0, 1_MiB},       {"reuse", reuse, 4, 6, 768_KiB},   {"sweep", sweep, 4, 3, 768_KiB},
    {"full", full, 4, 8, 640_KiB},       {"batches", batches, 4, 1, 1_MiB}, {"runs", runs, 4, 1, 1_MiB},
    {"typed", typed, 4, 18, 768_KiB},    {"split", split, 40, 8, 1_MiB},    {"feed", feed, 4, 1, 1_MiB},
    {"kill", after_a_kill, 4, 3, 1_MiB},
};

void finish(Plan& plan) {
  Program& p = plan.program;
  for (unsigned i = 0; i < p.ops.size(); ++i) {
    if (p.ops[i].act == Act::append) p.ops[i].changes = {{event_key(p, i)}};
    if (p.ops[i].act == Act::consume) p.ops[i].changes = {{cursor_key(p)}};
    plan.has_tail |= p.ops[i].act == Act::consume || p.ops[i].act == Act::append;
  }
  make_values(p);
}

Plan scene(const Scene& s, std::uint64_t seed) {
  Plan plan{s.name, {}, s.first};
  plan.program.seed = seed;
  plan.program.keys = s.keys;
  plan.program.options = small(s.max_size, 8);
  plan.program.ops = s.ops();
  plan.splits = s.ops == split;
  finish(plan);
  return plan;
}

// The first part may have other processes in it, and large values; what is traced may not.
Plan random_plan(std::uint64_t seed) {
  Plan plan{"random", random_program(seed, {.ops = 30, .keys = 6, .size = 1'200, .large = 28'000}), 30};
  const Program traced =
      random_program(~seed, {.ops = 14, .keys = 6, .size = 600, .large = 5'000, .other_processes = false});
  plan.program.options.max_size = 640_KiB + seed % 3 * 192_KiB;
  plan.program.ops.insert(plan.program.ops.end(), traced.ops.begin(), traced.ops.end());
  finish(plan);
  return plan;
}

}  // namespace

void crowd(Program& p, const std::string& path) {
  format::Superblock super{};
  {
    const Dice dice(p.seed);
    const Store made = open(path, p.options).value();
    os::read_at(os::open(path, os::Access::read).value(), 0, &super, sizeof super).value();
  }
  ::unlink(path.c_str());
  p.names = crowded_names(p.keys, format::store_seed(super.uuid));
}

std::vector<Plan> all_plans(std::uint64_t seed, unsigned random, const std::string& only) {
  std::vector<Plan> all;
  for (const Scene& s : kScenes) all.push_back(scene(s, seed));
  for (unsigned i = 0; i < random; ++i) all.push_back(random_plan(seed * 1'000 + i));
  if (!only.empty()) std::erase_if(all, [&](const Plan& p) { return p.name != only; });
  return all;
}

}  // namespace durra::test
