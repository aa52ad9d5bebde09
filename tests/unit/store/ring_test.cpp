// Ring: one writer at a time, values whole or absent, whoever dies.
#include <durra/types.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "tests/support/scratch.h"

namespace durra::test {
namespace {

struct Sample {
  std::uint64_t n, copies[11];
  static Sample of(std::uint64_t n) {
    Sample s{n, {}};
    for (auto& c : s.copies) c = n;
    return s;
  }
  bool whole() const {
    for (const auto c : copies)
      if (c != n) return false;
    return true;
  }
};

class RingTest : public testing::Test {
 protected:
  Store open_store() const {
    Options o;
    o.max_size = 8_MiB;
    o.region_size = 64_KiB;
    o.participants = 16;
    return open(scratch_ / "s.durra", o).value();
  }
  Scratch scratch_;
  Store s = open_store();
};

std::vector<std::uint64_t> numbers(const std::vector<Sample>& all) {
  std::vector<std::uint64_t> out;
  for (const Sample& one : all) out.push_back(one.n);
  return out;
}

TEST_F(RingTest, shows_the_last_values_oldest_first) {
  EXPECT_EQ(Ring<Sample>::reader(s, "r").error().code, Code::not_found);
  auto out = Ring<Sample>::writer(s, "r", 4).value();
  auto in = Ring<Sample>::reader(s, "r").value();
  EXPECT_TRUE(in.last(10).empty());
  for (std::uint64_t i = 1; i <= 6; ++i) out.push(Sample::of(i));
  EXPECT_EQ(numbers(in.last(10)), (std::vector<std::uint64_t>{3, 4, 5, 6}));
  EXPECT_EQ(numbers(in.last(2)), (std::vector<std::uint64_t>{5, 6}));
  EXPECT_EQ(in.pushed(), 6u);
  EXPECT_EQ(in.capacity(), 4u);
}

TEST_F(RingTest, has_one_writer_while_it_lives) {
  std::optional<Ring<Sample>> out = Ring<Sample>::writer(s, "r", 4).value();
  EXPECT_EQ(Ring<Sample>::writer(s, "r", 4).error().code, Code::busy) << "of the same handle";
  Store other = open_store();
  const auto second = Ring<Sample>::writer(other, "r", 4);
  EXPECT_EQ(second.error().code, Code::busy) << "of another";
  EXPECT_EQ(second.error().detail, static_cast<std::uint64_t>(::getpid()));
  auto moved = std::move(*out);
  out.reset();
  EXPECT_EQ(Ring<Sample>::writer(other, "r", 4).error().code, Code::busy) << "it only moved";
  { const auto gone = std::move(moved); }
  EXPECT_TRUE(Ring<Sample>::writer(other, "r", 4));
}

TEST_F(RingTest, another_size_is_a_mismatch) {
  { auto out = Ring<Sample>::writer(s, "r", 4).value(); }
  EXPECT_EQ(Ring<Sample>::writer(s, "r", 5).error().code, Code::mismatch);
  EXPECT_EQ(Ring<int>::reader(s, "r").error().code, Code::mismatch);
  EXPECT_EQ(Ring<Sample>::writer(s, "x", 0).error().code, Code::invalid);
  EXPECT_EQ(Ring<Sample>::writer(s, "x", std::size_t(-1)).error().code, Code::too_large);
}

TEST_F(RingTest, a_dead_writer_is_succeeded_and_its_half_value_never_shows) {
  std::uint64_t last = 0;
  auto in = [&] {
    { auto out = Ring<Sample>::writer(s, "r", 8).value(); }
    return Ring<Sample>::reader(s, "r").value();
  }();
  for (int round = 0; round < 30; ++round) {
    Child writer([&] {
      Store mine = open_store();
      auto out = Ring<Sample>::writer(mine, "r", 8).value();
      for (std::uint64_t i = in.pushed();; ++i) out.push(Sample::of(i + 1));
      return 0;
    });
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(200 + round * 97);
    while (in.pushed() == last || std::chrono::steady_clock::now() < until) {
    }
    writer.kill();
    const auto now = in.last(8);
    EXPECT_GE(now.size(), 7u);
    for (const Sample& one : now) EXPECT_TRUE(one.whole());
    ASSERT_FALSE(now.empty());
    EXPECT_EQ(now.back().n, in.pushed());
    last = in.pushed();
  }
  auto out = Ring<Sample>::writer(s, "r", 8).value();
  out.push(Sample::of(last + 1));
  EXPECT_EQ(in.last(1).at(0).n, last + 1);
}

TEST_F(RingTest, readers_never_see_a_torn_value) {
  auto out = Ring<Sample>::writer(s, "r", 4).value();
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> seen{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t)
    readers.emplace_back([&] {
      auto in = Ring<Sample>::reader(s, "r").value();
      std::uint64_t newest = 0;
      while (!stop)
        for (const Sample& one : in.last(4)) {
          EXPECT_TRUE(one.whole());
          EXPECT_GT(one.n + 4, newest) << "older than the ring";
          newest = std::max(newest, one.n);
          ++seen;
        }
    });
  for (std::uint64_t i = 1; i <= 300'000 || seen < 100; ++i) out.push(Sample::of(i));
  stop = true;
  for (auto& t : readers) t.join();
}

// Where locks go with descriptors, a writer may be taken for dead (overlayfs): the ring is its successor's then.
TEST_F(RingTest, who_is_not_the_writer_any_more_pushes_nothing) {
  auto out = Ring<Sample>::writer(s, "r", 4).value();
  auto in = Ring<Sample>::reader(s, "r").value();
  EXPECT_TRUE(out.push(Sample::of(1)));
  auto block = detail::Blocks::attach(s, "r", {"ring", detail::opaque_dtype(sizeof(Sample)), {}}).value();
  std::uint64_t& writer = reinterpret_cast<detail::RingHead*>(detail::Blocks::memory(block))->writer;
  const std::uint64_t own = std::exchange(writer, 99 << 16 | 2);
  EXPECT_FALSE(out.push(Sample::of(2)));
  EXPECT_EQ(in.pushed(), 1u);
  EXPECT_EQ(numbers(in.last(4)), (std::vector<std::uint64_t>{1}));
  writer = own;
  EXPECT_TRUE(out.push(Sample::of(3)));
  EXPECT_EQ(numbers(in.last(4)), (std::vector<std::uint64_t>{1, 3}));
  EXPECT_FALSE(in.push(Sample::of(4))) << "who only reads";
}

// A power cut leaves words of different moments: what it mixed has another check.
TEST_F(RingTest, a_slot_of_two_moments_is_left_out) {
  auto out = Ring<Sample>::writer(s, "r", 4).value();
  for (std::uint64_t i = 1; i <= 4; ++i) out.push(Sample::of(i));
  auto in = Ring<Sample>::reader(s, "r").value();
  auto block = detail::Blocks::attach(s, "r", {"ring", detail::opaque_dtype(sizeof(Sample)), {}}).value();
  std::uint64_t other = 99;
  std::memcpy(detail::Blocks::memory(block) + 64 + (16 + sizeof(Sample)) + 16 + 40, &other, sizeof other);
  EXPECT_EQ(numbers(in.last(4)), (std::vector<std::uint64_t>{1, 3, 4}));
}

}  // namespace
}  // namespace durra::test
