// Rot in words that no check covers: an answer, never a hang, a store outside a region, or versions that begin again.
#include <durra/care.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

#include "format/head.h"
#include "format/record.h"
#include "format/region.h"
#include "store/batch.h"
#include "store/handle.h"
#include "store/index.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

constexpr std::uint64_t kDescriptors = 384 << 10;  // of a store with 1,024 seats

class RottenWords : public testing::Test {
 protected:
  void SetUp() override {
    auto store = open(path_).value();
    for (int i = 0; i < 100; ++i) store.put(i, "value").value();
  }
  void write(std::uint64_t at, std::uint64_t word) {
    const int fd = ::open(path_.c_str(), O_RDWR);
    ASSERT_EQ(::pwrite(fd, &word, sizeof word, static_cast<off_t>(at)), 8);
    ::close(fd);
  }
  // Opens, puts into a region that may be adopted, and finds the old records.
  void expect_good() {
    auto store = open(path_).value();
    for (int i = 100; i < 200; ++i) EXPECT_TRUE(store.put(i, "value")) << i;
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(store.get(i)) << i;
  }
  void expect_damaged(std::uint64_t offset, bool rebuild) {
    Options options;
    options.rebuild = rebuild;
    const auto store = open(path_, options);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::damaged) << store.error().message();
    EXPECT_EQ(store.error().detail, offset);
  }

  const test::Scratch scratch_;
  const std::string path_ = scratch_ / "s.durra";
};

TEST_F(RottenWords, a_tail_outside_its_region_is_not_appended_to) {
  for (const std::uint64_t tail : {std::uint64_t{1} << 40, ~std::uint64_t{0}, std::uint64_t{0}, std::uint64_t{1001}}) {
    write(kDescriptors + offsetof(format::Descriptor, tail), tail);
    expect_good();
    write(kDescriptors + offsetof(format::Descriptor, settled), tail);  // now the two agree
    expect_good();
  }
}

// A copy has a check of its own, by which a rotten stamp would be the right one.
TEST_F(RottenWords, a_stamp_is_not_made_right_by_moving_its_record) {
  auto store = open(path_, test::small()).value();
  detail::Handle& h = *detail::handle_of(store);
  for (const std::uint64_t rot : {std::uint64_t{0}, std::uint64_t{1} << 30}) {
    for (int i = 0; i < 100; ++i) store.put(i, "new").value();  // the others are garbage
    ASSERT_TRUE(store.get(50));
    const auto at = detail::find(h, detail::view(h, Key(50))).record;
    auto& stamp = at.header->stamp;
    const std::uint64_t was = stamp;
    stamp = rot == 0 ? 0 : was + rot;
    compact(store).value();
    EXPECT_FALSE(verify(path_).value().damage.empty()) << rot;
    stamp = was;
    EXPECT_TRUE(verify(path_).value().damage.empty()) << rot;
  }
}

