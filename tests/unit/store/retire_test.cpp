// The epoch in which a region was RETIRED: noted for one life, after the state says so.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstddef>

#include "store/dirty.h"
#include "store/handle.h"
#include "store/reclaim.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using format::RegionState;
using format::RegionType;
using test::noise;

struct Retire : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  static constexpr int kKeys = 400;  // more than two regions

  static std::string value(int key) { return noise(300, static_cast<std::uint64_t>(key)); }
  void fill() const {
    auto store = open(path, test::small()).value();
    for (int i = 0; i < kKeys; ++i) store.put(i, value(i)).value();
  }
};

// Somebody saw it RETIRED and slept until it was in use again, and RETIRED again.
TEST_F(Retire, an_epoch_is_not_noted_for_a_life_that_is_over) {
  fill();
  const Store store = open(path, test::small()).value();
  auto& h = *detail::handle_of(store);
  auto& d = h.space.descriptor(0);
  const auto now = format::unpack(shared::state_load(d.state));
  const std::uint64_t note = format::tagged(now.generation, 7);
  shared::hint_store(d.retire_epoch, note);
  EXPECT_EQ(detail::retired_in(h, 0, {RegionState::retired, RegionType::data, false, 0, now.generation - 1}), 0u);
  EXPECT_EQ(shared::tagged_load(d.retire_epoch), note);
}

// A region that was RETIRED is SEALED by a rebuild, in the same life.
TEST_F(Retire, an_epoch_of_before_a_rebuild_does_not_count) {
  fill();
  const test::FileEdit file(path);
  for (std::uint64_t r = 0; file.word(r).state != RegionState::free; ++r)
    file.set(file.descriptor_at(r) + offsetof(format::Descriptor, retire_epoch),
             format::tagged(file.word(r).generation, 1));
  Options rebuilt = test::small();
  rebuilt.rebuild = true;
  Store store = open(path, rebuilt).value();
  auto& h = *detail::handle_of(store);
  detail::move_epoch_past(h, shared::epoch_load(h.space.control()));
  const auto held = store.get(0).value();
  for (int i = 0; i < kKeys; ++i) store.put(i, "new").value();
  EXPECT_GT(compact(store).value().regions_retired, 0u);
  EXPECT_TRUE(held.str() == value(0));
}

// A flush that looks whether everything is still there meets a region that somebody frees: nothing of it is lost.
TEST_F(Retire, a_flush_misses_nothing_of_a_life_that_is_over) {
  fill();
  const Store store = open(path, test::small()).value();
  auto& h = *detail::handle_of(store);
  auto& d = h.space.descriptor(0);
  const std::uint64_t generation = format::unpack(shared::state_load(d.state)).generation;
  const std::uint64_t tail = shared::tail_load(d.tail), more = tail + 64;
  ASSERT_LE(more, h.space.region_size());
  EXPECT_TRUE(detail::write_anew(h, {0, generation, 0, tail, tail}));
  EXPECT_EQ(test::outcome(detail::write_anew(h, {0, generation, 0, more, more})), "io");
  EXPECT_TRUE(detail::write_anew(h, {0, generation - 1, 0, more, more}));
}

}  // namespace
}  // namespace durra
