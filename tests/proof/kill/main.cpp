// G1, G2: every instruction of every operation is a point to be killed at, and so is every instruction of whoever
// cleans up after that.  Each state that a death leaves is looked at by those who come after it.
#include <durra/testing/crash.h>
#include <unistd.h>

#include <cstdlib>
#include <iterator>

#include "format/checksum.h"
#include "store/os.h"
#include "tests/proof/kill/survivors.h"
#include "tests/proof/kill/workers.h"
#include "tests/support/scratch.h"

namespace durra::test {
namespace {

// One in so many, chosen by the seed.
struct Share {
  std::uint64_t seed, one_in;
  bool takes(std::uint64_t number) const {
    return one_in <= 1 || format::mix64(seed ^ (number + 1) * 0x9e37) % one_in == 0;
  }
};

struct Plan {
  Share states;    // that each survivor looks at
  Share together;  // that several survivors look at, at once
  Share pairs;     // that are followed by a second death
};

struct OnDisk {
  explicit OnDisk(bool is) { os::trust_tmpfs(is); }
  ~OnDisk() { os::trust_tmpfs(false); }
};

testing::Trace trace_of(const Case& c) {
  Victim v;
  testing::TraceOptions o;
  o.first = [&] { c.first(v); };
  o.patience = std::chrono::seconds(200);
  return testing::record(
             c.path, [&] { c.code(v); }, o)
      .value();
}

void tell(Found& found, const std::string& whom, const testing::Deaths& deaths) {
  for (const auto& f : deaths.failures) found.failures.push_back(whom + ": " + f);
}

// Everybody who may come after one death.
void die_once(const Case& c, const testing::Trace& trace, const Plan& plan, Found& found) {
  std::uint64_t images = 0;
  for (const Who who : {Who::opens, Who::rebuilds, Who::works, Who::looks, Who::together}) {
    if (who == Who::rebuilds && c.company) continue;
    if (who >= Who::works && c.scenario.locks) continue;
    Share share = who == Who::together ? plan.together : plan.states;
    share.one_in *= c.scenario.one_in;
    testing::KillOptions o;
    o.failures_max = 3;
    o.wanted = [&](const testing::Death& d) {
      return share.takes(d.number * 8 + static_cast<std::uint64_t>(who)) && (d.exists || who <= Who::rebuilds);
    };
    const auto look = [&](const testing::Death& d) {
      judge(c, d, who);
      return std::string();
    };
    const auto deaths = testing::kill_everywhere(c.path, trace, look, o);
    tell(found, name(who), deaths);
    found.add(who == Who::together ? Figure::together : Figure::looks, deaths.looks);
    images = deaths.images;
  }
  found.add(Figure::points, trace.instructions());
  found.add(Figure::images, images);
}

// Whoever opens the store after a death, and trusts its index or rebuilds it, dies too.
void die_twice(const Case& c, const testing::Trace& trace, bool rebuild, const Plan& plan, Found& found) {
  std::optional<Store> cleaner;
  const auto cleans_up = [&] {
    Options o = c.options;
    o.rebuild = rebuild;
    cleaner = open(c.path, o).value();
  };
  Share share = plan.pairs;
  share.one_in *= c.scenario.one_in * (rebuild ? 4 : 1);  // a rebuild passes through ten times as many states
  testing::KillOptions o;
  o.failures_max = 3;
  o.trace.patience = std::chrono::seconds(200);
  o.wanted = [&](const testing::Death& d) { return share.takes(d.number * 2 + rebuild); };
  const auto look = [&](const testing::Death&, const testing::Death& second) {
    judge_briefly(c, second);
    return std::string();
  };
  const auto deaths = testing::kill_twice(c.path, trace, cleans_up, look, o);
  tell(found, rebuild ? "after a rebuild that was killed" : "after an opener that was killed", deaths);
  found.add(Figure::pairs, deaths.pairs);
  found.add(Figure::pair_images, deaths.looks);
}

void die(const Scenario& scenario, bool company, const Plan& plan, Found& found) {
  const Scratch scratch;
  const OnDisk disk(scenario.on_disk);
  const Case c(scenario, scratch / "s.durra", company);
  const testing::Trace trace = trace_of(c);
  die_once(c, trace, plan, found);
  if (company) return;
  die_twice(c, trace, false, plan, found);
  die_twice(c, trace, true, plan, found);
}

// Heavy ones first, so that nobody waits for the last.
std::vector<Unit> units(const std::vector<Scenario>& all, const Proof& proof, const Plan& plan) {
  std::vector<Unit> heavy, light;
  std::uint64_t number = 0;
  for (const Scenario& s : all)
    for (const bool company : {false, true}) {
      if (company && s.alone) continue;
      const std::string name = s.name + (company ? " in company" : "");
      const Share brief{proof.seed(), proof.brief() ? s.heavy ? 30ull : 4ull : 1ull};
      if (!(proof.only().empty() ? brief.takes(number++) : proof.wants(s.name) || proof.wants(name))) continue;
      (s.heavy ? heavy : light).push_back({name, [&s, company, plan](Found& f) { die(s, company, plan, f); }});
    }
  heavy.insert(heavy.end(), std::make_move_iterator(light.begin()), std::make_move_iterator(light.end()));
  return heavy;
}

void prove(Proof& proof, std::uint64_t seed, Figures& figures) {
  std::vector<Scenario> all = scenarios();
  const int mixtures = proof.brief() ? 1 : 12;
  for (int i = 0; i < mixtures; ++i) all.push_back(mixture(seed * 1000 + static_cast<std::uint64_t>(i)));
  const Plan plan = proof.brief() ? Plan{{seed, 4}, {seed, 64}, {seed, 150}} : Plan{{seed, 1}, {seed, 4}, {seed, 48}};
  run_units(proof, units(all, proof, plan), figures, 600);
}

}  // namespace
}  // namespace durra::test

// The C library copies more than some KiB with an instruction that is one step a byte.  Where it copies by vectors, as
// it does what is shorter, a step is a store of some words, and a large payload costs as much time as it is worth.
void copy_by_vectors(char** argv) {
  constexpr const char* kTunables = "GLIBC_TUNABLES";
  if (std::getenv(kTunables) != nullptr) return;
  ::setenv(kTunables, "glibc.cpu.x86_rep_movsb_threshold=1073741824:glibc.cpu.x86_rep_stosb_threshold=1073741824", 1);
  ::execv("/proc/self/exe", argv);
}

int main(int argc, char** argv) {
  using namespace durra::test;
  copy_by_vectors(argv);
  Proof proof(argc, argv, "every instruction is a point to be killed at, once and twice");
#if !defined(__x86_64__)
  Proof::skip("single steps need x86-64");
#endif
  Figures figures{};
  std::uint64_t seed = proof.seed();
  do prove(proof, seed++, figures);
  while (proof.goes_on());
  constexpr const char* kNames[] = {"points", "images", "looks", "pairs", "pair_images", "together"};
  for (std::size_t f = 0; f < figures.size(); ++f) proof.figure(kNames[f], figures[f].load());
  return proof.finish();
}
