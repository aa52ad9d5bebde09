// How somebody tests a ledger: random transfers, a death at every instruction of them, power cuts, and one law: no
// money is made or lost, and what was acknowledged is there.  RapidCheck shrinks what fails to the smallest case.
#include "tests/testing/examples/ledger.h"

#include <durra/testing/crash.h>
#include <durra/testing/power.h>
#include <durra/testing/stores.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace {

using durra::testing::Cut;
using durra::testing::Death;
using durra::testing::Folder;

struct Transfer {
  int from, to;
  long amount;
};
std::ostream& operator<<(std::ostream& out, const Transfer& t) {
  return out << t.amount << " from " << t.from << " to " << t.to;
}
using Transfers = std::vector<Transfer>;
rc::Gen<Transfers> some_transfers() {
  const auto account = rc::gen::inRange(0, 3);  // shrinks, which element() does not
  const auto transfer =
      rc::gen::build<Transfer>(rc::gen::set(&Transfer::from, account), rc::gen::set(&Transfer::to, account),
                               rc::gen::set(&Transfer::amount, rc::gen::inRange(1l, 100l)));
  return rc::gen::resize(4, rc::gen::container<Transfers>(rc::gen::resize(100, transfer)));  // at most 4
}

using Way = bool (Ledger::*)(const std::string&, const std::string&, long);

std::string name(int account) { return "account " + std::to_string(account); }

// Transfers in a ledger that is open: what is traced.
struct Work {
  Transfers transfers;
  Way transfer;
  std::string path;
  durra::Options options = durra::testing::small_store();
  std::optional<Ledger> ledger{};

  void begin() {
    ledger.emplace(path, options);
    for (int i = 0; i < 3; ++i) ledger->deposit(name(i), 100);
  }
  void run() {
    for (const Transfer& t : transfers) {
      ((*ledger).*transfer)(name(t.from), name(t.to), t.amount);
      durra::testing::mark("done");
    }
  }

  // What is wrong with the ledger afterwards, when so many transfers were acknowledged: "" if nothing.
  std::string wrong(std::size_t acknowledged) const {
    const Ledger after(path, durra::testing::small_store());
    const long now[] = {after.balance(name(0)), after.balance(name(1)), after.balance(name(2))};
    if (now[0] + now[1] + now[2] != 300) return "money was made or lost";
    // Those that were acknowledged, and the one that was interrupted or not.
    long should[] = {100, 100, 100};
    for (std::size_t i = 0; i <= transfers.size(); ++i) {
      if (i >= acknowledged && std::ranges::equal(now, should)) return "";
      if (i == transfers.size() || i > acknowledged) break;
      const Transfer& t = transfers[i];
      if (should[t.from] < t.amount) continue;
      should[t.from] -= t.amount;
      should[t.to] += t.amount;
    }
    return "an acknowledged transfer is gone";
  }
};

// What a death somewhere in these transfers does to the ledger: "" if nothing.
std::string wrong_after_a_death(const Transfers& transfers, Way transfer) {
  const Folder folder;
  Work work{transfers, transfer, folder / "ledger.durra"};
  const auto deaths = durra::testing::kill_everywhere(
      work.path, [&] { work.run(); }, [&](const Death& death) { return work.wrong(death.said.size()); },
      {.trace = {.first = [&] { work.begin(); }}, .failures_max = 1});
  if (!deaths) return deaths.error().message();
  return deaths->failures.empty() ? "" : deaths->failures[0];
}

// What a power cut does to a ledger that promises to survive it.  It works on a disk; who looks needs none.
std::string wrong_after_a_power_cut(const Transfers& transfers, Way transfer) {
  const Folder disk(Folder::Where::disk), fast;
  Work work{transfers, transfer, disk / "ledger.durra"};
  work.options.durability = durra::Durability::power;
  const auto trace = durra::testing::record(work.path, [&] { work.run(); }, {.first = [&] { work.begin(); }});
  if (!trace) return trace.error().message();
  work.path = fast / "ledger.durra";
  const auto cuts =
      durra::testing::cut_everywhere(work.path, *trace, [&](const Cut& cut) { return work.wrong(cut.said.size()); },
                                     {.images = 3'000, .failures_max = 1});
  return cuts.failures.empty() ? "" : cuts.failures[0];
}

// Where $TMPDIR is a tmpfs, nothing survives.
bool is_there_a_disk() {
  auto options = durra::testing::small_store();
  options.durability = durra::Durability::power;
  return bool(durra::open(Folder(Folder::Where::disk) / "disk.durra", options));
}

// Read before the first property runs; what the caller set stands.
[[maybe_unused]] const int configured = ::setenv("RC_PARAMS", "max_success=10", 0);

RC_GTEST_PROP(Ledger, keeps_all_money_wherever_it_dies, ()) {
  if (const auto wrong = wrong_after_a_death(*some_transfers(), &Ledger::transfer); !wrong.empty()) RC_FAIL(wrong);
}

// The harness must find the planted bug, and the smallest case of it.
TEST(Ledger, with_a_planted_bug_is_found_and_shrunk) {
  Transfers smallest;
  EXPECT_FALSE(rc::check("no money is made or lost", [&] {
    const auto transfers = *some_transfers();
    const auto wrong = wrong_after_a_death(transfers, &Ledger::careless_transfer);
    if (wrong.empty()) return;
    smallest = transfers;
    RC_FAIL(wrong);
  }));
  ASSERT_EQ(smallest.size(), 1u);
  EXPECT_EQ(smallest[0].amount, 1);
  EXPECT_EQ(smallest[0].from + smallest[0].to, 1);
}

TEST(Ledger, keeps_through_a_power_cut_what_it_said) {
  if (!is_there_a_disk()) GTEST_SKIP() << "no disk: set TMPDIR";
  EXPECT_EQ(wrong_after_a_power_cut({{0, 1, 60}, {1, 2, 150}, {2, 0, 250}}, &Ledger::transfer), "");
}

TEST(Ledger, with_a_transfer_that_is_said_to_be_done_too_early_is_found) {
  if (!is_there_a_disk()) GTEST_SKIP() << "no disk: set TMPDIR";
  const auto wrong = wrong_after_a_power_cut({{0, 1, 60}}, &Ledger::hasty_transfer);
  EXPECT_NE(wrong.find("said \"done\"): an acknowledged transfer is gone"), std::string::npos) << wrong;
}

}  // namespace
