// Regions whose descriptors have rotted, and memory that cannot be made zeros: told or passed over; no claim of them
// hangs, and nobody gets what was somebody's.
#include <durra/block.h>
#include <durra/care.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "store/handle.h"
#include "store/index.h"
#include "store/reap.h"
#include "tests/support/crash.h"
#include "tests/support/disk.h"
#include "tests/support/faults.h"
#include "tests/support/file_edit.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

using detail::handle_of;
using format::RegionState;

struct OddRegions : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small()).value();
  detail::Handle& handle = *detail::handle_of(store);

  format::RegionWord word(std::uint64_t r) const {
    return format::unpack(shared::state_load(handle.space.descriptor(r).state));
  }
};

// They look free, and no change of one can succeed.
TEST_F(OddRegions, whose_state_has_rotted_are_not_claimed) {
  store.put("first", "v").value();
  const auto rot = [&] {
    for (std::uint64_t r = 0; r < handle.space.region_count(); ++r)
      if (word(r).state == RegionState::free) handle.space.descriptor(r).state ^= 1ull << 60;  // in its check
  };
  rot();
  const auto run = store.put("large", noise(200'000));
  ASSERT_EQ(outcome(run), "full");
  EXPECT_EQ(run.error().available, 8_MiB);
  Result<Stamp> one = absent;
  for (int i = 0; i < 20 && one; ++i) one = store.put(i, noise(20'000));
  EXPECT_EQ(outcome(one), "full");
  EXPECT_EQ(shown(store.get("first")), "v");
  rot();
  const auto rot_every_second = [&] {
    for (std::uint64_t r = 1; r < handle.space.region_count(); r += 2)
      if (word(r).state == RegionState::free) handle.space.descriptor(r).state ^= 1ull << 60;
  };
  rot_every_second();  // a run may begin, but not go on
  EXPECT_EQ(outcome(store.put("large", noise(200'000))), "full");
  rot_every_second();
  EXPECT_EQ(outcome(store.put("large", noise(200'000))), "ok");
  EXPECT_EQ(outcome(store.put(7, noise(20'000))), "ok");
}

// There is room for it, but nowhere all in one place.
TEST_F(OddRegions, of_which_no_neighbours_are_free_hold_no_run) {
  const std::uint64_t count = handle.space.region_count();
  store.put("first", "v").value();
  for (std::uint64_t r = 2; r < count; r += 2)  // as if others had claimed every second one
    if (word(r).state == RegionState::free) {
      shared::state_store(handle.space.descriptor(r).state,
                          format::pack({RegionState::claimed, format::RegionType::data, false, 9, 1}));
      shared::raise(handle.space.control().region_hint, r + 1);
    }
  handle.last_reap_ns.store(~0ull >> 1);
  shared::seat_store(handle.space.seat(9).state, format::seat_word(1, format::SeatState::free));
  EXPECT_EQ(outcome(store.put("large", noise(200'000))), "full");
  EXPECT_EQ(outcome(store.put("small", noise(50'000))), "ok");
}

struct Memory {
  Block block;
  std::uint64_t region;
};

// Somebody died while a block was laid down.  What is behind the tail must be zeros on the disk before it is anybody's
// memory; as long as that cannot be had, the region is left alone.
TEST_F(OddRegions, of_blocks_that_cannot_be_cleared_are_passed_over) {
  const auto made = [&](const char* name) {
    Block b = Block::open(store, name, 1'000).value();
    const std::uint64_t region = handle.space.region_of(file_range(b).offset);
    return Memory{std::move(b), region};
  };
  const auto all_zero = [](const Memory& m) {
    return std::ranges::all_of(m.block.bytes(), [](std::byte b) { return b == std::byte{0}; });
  };
  const std::uint64_t left = made("neighbour").region;
  ASSERT_TRUE(ends_at(
      [&] {
        Store theirs = open(path, small()).value();
        arm();
        (void)Block::open(theirs, "dead", 1'000);
      },
      {"put.3", 0}));
  detail::reap_dead(handle);
  ASSERT_EQ(word(left).state, RegionState::partial);
  {
    Faults faults;
    faults.fail(os::Call::allocate, EIO);
    const Memory elsewhere = made("a");
    EXPECT_EQ(faults.failed(), 1u);
    EXPECT_NE(elsewhere.region, left);
    EXPECT_TRUE(all_zero(elsewhere));
    EXPECT_EQ(word(left).state, RegionState::partial);
  }
  const Memory there = made("b");
  EXPECT_EQ(there.region, left);
  EXPECT_TRUE(all_zero(there));
}

// ---- Told by a tail -------------------------------------------------------------------------------------------------

struct OddRegionsInTails : OddRegions {
  std::uint64_t sealed = 0;
  OddRegionsInTails() {
    for (int i = 0; i < 500; ++i) store.put(i, noise(500)).value();
    while (word(sealed).state != RegionState::sealed || word(sealed).type != format::RegionType::data) ++sealed;
  }
  // What a tail shows, and what it says of damage, once.
  void expect_told(const char* why) {
    Tail tail = Tail::from_now(store).value();
    tail = Tail::open(store, "t").value();
    int shown_ones = 0, told = 0;
    for (;;) {
      const auto r = tail.next(Duration::zero());
      if (!r && r.error().code == Code::timeout) break;
      shown_ones += static_cast<bool>(r);
      if (r) continue;
      ++told;
      EXPECT_EQ(outcome(r), "damaged");
      EXPECT_STREQ(r.error().what, why);
      EXPECT_EQ(r.error().detail, handle.space.descriptor_offset(sealed));
      ASSERT_LT(told, 3);
    }
    EXPECT_EQ(told, 1);
    EXPECT_GT(shown_ones, 100) << "what is elsewhere comes";
    EXPECT_LT(shown_ones, 500);
    Records all = store.records();
    int scanned = 0;
    for (const Record& r : all) scanned += !r.is_text();
    EXPECT_EQ(scanned, shown_ones);
    ASSERT_EQ(outcome(all.status()), "damaged");
    EXPECT_EQ(all.status().error().detail, handle.space.descriptor_offset(sealed));
  }
};

TEST_F(OddRegionsInTails, a_state_that_has_rotted) {
  handle.space.descriptor(sealed).state ^= 1ull << 60;
  expect_told("region state: checksum mismatch");
}
TEST_F(OddRegionsInTails, a_state_that_is_lost) {
  handle.space.descriptor(sealed).state = 0;
  expect_told("region state: never used, with a tail");
}
TEST_F(OddRegionsInTails, a_tail_beyond_its_region) {
  handle.space.descriptor(sealed).tail = 1ull << 40;
  expect_told("tail is outside the region");
}
TEST_F(OddRegionsInTails, a_tail_before_its_region) {
  handle.space.descriptor(sealed).tail = 8;
  expect_told("tail is outside the region");
}

// ---- Told by verify -------------------------------------------------------------------------------------------------

struct OddRegionsVerified : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra";
};

// The descriptor says which life it is, with a check that agrees; the region is of another.
TEST_F(OddRegionsVerified, a_header_of_another_life) {
  {
    Store store = open(path, small()).value();
    store.put("k", "v").value();
  }
  const FileEdit edit(path);
  const std::uint64_t r = edit.find("k").region;
  auto w = edit.word(r);
  ++w.generation;
  edit.set_word(r, w);
  const auto verdict = verify(path).value();
  ASSERT_FALSE(verdict.damage.empty());
  EXPECT_EQ(verdict.damage[0].error.detail, edit.region_at(r));
  EXPECT_STREQ(verdict.damage[0].error.what, "region header: of another life than its descriptor");
}

// Records behind the first of a run may begin where another region would have its header.
TEST_F(OddRegionsVerified, a_record_at_the_very_begin_of_a_body_is_no_damage) {
  {
    Store store = open(path, small()).value();
    Batch batch;
    for (int i = 0; i < 3'000; ++i) batch.put(i, "");
    store.put(batch).value();
  }
  const FileEdit edit(path);
  int at_the_begin = 0;
  for (const FoundRecord& r : edit.records()) {
    const std::uint64_t inside = (r.at - edit.super().regions_offset) % edit.super().region_size;
    at_the_begin += inside < format::kRegionData;
  }
  ASSERT_GT(at_the_begin, 0);
  for (const Finding& f : verify(path).value().damage) ADD_FAILURE() << f.error.message() << ": " << f.what;
}

// It is somebody's, who writes records to it: nodes that are cut out there would be written over, or his records.
TEST_F(OddRegions, whose_type_has_rotted_are_not_taken_for_the_index) {
  store.put("mine", "v").value();
  const std::uint64_t r = handle.space.home_of(detail::find(handle, detail::view(handle, "mine")).record.at);
  auto rotten = word(r);
  rotten.type = format::RegionType::index;
  auto& state = handle.space.descriptor(r).state;
  const std::uint64_t was = state;
  state ^= (format::pack(rotten) ^ state) & 0xff;  // its check is that of before
  ASSERT_EQ(word(r).type, format::RegionType::index);
  ASSERT_FALSE(format::intact(state));
  const std::uint64_t tail = handle.space.descriptor(r).tail;
  Store other = open(path, small()).value();
  for (int i = 0; i < 20'000; ++i) other.put(i, "").value();
  EXPECT_EQ(handle.space.descriptor(r).tail, tail);
  state = was;
  EXPECT_EQ(shown(store.get("mine")), "v");
}

// Tags are 16 bits wide: what a life 65,536 generations before noted counts for none that comes.
TEST_F(OddRegions, a_life_with_the_tag_of_an_earlier_one_waits_for_its_own_readers) {
  store.put("warm", noise(60'000)).value();
  const std::uint64_t r = handle.space.control().free_hint % handle.space.region_count();
  auto& d = handle.space.descriptor(r);
  ASSERT_EQ(word(r).state, RegionState::free);
  d.retire_epoch = format::tagged(word(r).generation + 1, 1);
  d.gate = format::tagged(word(r).generation + 1, 1);
  store.put("k", noise(60'000)).value();
  ASSERT_EQ(handle.space.home_of(detail::find(handle, detail::view(handle, "k")).record.at), r);
  EXPECT_EQ(format::untag(d.retire_epoch, word(r).generation), 0u);
  EXPECT_EQ(format::untag(d.gate, word(r).generation), 0u);
}

// What was in the body of a run is on the disk until a flush has said zeros, as everywhere (H24).
TEST_F(OddRegions, a_block_where_the_body_of_a_run_was_is_flushed) {
  const TmpfsIsADisk on_a_disk;
  Store s = open(scratch / "disk.durra", small()).value();
  s.put("large", noise(200'000)).value();
  const auto head =
      handle_of(s)->space.home_of(detail::find(*handle_of(s), detail::view(*handle_of(s), "large")).record.at);
  s.erase("large").value();
  compact(s).value();
  s.sync().value();
  compact(s).value();
  shared::hint_store(handle_of(s)->space.control().free_hint, head + 1);
  Faults faults;
  faults.fail(os::Call::sync, EIO);
  Block::open(s, "b", 1'000).value();
  EXPECT_EQ(faults.failed(), 1u);
}

}  // namespace
}  // namespace durra::test
