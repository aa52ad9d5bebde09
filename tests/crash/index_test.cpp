// Whoever stopped while it changes the index is overtaken by others who change it too: no key is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "format/checksum.h"
#include "store/index.h"
#include "store/reclaim.h"
#include "store/seat.h"
#include "tests/crash/world.h"

namespace durra::test {
namespace {

using Ids = std::vector<std::uint64_t>;

struct IndexOvertaken : testing::Test {
  World w;
  Store store = open(w.path, small_store()).value();
  const std::uint64_t seed = format::store_seed(stats(store).value().uuid);
  std::uint64_t id_of(std::uint64_t tag) const { return format::id_of(tag, seed); }
  // Of a child, who has a region of its own.
  Store theirs() const {
    Store s = open(w.path, small_store()).value();
    s.put(id_of(0), "").value();
    return s;
  }

  // Integers of one word of the root and one of the inner node below it, all of which go to one slot of their leaf.
  Ids crowd(std::uint64_t inner, std::uint64_t slot_hash, std::uint64_t count) const {
    Ids ids;
    for (std::uint64_t i = 0; i < count; ++i) ids.push_back(id_of(0x42ull << 56 | inner << 50 | i << 24 | slot_hash));
    return ids;
  }
  static void put_all(Store& s, const Ids& ids) {
    for (const auto id : ids) s.put(id, "there").value();
  }
  void expect_all(const Ids& ids) const {
    for (const auto id : ids) EXPECT_EQ(look(store, "#" + std::to_string(id)), "there");
  }
  // So many elsewhere that regions of the index are full.
  void put_many(std::uint64_t first) {
    for (std::uint64_t i = first; i < first + 5'000; ++i) store.put(id_of(format::mix64(i) | 1ull << 63), "").value();
  }
  static void move_nodes(Store& s) {
    detail::Handle& h = *detail::handle_of(s);
    const auto seat = detail::ExclusiveSeat::take(h).value();
    detail::reclaim_index(h, *seat, {.share = 256, .nodes = ~0u, .pack = true});
  }
};

// A slot that was empty when the leaf was copied is frozen like any other (F18).
TEST_F(IndexOvertaken, a_key_that_comes_into_a_leaf_that_is_copied_is_kept) {
  const Ids first = crowd(1, 0, 15), last = crowd(1, 0xf'ffff, 1);
  put_all(store, {first.begin(), first.end() - 1});
  Stopped grower(
      [&] {
        Store s = theirs();
        arm();
        s.put(first.back(), "there").value();
      },
      {"grow.2", 0});
  ASSERT_TRUE(grower.reached());
  put_all(store, last);
  EXPECT_EQ(grower.finish(), 0);
  expect_all(first);
  expect_all(last);
}

// Below an inner node that is moved a leaf grows (H14).
struct MovedNode : IndexOvertaken, testing::WithParamInterface<const char*> {};
TEST_P(MovedNode, a_leaf_that_grows_below_it_is_kept) {
  put_all(store, crowd(1, 0, 34));
  put_many(0);
  Stopped mover(
      [&] {
        Store s = theirs();
        arm();
        move_nodes(s);
      },
      {GetParam(), 0});
  ASSERT_TRUE(mover.reached());
  for (const std::uint64_t inner : {0u, 1u, 63u}) put_all(store, crowd(inner, 9, 40));
  EXPECT_EQ(mover.finish(), 0);
  expect_all(crowd(1, 0, 34));
  for (const std::uint64_t inner : {0u, 1u, 63u}) expect_all(crowd(inner, 9, 40));
}
INSTANTIATE_TEST_SUITE_P(Steps, MovedNode, testing::Values("inner.1a", "inner.1", "inner.2"));

// A leaf that is not linked yet lies in a region of the index: it is no garbage (H13).
TEST_F(IndexOvertaken, a_leaf_that_is_not_linked_yet_is_kept) {
  const Ids ids = crowd(1, 0, 1);
  Stopped first(
      [&] {
        Store s = theirs();
        arm();
        put_all(s, ids);
      },
      {"grow.2", 0});
  ASSERT_TRUE(first.reached());
  put_many(0);
  for (int i = 0; i < 3; ++i) move_nodes(store);
  EXPECT_EQ(first.finish(), 0);
  compact(store).value();
  put_many(10'000);
  expect_all(ids);
  expect_undamaged(w.path);
}

// Linked nodes, as those who search find them.
struct Linked {
  std::uint64_t region;
  bool inner;
  std::uint64_t first_tag;  // of those that lead there
  std::uint32_t depth;
};
std::vector<Linked> linked_nodes(detail::Handle& h) {
  std::vector<Linked> all;
  const std::function<void(std::uint64_t, std::uint64_t, std::uint32_t)> visit =
      [&](std::uint64_t word, std::uint64_t tag, std::uint32_t depth) {
        if (word == 0) return;
        const auto n = format::unpack_node(word);
        all.push_back({h.space.region_of(n.offset), n.inner, tag, depth});
        if (!n.inner) return;
        const auto* below = reinterpret_cast<const std::uint64_t*>(h.space.base() + n.offset);
        for (std::uint64_t i = 0; i < format::kInnerWords; ++i)
          visit(below[i], tag | i << (64 - h.space.root_bits() - format::kInnerBits * (depth + 1)), depth + 1);
      };
  for (std::uint64_t root = 0; root < h.space.super().root_words; ++root)
    visit(h.space.root(static_cast<std::uint32_t>(root)), root << (64 - h.space.root_bits()), 0);
  return all;
}

// Inner nodes alone are left in a region of the index, and there is no time to move them: it stays.
TEST_F(IndexOvertaken, a_region_with_nothing_but_inner_nodes_is_in_use) {
  detail::Handle& h = *detail::handle_of(store);
  for (std::uint64_t i = 0; i < 70; ++i)
    for (std::uint64_t root = 0; root < 24; ++root) store.put(id_of(root << 56 | 1ull << 50 | i << 24), "").value();
  const auto state_of = [&](std::uint64_t r) {
    return format::unpack(shared::state_load(h.space.descriptor(r).state)).state;
  };
  auto nodes = linked_nodes(h);
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Linked& n) {
    return n.inner && state_of(n.region) == format::RegionState::sealed;
  });
  ASSERT_NE(found, nodes.end());
  const std::uint64_t region = found->region;
  const auto leaves_there = [&] {
    return std::count_if(nodes.begin(), nodes.end(), [&](auto& n) { return n.region == region && !n.inner; });
  };
  for (std::uint64_t more = 0; leaves_there() != 0; ++more) {  // until each of them has grown out of it
    for (const Linked& n : nodes)
      if (n.region == region && !n.inner) store.put(id_of(n.first_tag | more * 7919 % (1 << 20)), "").value();
    nodes = linked_nodes(h);
  }
  ASSERT_TRUE(std::any_of(nodes.begin(), nodes.end(), [&](const Linked& n) { return n.region == region; }));

  for (int i = 0; i < 2; ++i) {
    detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
    const auto seat = detail::ExclusiveSeat::take(h).value();
    detail::reclaim_index(h, *seat, {.share = 0, .nodes = 0, .pack = false});
  }
  EXPECT_EQ(state_of(region), format::RegionState::sealed);
}

}  // namespace
}  // namespace durra::test
