// Batches of several threads over the same keys: an instant never shows half of one, no conditional update is lost,
// and what a reader saw of a batch it sees all of from then on.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/os.h"
#include "store/step.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::outcome;
using test::shown;

// Others get their turn between any two steps, also where there are fewer cores than threads.
void take_turns(const char*) {
  thread_local unsigned random = static_cast<unsigned>(std::hash<std::thread::id>{}(std::this_thread::get_id()));
  random = random * 1'664'525 + 1'013'904'223;
  if (random >> 27 == 0) std::this_thread::yield();
}

struct BatchThreads : testing::Test {
  BatchThreads() {
    os::share_mappings(true);
    step_hook = take_turns;
  }
  ~BatchThreads() override {
    step_hook = nullptr;
    os::share_mappings(false);
  }
  Store another() const {
    Options o = test::small(64_MiB, 32);
    o.patience = std::chrono::seconds(60);
    return open(path, o).value();
  }
  // Runs all of them at once; `stop` is set when the first `workers` have ended.
  void run(std::size_t workers, const std::vector<std::function<void()>>& bodies) {
    std::vector<std::thread> threads;
    for (const auto& b : bodies) threads.emplace_back(b);
    for (std::size_t i = 0; i < threads.size(); ++i) {
      if (i == workers) stop = true;
      threads[i].join();
    }
  }

  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = another();
  std::atomic<bool> stop{false};
};

constexpr int kAccounts = 10, kEach = 1'000;

// The money in what `records` shows.
int sum_of(Records records, int* accounts = nullptr) {
  int sum = 0, n = 0;
  for (Record& r : records) {
    sum += std::stoi(r.str());
    ++n;
  }
  EXPECT_EQ(outcome(records.status()), "ok");
  if (accounts != nullptr) *accounts = n;
  return sum;
}

TEST_F(BatchThreads, money_moves_and_its_sum_stays) {
  for (int a = 0; a < kAccounts; ++a) store.put(a, std::to_string(kEach)).value();
  std::atomic<int> conflicts{0}, done{0}, sums{0};
  const auto mover = [&](unsigned seed) {
    Store mine = another();
    std::mt19937 random(seed);
    for (int i = 0; i < 400;) {
      const int from = static_cast<int>(random() % kAccounts), to = static_cast<int>(random() % kAccounts);
      if (from == to) continue;
      const auto a = mine.get(from).value(), b = mine.get(to).value();
      const int amount = static_cast<int>(random() % 50);
      Batch batch;
      batch.put_if(from, std::to_string(std::stoi(a.str()) - amount), a.stamp());
      batch.put_if(to, std::to_string(std::stoi(b.str()) + amount), b.stamp());
      const auto put = mine.put(batch);
      if (put) {
        ++done, ++i;
      } else {
        ASSERT_EQ(outcome(put), "conflict");
        ++conflicts;
      }
    }
  };
  const auto summer = [&] {
    const Store mine = another();
    while (!stop) {
      const auto instant = mine.snapshot().value();
      int sum = 0, accounts = 0;
      for (int a = 0; a < kAccounts; ++a) sum += std::stoi(instant.get(a).value().str());
      ASSERT_EQ(sum, kAccounts * kEach);
      ASSERT_EQ(sum_of(instant.records(), &accounts), kAccounts * kEach);
      ASSERT_EQ(accounts, kAccounts);
      ASSERT_EQ(sum_of(mine.records()), kAccounts * kEach);
      ++sums;
    }
  };
  run(3, {[&] { mover(1); }, [&] { mover(2); }, [&] { mover(3); }, summer, summer});
  EXPECT_EQ(done, 1'200);
  EXPECT_GT(sums, 0);
  EXPECT_EQ(sum_of(store.records()), kAccounts * kEach);
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(BatchThreads, batches_of_the_same_keys_never_mix) {
  constexpr int kKeys = 6;
  const auto batcher = [&](char name) {
    Store mine = another();
    for (int i = 0; i < 500; ++i) {
      Batch b;
      for (int k = 0; k < kKeys; ++k) b.put(k, name + std::to_string(i));
      ASSERT_EQ(outcome(mine.put(b)), "ok");
    }
  };
  const auto single = [&] {  // supersedes one key of it, and puts it back by erasing another's
    Store mine = another();
    for (int i = 0; i < 500; ++i) ASSERT_EQ(outcome(mine.put(kKeys - 1, "single")), "ok");
  };
  const auto reader = [&] {
    const Store mine = another();
    while (!stop) {
      const auto instant = mine.snapshot().value();
      const std::string first = shown(instant.get(0));
      for (int k = 1; k < kKeys - 1; ++k) ASSERT_EQ(shown(instant.get(k)), first) << k;
      const std::string last = shown(instant.get(kKeys - 1));
      ASSERT_TRUE(last == first || last == "single") << last << " beside " << first;
    }
  };
  run(3, {[&] { batcher('a'); }, [&] { batcher('b'); }, single, reader, reader});
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(BatchThreads, whoever_saw_one_of_it_sees_all_of_it) {
  constexpr int kKeys = 5;
  const auto number = [](const Result<Record>& r) { return r ? std::stoi(r->str()) : -1; };
  const auto writer = [&] {
    Store mine = another();
    for (int i = 0; i < 1'000; ++i) {
      Batch b;
      for (int k = 0; k < kKeys; ++k) b.put(k, std::to_string(i));
      ASSERT_EQ(outcome(mine.put(b)), "ok");
    }
  };
  const auto reader = [&] {
    const Store mine = another();
    int seen = -1;
    while (!stop)
      for (int k = kKeys - 1; k >= 0; --k) {
        const int now = number(mine.get(k));
        ASSERT_GE(now, seen);
        seen = now;
      }
  };
  run(1, {writer, reader, reader});
}

}  // namespace
}  // namespace durra
