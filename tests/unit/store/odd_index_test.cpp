// The index as rot leaves it, or a death that no test can time: an error or the right answer, never a hang, a key lost
// or a leaf that nobody may change any more.  And the index of a store that has no room for one that grows.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "format/checksum.h"
#include "format/leaf.h"
#include "store/index.h"
#include "store/index_node.h"
#include "store/reclaim.h"
#include "store/seat.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct OddIndex : testing::Test {
  explicit OddIndex(const Options& o = small(32_MiB)) : store(open(path, o).value()) {}
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store;
  detail::Handle& handle = *detail::handle_of(store);
  // The integer with this hash.
  std::uint64_t key_with(std::uint64_t tag) const { return format::id_of(tag, handle.space.seed()); }
  // One of many that share a word of the root.
  static std::uint64_t tag_of(std::uint64_t i) { return 0x42ull << 56 | format::mix64(i) >> 8; }
  std::uint64_t& root() const { return handle.space.root(0x42); }
  std::uint64_t* words(const format::NodeWord& n) const {
    return reinterpret_cast<std::uint64_t*>(handle.space.base() + n.offset);
  }
  void put(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i < to; ++i) store.put(key_with(tag_of(i)), std::to_string(i)).value();
  }
  void expect_all(std::uint64_t from, std::uint64_t to) const {
    for (std::uint64_t i = from; i < to; ++i) ASSERT_EQ(shown(store.get(key_with(tag_of(i)))), std::to_string(i)) << i;
  }
  // Of keys that are there, in the order of their tags.
  std::vector<detail::IndexEntry> entries(std::uint64_t from, std::uint64_t to) const {
    std::vector<detail::IndexEntry> all;
    for (std::uint64_t i = from; i < to; ++i)
      all.push_back({tag_of(i), detail::find(handle, {tag_of(i), {}}).record.at});
    std::ranges::sort(all, {}, &detail::IndexEntry::tag);
    return all;
  }
  Result<void> pack(const std::vector<detail::IndexEntry>& all) {
    const auto seat = detail::ExclusiveSeat::take(handle).value();
    return detail::pack_index(handle, *seat, all);
  }
};

// An inner node whose first word names the node itself.
TEST_F(OddIndex, a_circle_of_nodes_is_damage) {
  put(0, 400);
  const auto top = format::unpack_node(root());
  ASSERT_TRUE(top.inner);
  words(top)[0] = root();
  const std::uint64_t lost = key_with(0x42ull << 56);  // every level's first word is on its way
  for (const auto& answer : {outcome(store.get(lost)), outcome(store.put(lost, "x")), outcome(store.erase(lost)),
                             outcome(store.put(Batch().put(lost, "x"))), outcome(store.put_if(lost, "x", absent))})
    EXPECT_EQ(answer, "damaged");
  EXPECT_STREQ(store.get(lost).error().what, "index is deeper than it can be");
  EXPECT_FALSE(verify(path).value().damage.empty());
  {
    const auto seat = detail::ExclusiveSeat::take(handle).value();
    EXPECT_EQ(outcome(detail::finish_inner(handle, *seat, 0x42ull << 56)), "ok") << "nothing on the way is frozen";
  }
  for (std::uint64_t i = 0; i < 400; ++i)
    if ((tag_of(i) >> 50 & 63) != 0) {
      ASSERT_EQ(shown(store.get(key_with(tag_of(i)))), std::to_string(i));
    }
}

