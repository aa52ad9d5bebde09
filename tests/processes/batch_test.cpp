// Processes that move money between accounts in conditional batches, and are killed at it, while another one sums
// snapshots: the sum never differs, no update is lost.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "tests/support/crash.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;
using test::outcome;

constexpr int kAccounts = 100, kEach = 1'000;

// What the processes have to say.  Each mover counts before it begins the next: at most one is not counted.
struct Board {
  std::atomic<std::uint64_t> moved[2], conflicts[2], snapshots;
  std::atomic<bool> stop, wrong;
};

std::string account(int i) { return "account " + std::to_string(i); }

// One transfer, and one more in the counter of the mover: all in one batch.
void move_money(Store& store, Board& board, int me) {
  std::mt19937 random(static_cast<unsigned>(::getpid()));
  const std::string counter = "moved by " + std::to_string(me);
  while (!board.stop) {
    const int from = static_cast<int>(random() % kAccounts), to = static_cast<int>(random() % kAccounts);
    if (from == to) continue;
    const auto a = store.get(account(from)).value(), b = store.get(account(to)).value();
    const auto n = store.get(counter).value();
    const int amount = static_cast<int>(random() % 100);
    Batch batch;
    batch.put_if(account(from), std::to_string(std::stoi(a.str()) - amount), a.stamp());
    batch.put_if(account(to), std::to_string(std::stoi(b.str()) + amount), b.stamp());
    batch.put_if(counter, std::to_string(std::stoull(n.str()) + 1), n.stamp());
    const auto done = store.put(batch);
    if (done)
      ++board.moved[me];
    else if (done.error().code == Code::conflict)
      ++board.conflicts[me];
    else
      board.wrong = true;
  }
}

void sum_money(const Store& store, Board& board) {
  while (!board.stop) {
    const auto instant = store.snapshot().value();
    int sum = 0;
    for (int i = 0; i < kAccounts; ++i) sum += std::stoi(instant.get(account(i)).value().str());
    if (sum != kAccounts * kEach) board.wrong = true;
    ++board.snapshots;
  }
}

TEST(BatchProcesses, a_bank_whose_tellers_are_killed_never_loses_money) {
  const test::Scratch scratch;
  const std::string path = scratch / "bank.durra";
  const Options options = test::small(256_MiB, 32);
  const test::SharedPage page;
  auto& board = page.as<Board>();
  {
    Store store = open(path, options).value();
    Batch all;
    for (int i = 0; i < kAccounts; ++i) all.put(account(i), std::to_string(kEach));
    store.put(all.put("moved by 0", "0").put("moved by 1", "0")).value();
  }
  const auto mover = [&](int me) {
    return std::make_unique<test::Child>([&, me] {
      Store store = open(path, options).value();
      move_money(store, board, me);
      return 0;
    });
  };
  test::Child summer([&] {
    const Store store = open(path, options).value();
    sum_money(store, board);
    return 0;
  });
  std::unique_ptr<test::Child> movers[] = {mover(0), mover(1)};
  const auto end = std::chrono::steady_clock::now() + 2s;
  std::uint64_t kills[2] = {};
  for (unsigned i = 0; std::chrono::steady_clock::now() < end; ++i) {
    std::this_thread::sleep_for(40ms);
    movers[i % 2]->kill();
    ++kills[i % 2];
    movers[i % 2] = mover(static_cast<int>(i % 2));
  }
  board.stop = true;
  for (auto& m : movers) EXPECT_EQ(m->wait(), 0);
  EXPECT_EQ(summer.wait(), 0);

  EXPECT_FALSE(board.wrong) << "a sum differed, or a batch failed";
  EXPECT_GT(board.snapshots, 0u);
  for (const bool rebuild : {false, true}) {
    Options o = options;
    o.rebuild = rebuild;
    const Store store = open(path, o).value();
    int sum = 0;
    for (int i = 0; i < kAccounts; ++i) sum += std::stoi(store.get(account(i)).value().str());
    EXPECT_EQ(sum, kAccounts * kEach);
    for (int me = 0; me < 2; ++me) {
      const auto counted = std::stoull(store.get("moved by " + std::to_string(me)).value().str());
      EXPECT_GE(counted, board.moved[me]) << "an acknowledged batch is gone";
      EXPECT_LE(counted, board.moved[me] + kills[me]) << "more than were killed before they could count";
    }
  }
  EXPECT_TRUE(verify(path).value().damage.empty());
  std::printf("%llu batches, %llu conflicts, %llu snapshots, %llu killed\n",
              static_cast<unsigned long long>(board.moved[0] + board.moved[1]),
              static_cast<unsigned long long>(board.conflicts[0] + board.conflicts[1]),
              static_cast<unsigned long long>(board.snapshots), static_cast<unsigned long long>(kills[0] + kills[1]));
}

}  // namespace
}  // namespace durra
