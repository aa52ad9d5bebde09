// Lost wake-ups, hunted: two sides that each wait for the other, thousands of times.  A wake-up that was lost would end
// with the slice, a quarter of a second later.
#include <durra/store.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;
using test::Child;
using test::Scratch;
using test::small;
using Clock = std::chrono::steady_clock;

// Answers each new version of `mine` with one of `other`; how many answers took so long that a slice must have ended.
int rally(Store& store, const std::string& mine, const std::string& other, int rounds, bool serves) {
  int slices = 0;
  Stamp seen = absent;
  for (int i = 0; i < rounds; ++i) {
    if (serves) store.put(other, std::to_string(i)).value();
    const auto begin = Clock::now();
    auto ball = store.wait(mine, seen, 60s);
    slices += Clock::now() - begin > 200ms;
    if (!ball || ball->str() != std::to_string(i)) {
      ADD_FAILURE() << "round " << i << ": " << test::shown(ball);
      return rounds;
    }
    seen = ball->stamp();
    if (!serves) store.put(other, std::to_string(i)).value();
  }
  return slices;
}

TEST(WaitThreads, no_wake_up_is_lost) {
  const Scratch scratch;
  Store store = open(scratch / "s.durra", small(64_MiB)).value();
  const int rounds = 5'000;
  int theirs = 0;
  std::thread partner([&] { theirs = rally(store, "ping", "pong", rounds, false); });
  EXPECT_EQ(rally(store, "pong", "ping", rounds, true), 0);
  partner.join();
  EXPECT_EQ(theirs, 0);
}

TEST(Wait, no_wake_up_is_lost_between_processes) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  const int rounds = 5'000;
  Child partner([&] {
    Store store = open(path, small(64_MiB)).value();
    return rally(store, "ping", "pong", rounds, false) == 0 ? 0 : 1;
  });
  Store store = open(path, small(64_MiB)).value();
  EXPECT_EQ(rally(store, "pong", "ping", rounds, true), 0);
  EXPECT_EQ(partner.wait(), 0);
}

// Several wait for keys that share a word, several put: who sleeps is woken by whoever changes its key.
TEST(WaitThreads, no_wake_up_is_lost_in_a_crowd) {
  const Scratch scratch;
  Store store = open(scratch / "s.durra", small(256_MiB)).value();
  std::atomic<int> slices{0};
  std::vector<std::thread> threads;
  for (int pair = 0; pair < 4; ++pair)
    for (const bool serves : {true, false})
      threads.emplace_back([&store, &slices, pair, serves] {
        const std::string a = "a" + std::to_string(pair), b = "b" + std::to_string(pair);
        slices += rally(store, serves ? b : a, serves ? a : b, 1'000, serves);
      });
  for (auto& t : threads) t.join();
  EXPECT_EQ(slices, 0);
}

}  // namespace
}  // namespace durra
