// How somebody tests a ledger: random transfers, a death at every instruction of them, and one law: no money is made or
// lost, and what was acknowledged is there.  RapidCheck shrinks what fails to the smallest case.
#include "tests/testing/examples/ledger.h"

#include <durra/testing/crash.h>
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

using durra::testing::Death;

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

// What a death somewhere in these transfers does to the ledger: "" if nothing.
std::string wrong_after_a_death(const Transfers& transfers, Way transfer) {
  const durra::testing::Folder folder;
  const std::string path = folder / "ledger.durra";
  const auto name = [](int account) { return "account " + std::to_string(account); };
  std::optional<Ledger> ledger;
  const auto begin = [&] {
    ledger.emplace(path, durra::testing::small_store());
    for (int i = 0; i < 3; ++i) ledger->deposit(name(i), 100);
  };
  const auto work = [&] {
    for (const Transfer& t : transfers) {
      ((*ledger).*transfer)(name(t.from), name(t.to), t.amount);
      durra::testing::mark("done");
    }
  };
  const auto look = [&](const Death& death) -> std::string {
    const Ledger after(path, durra::testing::small_store());
    const long now[] = {after.balance(name(0)), after.balance(name(1)), after.balance(name(2))};
    if (now[0] + now[1] + now[2] != 300) return "money was made or lost";
    // Those that were acknowledged, and the one that was interrupted or not.
    long should[] = {100, 100, 100};
    for (std::size_t i = 0; i <= transfers.size(); ++i) {
      if (i >= death.said.size() && std::ranges::equal(now, should)) return "";
      if (i == transfers.size() || i > death.said.size()) break;
      const Transfer& t = transfers[i];
      if (should[t.from] < t.amount) continue;
      should[t.from] -= t.amount;
      should[t.to] += t.amount;
    }
    return "an acknowledged transfer is gone";
  };
  const auto deaths = durra::testing::kill_everywhere(path, work, look, {.trace = {.first = begin}, .failures_max = 1});
  if (!deaths) return deaths.error().message();
  return deaths->failures.empty() ? "" : deaths->failures[0];
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

}  // namespace