// A slot that says so leads to where no header has room.
// Each way through it is as long as an index is deep, and there are 64 at each level: as many as all that the file may
// ever hold has room for were looked at.
struct CircleOfNodes : OddIndex, testing::WithParamInterface<std::uint64_t> {
  CircleOfNodes() : OddIndex(small(GetParam())) {}
};
INSTANTIATE_TEST_SUITE_P(MaxSize, CircleOfNodes, testing::Values(32_MiB, std::uint64_t{1} << 40));
TEST_P(CircleOfNodes, is_damage_and_no_hang) {
  put(0, 400);
  const auto top = format::unpack_node(root());
  ASSERT_TRUE(top.inner);
  std::fill_n(words(top), top.slots, root());
  bool told = false;
  for (const Finding& d : verify(path).value().damage)
    told |= d.error.what == std::string("index: a node is named twice");
  EXPECT_TRUE(told);
  for (std::uint64_t i = 0; i < 20'000; ++i)
    store.put(key_with(format::mix64(i) >> 2), "x").value();  // seals its region
  EXPECT_EQ(outcome(compact(store)), "ok");
}

TEST_F(OddIndex, a_record_at_the_very_end_of_a_region_is_damage) {
  put(0, 10);
  for (std::uint64_t i = 0; i < 10; ++i) {
    std::uint64_t& slot = *detail::find(handle, {tag_of(i), {}}).slot;
    const std::uint64_t was = slot, home = handle.space.home_of(format::slot_offset(slot));
    slot = format::slot_word(format::slot_hash_of(slot), handle.space.region_offset(home + 1) - 8);
    const auto answer = store.get(key_with(tag_of(i)));
    ASSERT_EQ(outcome(answer), "damaged");
    EXPECT_STREQ(answer.error().what, "record is outside the file");
    slot = was;
  }
  expect_all(0, 10);
}

// The tail of the region that nodes are cut from has rotted, to where nodes are: none is cut out twice.
TEST_F(OddIndex, a_node_is_not_made_where_another_is) {
  put(0, 200);
  auto& d = handle.space.descriptor(handle.space.region_of(format::unpack_node(root()).offset));
  ASSERT_EQ(format::unpack(d.state).state, format::RegionState::open);
  d.tail = format::kRegionData;
  for (std::uint64_t i = 0; i < 2'000; ++i) store.put(i, bytes_of(i)).value();
  put(200, 1'000);
  expect_all(0, 1'000);
  for (std::uint64_t i = 0; i < 2'000; ++i) ASSERT_EQ(store.get(i).value().as<std::uint64_t>().value(), i);
}

// Only its record knows to which part of the leaf a slot goes.  What cannot be split stays as it is: a leaf that was
// frozen would keep everybody from changing its keys.
TEST_F(OddIndex, a_leaf_with_a_slot_that_leads_nowhere_is_not_split_and_not_frozen) {
  put(0, 100);
  const auto leaf = format::unpack_node(root());
  ASSERT_FALSE(leaf.inner);
  std::uint64_t* const slot = std::find_if(words(leaf), words(leaf) + leaf.slots, [](auto word) { return word != 0; });
  *slot = format::slot_word(format::slot_hash_of(*slot), 64);
  std::uint64_t n = 100;
  Result<Stamp> done = absent;
  while (n < 1'000 && (done = store.put(key_with(tag_of(n)), std::to_string(n)))) ++n;
  ASSERT_EQ(outcome(done), "damaged");
  EXPECT_EQ(done.error().detail, 64u);
  EXPECT_FALSE(format::unpack_node(root()).inner);
  int damaged = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    damaged += outcome(store.put(key_with(tag_of(i)), std::to_string(i))) == "damaged";
    damaged += outcome(store.erase(key_with(tag_of(i)))) == "damaged";
  }
  EXPECT_LE(damaged, 2) << "the one whose slot it was, if that";
}

// Whoever sealed a region of the index died before it noted when: it may be given back all the same, one epoch later.
TEST_F(OddIndex, a_region_of_which_nobody_noted_when_it_was_sealed_is_given_back_later) {
  for (std::uint64_t i = 0; i < 20'000; ++i) store.put(i, bytes_of(i)).value();
  std::vector<std::uint64_t*> notes;
  for (std::uint64_t r = 0; r < handle.space.regions(); ++r) {
    auto& d = handle.space.descriptor(r);
    const auto w = format::unpack(shared::state_load(d.state));
    if (w.type == format::RegionType::index && w.state == format::RegionState::sealed) notes.push_back(&d.seal_epoch);
  }
  ASSERT_FALSE(notes.empty());
  for (auto* note : notes) shared::epoch_note(*note, format::kNotSealed);
  const auto reclaim = [&] {
    detail::move_epoch_past(handle, shared::epoch_load(handle.space.control()));
    const auto seat = detail::ExclusiveSeat::take(handle).value();
    return detail::reclaim_index(handle, *seat, {.share = 256, .nodes = ~0u, .pack = true});
  };
  EXPECT_EQ(reclaim(), 0u) << "somebody may be about to link a node in it";
  EXPECT_TRUE(std::all_of(notes.begin(), notes.end(), [](auto* n) { return *n != format::kNotSealed; }));
  EXPECT_GE(reclaim(), notes.size());
  for (std::uint64_t i = 0; i < 20'000; ++i) ASSERT_EQ(store.get(i).value().as<std::uint64_t>().value(), i);
}

TEST_F(OddIndex, that_is_packed_has_every_key_also_below_inner_nodes) {
  put(0, 3'000);
  const auto all = entries(0, 3'000);
  root() = 0;
  ASSERT_TRUE(pack(all));
  EXPECT_TRUE(format::unpack_node(root()).inner);
  expect_all(0, 3'000);
  put(3'000, 4'000);
  expect_all(0, 4'000);
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST_F(OddIndex, more_keys_of_one_hash_than_a_leaf_has_slots_are_not_packed) {
  put(0, 1);
  const std::uint64_t at = entries(0, 1).front().at;
  std::vector<detail::IndexEntry> all;
  for (std::uint64_t i = 0; i <= format::leaf_slots_max(64_KiB); ++i) all.push_back({0x42ull << 56 | i, at});
  const auto done = pack(all);
  ASSERT_EQ(outcome(done), "full");
  EXPECT_STREQ(done.error().what, "too many keys with one hash");
}

}  // namespace
}  // namespace durra::test
