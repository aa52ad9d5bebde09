// The index under load: leaves that grow, split and stack up inner nodes; keys that collide.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "format/checksum.h"
#include "format/leaf.h"
#include "store/handle.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::outcome;
using test::shown;
using test::small;

struct Shape {
  std::uint64_t leaves = 0, inner = 0, slots = 0, used = 0;
  std::uint32_t depth = 0;
};

void look(const detail::Space& space, std::uint64_t word, std::uint32_t depth, Shape& shape) {
  if (word == 0) return;
  const auto node = format::unpack_node(word);
  const auto* words = reinterpret_cast<std::uint64_t*>(space.at(node.offset, node.slots * 8ull));
  ASSERT_NE(words, nullptr);
  shape.depth = std::max(shape.depth, depth);
  if (node.inner) {
    ++shape.inner;
    for (std::uint32_t i = 0; i < node.slots; ++i) look(space, words[i], depth + 1, shape);
    return;
  }
  ++shape.leaves;
  shape.slots += node.slots;
  for (std::uint32_t i = 0; i < node.slots; ++i) shape.used += words[i] != 0;
}

Shape shape_of(const Store& store) {
  const detail::Space& space = detail::handle_of(store)->space;
  Shape shape;
  for (std::uint32_t i = 0; i < space.super().root_words; ++i) look(space, space.root(i), 0, shape);
  return shape;
}

struct Index : testing::Test {
  test::Scratch scratch;
  Store store = open(scratch / "s.durra", small(64_MiB)).value();
  const std::uint64_t seed = format::store_seed(stats(store).value().uuid);
  // The integer key with this hash.
  std::uint64_t key_with(std::uint64_t tag) const { return format::id_of(tag, seed); }
};

