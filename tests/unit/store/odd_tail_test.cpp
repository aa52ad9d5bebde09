// What a tail collects where order and place disagree, where there is more than one collection holds, and where a stamp
// has rotted.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <string>

#include "format/tail.h"
#include "format/walk.h"
#include "store/append.h"
#include "store/index.h"
#include "store/tail.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct OddTail : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small(64_MiB)).value();
  detail::Handle& handle = *detail::handle_of(store);

  detail::RecordRef record_of(std::uint64_t key) const {
    return detail::find(handle, detail::view(handle, Key(key))).record;
  }
};

// The oldest lie behind all others in the file, and one that nobody has stamped yet behind these.
TEST_F(OddTail, more_than_two_collections_hold_come_once_and_in_order_wherever_they_lie) {
  auto& hint = handle.space.control().free_hint;
  shared::hint_store(hint, 900);  // where the next region is looked for
  store.put(0, "").value();
  constexpr std::uint64_t kMany = detail::kCollectMax * 2 + 5'000;
  shared::hint_store(hint, 0);
  {
    Store other = open(path, {}).value();
    for (std::uint64_t i = 1; i <= kMany; ++i) other.put(i, "").value();
  }
  store.put(kMany + 1, "").value();
  ASSERT_GT(handle.space.region_of(record_of(0).at), handle.space.region_of(record_of(kMany).at));
  const auto last = record_of(kMany + 1);  // as if its writer had been killed before its stamp
  const std::uint64_t floor = last.header->stamp - 1;
  last.header->stamp = 0;
  last.header->word = floor;
  Tail tail = Tail::from_now(store).value();
  tail = Tail::open(store, "t").value();
  for (std::uint64_t i = 0; i <= kMany + 1; ++i) {
    const auto r = tail.next(Duration::zero());
    ASSERT_EQ(outcome(r), "ok") << i;
    ASSERT_EQ(r->id(), i);
  }
  EXPECT_EQ(outcome(tail.next(Duration::zero())), "timeout");
}

// Its check agrees: somebody computed it.  It would come when the clock gets there, which is never.
TEST_F(OddTail, a_stamp_that_is_later_than_the_clock_is_told_once) {
  for (std::uint64_t i = 0; i < 10; ++i) store.put(i, "").value();
  const auto r = record_of(4);
  r.header->stamp = (shared::clock_load(handle.space.control()) + 1'000'000) << 16;
  r.header->word = format::stamp_check(r.header->stamp, r.region_seed, r.at);
  Tail tail = Tail::open(store, "t").value();
  int shown_ones = 0, told = 0;
  for (;;) {
    const auto next = tail.next(Duration::zero());
    if (!next && next.error().code == Code::timeout) break;
    shown_ones += static_cast<bool>(next);
    if (next) continue;
    ASSERT_LT(++told, 2);
    EXPECT_EQ(outcome(next), "damaged");
    EXPECT_EQ(next.error().detail, r.at);
    EXPECT_STREQ(next.error().what, "record stamp: later than the clock");
  }
  EXPECT_EQ(told, 1);
  EXPECT_EQ(shown_ones, 9);
}

// As a store could be after a restored image: the position is that of another tail, whose process is gone.
TEST_F(OddTail, a_position_that_another_tail_has_saved_is_not_written_over) {
  store.put(0, "").value();
  std::optional<Tail> tail = Tail::open(store, "t").value();
  tail->next(Duration::zero()).value();
  const std::string key = std::string(format::kTailKey) + "t";
  const auto saved = detail::find(handle, detail::view(handle, Key(key))).record;
  std::string theirs(reinterpret_cast<const char*>(saved.payload().data()), saved.payload().size());
  format::TailPosition p;
  std::memcpy(&p, theirs.data(), sizeof p);
  ++p.generation;
  std::memcpy(theirs.data(), &p, sizeof p);
  detail::Change change;
  change.key = detail::view(handle, Key(key));
  change.shape = {.payload_size = theirs.size(), .key_size = static_cast<std::uint32_t>(key.size())};
  change.payload = std::as_bytes(std::span(theirs));
  ASSERT_EQ(outcome(detail::append(handle, change)), "ok");
  const auto done = tail->save();
  ASSERT_EQ(outcome(done), "busy");
  EXPECT_STREQ(done.error().what, "another tail has the name now");
  tail.reset();  // nor is it given back
  const auto now = detail::find(handle, detail::view(handle, Key(key))).record.payload();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(now.data()), now.size()), theirs);
  tail = Tail::open(store, "t").value();
  EXPECT_EQ(tail->next(Duration::zero()).value().id(), 0u);
}

}  // namespace
}  // namespace durra::test
