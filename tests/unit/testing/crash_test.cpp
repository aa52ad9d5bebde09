// The crash runner: a store under it, and bugs planted in what is built on the store, which it must find.
#include <durra/store.h>
#include <durra/testing/crash.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::testing {
namespace {

struct Bank {
  test::Scratch scratch;
  std::string path = scratch / "bank.durra";
  std::optional<Store> s;
  Options options = [] {
    Options o = test::small(2_MiB, 8);
    o.patience = std::chrono::seconds(1);
    return o;
  }();
  Store open() const { return durra::open(path, options).value(); }
  KillOptions opened() {
    return {.trace = {.first =
                          [this] {
                            s = open();
                            s->put("anna", "100").value();
                            s->put("ben", "0").value();
                          }},
            .failures_max = 3};
  }
};

std::string total_is_kept(const Bank& bank) {
  const Store s = bank.open();
  const auto now = s.snapshot().value();
  const int total = std::stoi(now.get("anna").value().str()) + std::stoi(now.get("ben").value().str());
  return total == 100 ? "" : "the total is " + std::to_string(total);
}

TEST(KillEverywhere, a_batch_is_whole_or_absent) {
  Bank bank;
  const auto deaths = kill_everywhere(
      bank.path, [&] { bank.s->put(Batch().put("anna", "60").put("ben", "40")).value(); },
      [&](const Death&) { return total_is_kept(bank); }, bank.opened());
  ASSERT_TRUE(deaths) << deaths.error().message();
  EXPECT_EQ(deaths->failures, std::vector<std::string>{});
  EXPECT_GT(deaths->points, 1'000u);
  EXPECT_GT(deaths->images, 20u);
  EXPECT_EQ(deaths->looks, deaths->images);
}

TEST(KillEverywhere, two_puts_that_belong_together_are_found) {
  Bank bank;
  const auto deaths = kill_everywhere(
      bank.path,
      [&] {
        bank.s->put("anna", "60").value();
        bank.s->put("ben", "40").value();
      },
      [&](const Death&) { return total_is_kept(bank); }, bank.opened());
  ASSERT_TRUE(deaths) << deaths.error().message();
  ASSERT_FALSE(deaths->failures.empty());
  EXPECT_NE(deaths->failures[0].find("the total is 60"), std::string::npos) << deaths->failures[0];
}

TEST(KillEverywhere, what_is_acknowledged_before_it_is_put_is_found) {
  Bank bank;
  const auto run = [&](bool too_early) {
    return kill_everywhere(
               bank.path,
               [&] {
                 if (too_early) mark("anna has 60");
                 bank.s->put("anna", "60").value();
                 if (!too_early) mark("anna has 60");
               },
               [&](const Death& death) -> std::string {
                 const auto anna = bank.open().get("anna").value().str();
                 return !death.said.empty() && anna != "60" ? "anna has " + anna : "";
               },
               bank.opened())
        .value();
  };
  EXPECT_EQ(run(false).failures, std::vector<std::string>{});
  const auto deaths = run(true);
  ASSERT_FALSE(deaths.failures.empty());
  EXPECT_NE(deaths.failures[0].find("said \"anna has 60\"): anna has 100"), std::string::npos) << deaths.failures[0];
}

TEST(KillEverywhere, a_file_that_is_not_there_yet_is_a_state) {
  Bank bank;
  const auto deaths = kill_everywhere(
      bank.path, [&] { bank.open().put("anna", "100").value(); },
      [&](const Death& death) -> std::string {
        auto store = bank.open();
        if (!death.exists && (death.number != 0 || store.get("anna"))) return "a file that was never made";
        return store.put_if("anna", "1", absent) || store.get("anna").value().str() == "100" ? "" : "neither";
      },
      {});
  ASSERT_TRUE(deaths) << deaths.error().message();
  EXPECT_EQ(deaths->failures, std::vector<std::string>{});
}

TEST(KillEverywhere, looks_that_die_or_do_not_end_are_failures_and_the_others_go_on) {
  Bank bank;
  const auto deaths = kill_everywhere(
      bank.path, [&] { bank.s->put("anna", "60").value(); },
      [&](const Death& death) -> std::string {
        if (death.number == 2) std::abort();
        if (death.number == 3) throw std::runtime_error("thrown on purpose");
        while (death.number == 5) {
          static volatile unsigned spins = 0;
          spins = spins + 1;
        }
        return "";
      },
      {.trace = bank.opened().trace, .patience = std::chrono::seconds(1)});
  ASSERT_TRUE(deaths) << deaths.error().message();
  ASSERT_EQ(deaths->failures.size(), 3u);
  EXPECT_NE(deaths->failures[0].find("dies of Aborted"), std::string::npos) << deaths->failures[0];
  EXPECT_NE(deaths->failures[1].find("thrown on purpose"), std::string::npos) << deaths->failures[1];
  EXPECT_NE(deaths->failures[2].find("does not come to an end"), std::string::npos) << deaths->failures[2];
  EXPECT_EQ(deaths->looks, deaths->images);
}

TEST(KillEverywhere, a_trace_without_a_file_is_refused) {
  const test::Scratch scratch;
  const auto trace = record(scratch / "none", [] { mark("done"); }).value();
  EXPECT_THROW(kill_everywhere(scratch / "none", trace, [](const Death&) { return ""; }), std::invalid_argument);
  const auto look = [](const Death&, const Death&) { return ""; };
  EXPECT_THROW(kill_twice(
                   scratch / "none", trace, [] {}, look),
               std::invalid_argument);
}

TEST(KillEverywhere, one_failure_is_looked_for_at_least) {
  Bank bank;
  auto options = bank.opened();
  options.failures_max = 0;
  const auto deaths = kill_everywhere(
      bank.path, [&] { bank.s->put("anna", "1").value(); }, [](const Death&) { return "planted"; }, options);
  ASSERT_TRUE(deaths) << deaths.error().message();
  EXPECT_EQ(deaths->failures.size(), 1u);
}

TEST(KillTwice, what_holds_for_the_code_holds_for_the_recovery) {
  Bank bank;
  auto options = bank.opened();
  options.trace.size_max = 1_MiB;  // of the file
  options.failures_max = 1;
  const auto deaths = kill_twice(
      bank.path, [&] { bank.s->put("anna", "100").value(); },
      [&] { bank.open().put("large", std::string(1'200'000, 'x')).value(); },
      [](const Death&, const Death&) { return ""; }, options);
  ASSERT_TRUE(deaths) << deaths.error().message();
  ASSERT_EQ(deaths->failures.size(), 1u);
  EXPECT_NE(deaths->failures[0].find("cannot be recorded"), std::string::npos) << deaths->failures[0];
}

TEST(KillTwice, a_recovery_that_is_killed_is_begun_again) {
  Bank bank;
  auto options = bank.opened();
  options.wanted = [](const Death& d) { return d.number % 32 == 20; };
  const auto deaths = kill_twice(
      bank.path, [&] { bank.s->put(Batch().put("anna", "60").put("ben", "40")).value(); },
      [&] { bank.s = bank.open(); }, [&](const Death&, const Death&) { return total_is_kept(bank); }, options);
  ASSERT_TRUE(deaths) << deaths.error().message();
  EXPECT_EQ(deaths->failures, std::vector<std::string>{});
  EXPECT_GT(deaths->pairs, 10'000u);
  EXPECT_GT(deaths->looks, 5u);
}

TEST(KillTwice, a_recovery_that_must_not_be_interrupted_is_found) {
  Bank bank;
  auto options = bank.opened();
  options.wanted = [](const Death& d) { return d.number == 4; };
  const auto deaths = kill_twice(
      bank.path, [&] { bank.s->put("ben", "1").value(); },
      [&] {
        bank.s = bank.open();
        bank.s->put("anna", "0").value();
        bank.s->put("ben", "100").value();
      },
      [&](const Death&, const Death&) -> std::string {
        const auto told = total_is_kept(bank);
        return told == "the total is 0" ? told : "";
      },
      options);
  ASSERT_TRUE(deaths) << deaths.error().message();
  ASSERT_FALSE(deaths->failures.empty());
  EXPECT_EQ(deaths->failures[0].rfind("first killed after instruction ", 0), 0u) << deaths->failures[0];
}

}  // namespace
}  // namespace durra::testing