TEST_F(Index, hundreds_of_thousands_of_integers) {
  const std::uint64_t n = 200'000;
  for (std::uint64_t i = 0; i < n; ++i) ASSERT_TRUE(store.put(i, bytes_of(i))) << i;
  for (std::uint64_t i = 0; i < n; ++i) ASSERT_EQ(store.get(i).value().as<std::uint64_t>().value(), i);
  for (std::uint64_t i = n; i < n + 20'000; ++i) ASSERT_EQ(shown(store.get(i)), "<not_found>");
  const Shape shape = shape_of(store);
  EXPECT_GT(shape.inner, 200u);  // 256 root words, leaves of at most 256 slots
  EXPECT_EQ(shape.used, n);
  EXPECT_EQ(stats(store).value().live_records, n);
}

TEST_F(Index, a_hundred_thousand_texts_put_changed_and_erased) {
  const int n = 100'000;
  const auto key = [](int i) { return "key/" + std::to_string(i); };
  for (int i = 0; i < n; ++i) ASSERT_TRUE(store.put(key(i), std::to_string(i))) << i;
  for (int i = 0; i < n; i += 3) ASSERT_TRUE(store.put(key(i), "new"));
  for (int i = 1; i < n; i += 3) ASSERT_TRUE(store.erase(key(i)));
  for (int i = 0; i < n; ++i)
    ASSERT_EQ(shown(store.get(key(i))), i % 3 == 0 ? "new" : i % 3 == 1 ? "<not_found>" : std::to_string(i));
  EXPECT_EQ(shape_of(store).used, static_cast<std::uint64_t>(n));
}

TEST_F(Index, keys_that_share_the_20_bits_of_their_slot) {
  const std::uint64_t n = 3'000;
  for (std::uint64_t i = 0; i < n; ++i) ASSERT_TRUE(store.put(key_with(i << 40 | 0xabcde), std::to_string(i))) << i;
  for (std::uint64_t i = 0; i < n; ++i) ASSERT_EQ(shown(store.get(key_with(i << 40 | 0xabcde))), std::to_string(i));
  for (std::uint64_t i = n; i < 2 * n; ++i) ASSERT_EQ(shown(store.get(key_with(i << 40 | 0xabcde))), "<not_found>");
  for (std::uint64_t i = 0; i < n; i += 2) ASSERT_TRUE(store.erase(key_with(i << 40 | 0xabcde)));
  for (std::uint64_t i = 0; i < n; ++i)
    ASSERT_EQ(shown(store.get(key_with(i << 40 | 0xabcde))), i % 2 ? std::to_string(i) : "<not_found>");
}

TEST_F(Index, keys_that_share_their_way_to_the_deepest_leaf) {
  // The upper 38 bits: 8 of the root, 5 inner levels of 6.  The other 26 differ.
  const auto key = [this](std::uint64_t i) { return key_with(0x123456789ull << 26 | (i * 0x51ed3 & 0x3ffffff)); };
  for (std::uint64_t i = 0; i < 200; ++i) ASSERT_TRUE(store.put(key(i), std::to_string(i))) << i;
  for (std::uint64_t i = 0; i < 200; ++i) ASSERT_EQ(shown(store.get(key(i))), std::to_string(i));
  // Not yet deep: 200 fit into one leaf.  500 of one way do not fit into any: refused, and nothing is lost by it.
  std::uint64_t kept = 200;
  for (; kept < 500; ++kept) {
    const auto done = store.put(key(kept), std::to_string(kept));
    if (!done) {
      EXPECT_EQ(outcome(done), "full");
      EXPECT_STREQ(done.error().what, "too many keys with one hash");
      break;
    }
  }
  EXPECT_EQ(kept, 256u);
  EXPECT_EQ(shape_of(store).depth, format::kDepthMax);
  for (std::uint64_t i = 0; i < kept; ++i) ASSERT_EQ(shown(store.get(key(i))), std::to_string(i));
  EXPECT_EQ(shown(store.get(key(kept))), "<not_found>");
  ASSERT_TRUE(store.put(key(5), "changed"));
  ASSERT_TRUE(store.erase(key(6)));
  EXPECT_EQ(shown(store.get(key(5))), "changed");
  EXPECT_EQ(shown(store.get(key(6))), "<not_found>");
  ASSERT_TRUE(store.put("another way", "x"));
}

// A split froze the leaf first and then found no space for its parts: from then on no key of the leaf could be changed,
// nor erased, until the disk had room again.
TEST_F(Index, a_split_without_space_leaves_its_leaf_as_it_was) {
  const detail::Space& space = detail::handle_of(store)->space;
  std::uint64_t way = 0, n = 0;
  const auto key = [&](std::uint64_t i) { return key_with(way << 56 | format::mix64(i) >> 8); };
  const auto about_to_split = [&] {
    const auto node = format::unpack_node(space.root(static_cast<std::uint32_t>(way)));
    return !node.inner && node.slots == format::leaf_slots_max(64_KiB);
  };
  const auto left = [&] {  // in the region that nodes are cut from
    const auto all = regions(store).value();
    for (const RegionInfo& r : all)
      if (r.type == "index" && r.state == "open") return 64_KiB - r.used_bytes;
    return 64_KiB;
  };
  for (; !about_to_split() || left() > 8'000; ++n) {  // an inner node and 64 leaves of 128 bytes take 8,704
    if (about_to_split()) ++way, n = 0;
    ASSERT_TRUE(store.put(key(n), ""));
  }
  Store fresh = open(scratch / "s.durra", {}).value();
  ASSERT_TRUE(fresh.put("a region of data with room", ""));
  test::Faults faults;
  faults.fail(os::Call::write, ENOSPC, 1, true);
  Result<Stamp> refused = absent;
  while ((refused = fresh.put(key(n), ""))) ++n;
  ASSERT_EQ(outcome(refused), "full");
  ASSERT_TRUE(fresh.put(key(0), "changed"));
  for (std::uint64_t i = 1; i < n; ++i) ASSERT_EQ(outcome(fresh.erase(key(i))), "ok") << i << " of " << n;
  EXPECT_EQ(shown(fresh.get(key(0))), "changed");
  faults.heal();
  EXPECT_EQ(outcome(fresh.put(key(n), "")), "ok");
}

// The same for a copy: while space for it is made, nothing of the leaf is frozen.
TEST_F(Index, growth_has_its_space_before_it_freezes) {
  struct Watch final : os::Faults {
    explicit Watch(const detail::Handle& h) : handle(h) { os::set_faults(this); }
    ~Watch() override { os::set_faults(nullptr); }
    int before(os::Call c) override {
      if (c != os::Call::write) return 0;
      ++claims;
      for (std::uint32_t i = 0; i < handle.space.super().root_words; ++i) {
        const auto node = format::unpack_node(handle.space.root(i));
        const auto* words = reinterpret_cast<const std::uint64_t*>(handle.space.base() + node.offset);
        for (std::uint32_t k = 0; !node.inner && k < node.slots; ++k) frozen += (words[k] & format::kFreeze) != 0;
      }
      return 0;
    }
    const detail::Handle& handle;
    std::uint64_t claims = 0, frozen = 0;
  };
  Watch watch(*detail::handle_of(store));
  for (std::uint64_t i = 0; i < 10'000; ++i) store.put(i, "").value();
  EXPECT_GT(watch.claims, 10u);
  EXPECT_EQ(watch.frozen, 0u);
}

TEST_F(Index, leaves_are_not_mostly_empty) {
  for (std::uint64_t i = 0; i < 50'000; ++i) store.put(i, "").value();
  const Shape shape = shape_of(store);
  EXPECT_EQ(shape.used, 50'000u);
  EXPECT_LT(shape.slots, 50'000u * 5);
}

TEST_F(Index, every_put_is_found_at_once_while_leaves_grow) {
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(store.put(i, bytes_of(i)));
    ASSERT_TRUE(store.get(i));
    ASSERT_TRUE(store.get(i / 2));
    ASSERT_FALSE(store.get(i + 1));
  }
}

}  // namespace
}  // namespace durra
