// Typed things under threads over one mapping, where ThreadSanitizer sees every access.
#include <durra/types.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/scratch.h"

namespace durra {
namespace {

constexpr int kWriters = 3;
constexpr std::int64_t kEach = 2'000;

class TypesThreads : public testing::Test {
 protected:
  // Calls `work` with 0 .. n - 1, in as many threads.
  static void at_once(int n, const std::function<void(int)>& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < n; ++i) threads.emplace_back(work, i);
    for (auto& t : threads) t.join();
  }

  const test::Scratch scratch_;
  Store store_ = open(scratch_ / "s.durra").value();
};

// Two slots only: the writer passes by its readers all the time.
TEST_F(TypesThreads, a_ring_shows_whole_values_in_order_while_it_is_written) {
  using Value = std::array<std::int64_t, 7>;
  auto out = Ring<Value>::writer(store_, "ring", 2).value();
  std::atomic<bool> over{false};
  std::atomic<std::int64_t> seen{0};
  std::thread writer([&] {
    for (std::int64_t i = 1; i <= kEach || seen == 0; ++i) {
      Value v;
      v.fill(i);
      out.push(v);
    }
    over = true;
  });
  at_once(2, [&](int) {
    const auto in = Ring<Value>::reader(store_, "ring").value();
    std::int64_t newest = 0;
    do {
      std::int64_t before = newest - 2;  // of what was shown, the last two may be shown again
      for (const Value& v : in.last(2)) {
        for (const std::int64_t x : v) ASSERT_EQ(x, v[0]);
        ASSERT_GT(v[0], before);
        before = v[0];
        newest = std::max(newest, v[0]);
        ++seen;
      }
    } while (!over);
  });
  writer.join();
}

TEST_F(TypesThreads, counters_gauges_and_elements_add_up) {
  at_once(kWriters, [&](int) {
    auto counter = Counter::open(store_, "counter").value();
    auto array = Array<std::int64_t>::open(store_, "array", {2}).value();
    for (std::int64_t i = 0; i < kEach; ++i) {
      counter.add();
      array.atomic(static_cast<std::size_t>(i % 2)).fetch_add(1, std::memory_order_relaxed);
    }
  });
  EXPECT_EQ(Counter::open(store_, "counter").value().value(), kWriters * kEach);
  const auto array = Array<std::int64_t>::attach(store_, "array").value();
  EXPECT_EQ(array(0) + array(1), kWriters * kEach);
}

TEST_F(TypesThreads, updates_of_a_cell_and_pushes_to_a_list_are_not_lost) {
  constexpr std::int64_t kFew = 100;
  at_once(kWriters, [&](int) {
    auto cell = Cell<std::int64_t>::open(store_, "cell").value();
    auto list = List::open(store_, "list").value();
    for (std::int64_t i = 0; i < kFew; ++i) {
      cell.update([](std::int64_t x) { return x + 1; }).value();
      list.push(i).value();
    }
  });
  EXPECT_EQ(Cell<std::int64_t>::open(store_, "cell").value().load().value(), kWriters * kFew);
  EXPECT_EQ(List::open(store_, "list").value().size().value(), kWriters * kFew);
}

// Each makes the block of a name, drops it and makes it again, while the others have it open.
TEST_F(TypesThreads, blocks_come_and_go_under_those_who_hold_them) {
  at_once(kWriters, [&](int) {
    for (int i = 0; i < 60; ++i) {
      auto array = Array<std::int64_t>::open(store_, "passing", {100}).value();
      for (std::size_t k = 0; k < array.size(); ++k) array.atomic(k).fetch_add(1, std::memory_order_relaxed);
      if (i % 3 == 0) {
        const auto dropped = drop(store_, "passing");
        ASSERT_TRUE(dropped || dropped.error().code == Code::not_found) << dropped.error().message();
      }
    }
  });
}

}  // namespace
}  // namespace durra