// Without an instant a walk passes over what came since it began, by its place: what lies in a region that nobody can
// walk through was taken for that, and what it had replaced was shown, though with an error in the end.
TEST_F(RottenWords, who_only_reads_is_shown_nothing_older_for_what_lies_in_a_rotten_region) {
  const std::string path = scratch_ / "two.durra";
  Store store = open(path, test::small()).value();
  detail::Handle& h = *detail::handle_of(store);
  const auto leave = [&h] { detail::leave_region(h, *detail::ExclusiveSeat::take(h).value()); };
  store.put("k", "old").value();
  for (int i = 0; i < 50; ++i) store.put("filler", std::string(2'000, 'x')).value();  // more than a region
  store.put("k", "new").value();
  leave();
  const auto newest = detail::find(h, detail::view(h, Key("k"))).record;
  format::Descriptor& d = h.space.descriptor(h.space.home_of(newest.at));
  const Store reader = open(path, test::small(Mode::read_only)).value();
  const auto shows = [&] {
    std::string all;
    Records records = reader.records("k");
    for (const Record& r : records) all += r.str() + " ";
    return all + (records.status() ? "" : "<damaged>");
  };
  EXPECT_EQ(shows(), "new ");
  const std::pair<std::uint64_t*, std::uint64_t> rots[] = {
      {&d.tail, format::kRegionData}, {&d.tail, 1ull << 40}, {&d.state, d.state ^ 1ull << 60}};
  for (const auto& [word, rot] : rots) {
    const std::uint64_t was = std::exchange(*word, rot);
    EXPECT_EQ(shows(), "<damaged>") << rot;
    *word = was;
  }
  EXPECT_EQ(shows(), "new ");
}

// Both came after the walk began; from them it goes back to what it may show.
TEST_F(RottenWords, who_only_reads_is_told_where_a_chain_of_later_versions_is_broken) {
  const std::string path = scratch_ / "chain.durra";
  Store store = open(path, test::small()).value();
  detail::Handle& h = *detail::handle_of(store);
  const auto newest = [&] { return detail::find(h, detail::view(h, Key("k"))).record; };
  store.put("other", "bytes").value();
  store.put("k", "0").value();
  const std::uint64_t other = detail::find(h, detail::view(h, Key("other"))).record.at, first = newest().at;
  const Store reader = open(path, test::small(Mode::read_only)).value();
  Records before = reader.records("k");
  store.put("k", "1").value();
  auto& prev = newest().header->prev;
  store.put("k", "2").value();
  ASSERT_EQ(prev, first);
  prev = other;
  EXPECT_TRUE(before.begin() == before.end());
  ASSERT_EQ(test::outcome(before.status()), "damaged");
  EXPECT_EQ(before.status().error().detail, other);
  EXPECT_STREQ(before.status().error().what, "chain of versions is broken");
  prev = first;
  Records after = reader.records("k");
  for (const Record& r : after) EXPECT_EQ(r.str(), "2");
  EXPECT_TRUE(after.status());
}

TEST_F(RottenWords, a_clock_near_its_end_is_damage) {
  write(format::kControlOffset + offsetof(format::Control, clock), format::kStampTimeMax - 1);
  expect_damaged(format::kControlOffset, false);
  expect_damaged(format::kControlOffset, true);
}

TEST_F(RottenWords, a_generation_near_its_end_is_damage) {
  write(format::kControlOffset + offsetof(format::Control, gen_floor), format::kGenerationMax);
  expect_damaged(format::kControlOffset, false);
  expect_damaged(format::kControlOffset, true);
}

// Who only reads pins by a lock on a byte that the epoch chooses: beyond all bytes it was `io`.
TEST_F(RottenWords, an_epoch_near_its_end_is_damage_also_to_readers) {
  write(format::kControlOffset + offsetof(format::Control, epoch), ~std::uint64_t{0} >> 1);
  Options options;
  options.mode = Mode::read_only;
  const auto store = open(path_, options);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::damaged);
  expect_damaged(format::kControlOffset, false);
}

TEST_F(RottenWords, hints_may_say_anything) {
  for (const auto field : {offsetof(format::Control, free_hint), offsetof(format::Control, partial_hint),
                           offsetof(format::Control, index_region)}) {
    write(format::kControlOffset + field, ~std::uint64_t{0});
    expect_good();
  }
}

// As if its writer had been killed before the stamp, and what the stamp must exceed had rotted then.
TEST_F(RottenWords, a_floor_in_the_far_future_does_not_stop_the_clock) {
  const std::uint64_t first = regions(open(path_).value()).value().front().offset + format::kRegionData;
  write(first + offsetof(format::RecordHeader, stamp), 0);
  write(first + offsetof(format::RecordHeader, word), (format::kStampTimeMax - 1) << 16);
  expect_good();
}

// A rebuild adds to it: it began anew at nothing, and what was put then was older than what there was (proof `flips`).
TEST_F(RottenWords, a_clock_at_its_end_is_damage_for_a_rebuild_too) {
  write(format::kControlOffset + offsetof(format::Control, clock), ~std::uint64_t{0});
  expect_damaged(format::kControlOffset, true);
}

// Nobody freezes a root word, so nobody can move what it belongs to: a put tried for ever (proof `flips`).
TEST_F(RottenWords, a_frozen_root_word_is_damage) {
  auto store = open(path_).value();
  detail::Handle& h = *detail::handle_of(store);
  for (std::uint32_t i = 0; i < h.space.super().root_words; ++i) shared::freeze(h.space.root(i));
  ::alarm(20);
  Batch batch;
  int damaged = 0;
  for (int i = 1'000; i < 1'020; ++i) {
    damaged += test::outcome(store.put(i, "value")) == "damaged";
    batch.put(i + 20, "value");
  }
  EXPECT_GT(damaged, 0) << "those whose leaf is not there yet";
  EXPECT_EQ(test::outcome(store.put(batch)), "damaged");
  ::alarm(0);
  EXPECT_EQ(test::outcome(store.put(7, "value")), "ok");  // its leaf has it already
}

// Its check agrees: somebody computed it.
TEST_F(RottenWords, a_record_that_reaches_beyond_its_region_is_damage) {
  auto store = open(path_).value();
  for (int i = 0; i < 3; ++i) store.put("large", std::string(1 << 20, 'x')).value();  // regions behind it
  detail::Handle& h = *detail::handle_of(store);
  detail::RecordRef r = detail::find(h, detail::view(h, Key(7))).record;
  r.shape.payload_size = 3 << 20;
  r.header->shape = format::pack(r.shape);
  r.header->head_check = format::head_check(*r.header, r.region_seed, r.at);
  EXPECT_EQ(test::shown(store.get(7)).substr(0, 20), "<damaged>");
}

// No writer leaves it so, and it is not "absent": erase said that there was nothing to erase (proof `flips`).
TEST_F(RottenWords, a_stamp_of_zero_under_its_check_is_damage_to_whoever_asks_for_it) {
  auto store = open(path_).value();
  detail::Handle& h = *detail::handle_of(store);
  detail::find(h, detail::view(h, Key(7))).record.header->stamp = 0;
  EXPECT_EQ(test::outcome(store.erase(7)), "damaged");
  EXPECT_EQ(test::outcome(store.put_if(7, "other", absent)), "damaged");
  EXPECT_EQ(test::outcome(store.put(Batch().put_if(7, "other", absent))), "damaged");
  EXPECT_EQ(test::shown(store.get(7)), "value");
  EXPECT_EQ(test::outcome(store.put(7, "other")), "ok");
  EXPECT_EQ(test::outcome(store.erase(7)), "ok");
}

// A batch that nobody has decided shows what it is to supersede; a scan and verify know better than a word that says
// "nothing" (proof `flips`).
TEST_F(RottenWords, what_an_undecided_batch_hides_is_missed) {
  auto store = open(path_).value();
  store.put(Batch().put(7, "never")).value();
  detail::Handle& h = *detail::handle_of(store);
  const detail::RecordRef r = detail::find(h, detail::view(h, Key(7))).record;
  detail::RecordRef envelope;
  ASSERT_EQ(detail::envelope_of(h, r, envelope), nullptr);
  r.header->stamp = r.header->word = envelope.header->word = 0;
  envelope.header->stamp = format::decision(format::Verdict::pending);
  EXPECT_EQ(test::shown(store.get(7)), "value");
  EXPECT_TRUE(verify(path_).value().damage.empty());

  r.header->prev = 0;
  EXPECT_EQ(test::shown(store.get(7)), "<not_found>") << "it is rot in a word of the index, as README.md has it";
  Records all = store.records();
  for (const Record& record : all) EXPECT_NE(record.id(), 7u);
  EXPECT_EQ(test::outcome(all.status()), "damaged");
  const auto damage = verify(path_).value().damage;
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_STREQ(damage[0].error.what, "index: a key is missing");
}

// It would be zeroed, and all its records be gone (proof `flips`).
TEST_F(RottenWords, a_region_whose_state_rots_to_zero_is_not_given_away) {
  auto store = open(scratch_ / "small.durra", test::small()).value();
  store.put(7, "value").value();
  detail::Handle& h = *detail::handle_of(store);
  const std::uint64_t region = h.space.region_of(detail::find(h, detail::view(h, Key(7))).record.at);
  while (store.put("past it", test::noise(20'000)))
    if (h.space.region_of(detail::find(h, detail::view(h, Key("past it"))).record.at) != region) break;
  const std::uint64_t state = std::exchange(h.space.descriptor(region).state, 0);
  h.space.control().free_hint = region;
  for (int i = 100; store.put(i, test::noise(i % 2 == 0 ? 20'000 : 200'000)); ++i) {
  }  // alone and as runs, until full
  ASSERT_EQ(h.space.descriptor(region).state, 0u);
  h.space.descriptor(region).state = state;
  EXPECT_EQ(test::shown(store.get(7)), "value");
}

}  // namespace
}  // namespace durra
