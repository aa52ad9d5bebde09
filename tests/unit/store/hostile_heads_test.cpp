// Heads of blocks that say what their memory is not: another build may have made them.  Each is refused, or what it
// says fits into the payload; nothing is read outside.
#include <durra/types.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "store/block.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

constexpr std::size_t kHuge = std::numeric_limits<std::size_t>::max();

struct HostileHeads : testing::Test {
  Scratch scratch;
  Store s = open(scratch / "s.durra", small()).value();
  int n = 0;

  // A block of this head, whatever it says; its name.
  std::string make(const detail::BlockKind& kind, std::size_t size, std::uint64_t rank) {
    const std::string name = std::to_string(n++);
    detail::Handle& h = *detail::handle_of(s);
    format::BlockHead head{};
    std::copy_n(kind.type.data(), kind.type.size(), head.type.data());
    std::copy_n(kind.dtype.data(), kind.dtype.size(), head.dtype.data());
    std::copy_n(kind.shape.begin(), std::min<std::size_t>(kind.shape.size(), 12), head.shape.begin());
    head.rank = rank;
    auto made = detail::open_block(h, name, {head, size, 8, {}}).value();
    detail::release_hold(h, made.region);
    return name;
  }
};

// A reader believed the number of slots that the head says, whatever the memory behind it.
TEST_F(HostileHeads, a_ring_has_the_slots_that_its_memory_has) {
  std::vector<Shape> shapes{{},     {0},   {1}, {2}, {3}, {1'000'000}, {kHuge}, {kHuge / 24}, {kHuge / 24 + 1},
                            {2, 2}, {1, 1}};
  for (const Shape& shape : shapes)
    for (const std::size_t size : {1u, 8u, 63u, 64u, 65u, 87u, 88u, 89u, 112u, 136u})
      for (const std::uint64_t rank : {std::uint64_t{shape.size()}, std::uint64_t{13}, std::uint64_t{kHuge}}) {
        const std::string name = make({"ring", "|V8", shape}, size, rank);
        const auto ring = Ring<std::uint64_t>::reader(s, name);
        const bool fits = rank == 1 && shape.size() == 1 && shape[0] != 0 && shape[0] < 4 && size == 64 + 24 * shape[0];
        EXPECT_EQ(outcome(ring), fits ? "ok" : "mismatch") << size << " bytes, rank " << rank;
        EXPECT_TRUE(!ring || ring->last(10).empty());
      }
}

TEST_F(HostileHeads, an_array_has_the_elements_that_its_memory_has) {
  std::vector<Shape> shapes{{},           {0},      {1}, {2}, {3, 2}, {0, 3}, {kHuge}, {kHuge / 8 + 1}, {kHuge / 8 + 2},
                            Shape(12, 1), {1, 1, 2}};
  for (const Shape& shape : shapes)
    for (const std::size_t size : {1u, 7u, 8u, 9u, 16u, 48u})
      for (const std::uint64_t rank : {std::uint64_t{shape.size()}, std::uint64_t{13}, std::uint64_t{kHuge}}) {
        const std::string name = make({"array", "<f8", shape}, size, rank);
        const auto array = Array<double>::attach(s, name);
        std::size_t elements = 1;
        for (const std::size_t d : shape) elements = d < 100 ? elements * d : 0;
        const bool fits = rank == shape.size() && rank != 0 && elements != 0 && size == 8 * elements;
        EXPECT_EQ(outcome(array), fits ? "ok" : "mismatch") << size << " bytes, rank " << rank;
        EXPECT_TRUE(!array || array->row(0).size() == elements / shape[0]);
      }
}

// The dtype has room for six digits: of larger values the size alone tells them apart.
TEST_F(HostileHeads, rings_of_values_whose_size_is_longer_than_the_dtype_are_told_apart) {
  struct Large {
    char bytes[1'234'560];
  };
  struct Larger {
    char bytes[1'234'568];
  };
  Store large = open(scratch / "large.durra", small(64_MiB)).value();
  const auto out = Ring<Large>::writer(large, "r", 1).value();
  EXPECT_EQ(outcome(Ring<Large>::reader(large, "r")), "ok");
  EXPECT_EQ(outcome(Ring<Larger>::reader(large, "r")), "mismatch");
}

// Rot in what never changes is found by its check, wherever it is.
TEST_F(HostileHeads, a_head_that_rotted_is_damage) {
  auto out = Ring<std::uint64_t>::writer(s, "r", 4).value();
  auto array = Array<double>::open(s, "a", {3, 4}).value();
  const auto each_byte = [&](const char* name, const auto& attach) {
    detail::Handle& h = *detail::handle_of(s);
    auto there = detail::attach_block(h, name).value();
    detail::release_hold(h, there.region);
    std::byte* head = there.memory;
    while (std::memcmp(head, &there.head, sizeof there.head) != 0) --head;
    for (std::size_t i = 0; i < sizeof there.head; ++i) {
      head[i] ^= std::byte{1};
      EXPECT_EQ(outcome(attach()), "damaged") << name << " byte " << i;
      head[i] ^= std::byte{1};
    }
    EXPECT_EQ(outcome(attach()), "ok");
  };
  each_byte("r", [&] { return Ring<std::uint64_t>::reader(s, "r"); });
  each_byte("a", [&] { return Array<double>::attach(s, "a"); });
}

}  // namespace
}  // namespace durra::test
