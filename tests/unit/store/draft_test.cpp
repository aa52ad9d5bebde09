// draft and put_with: records written in place.
#include <durra/store.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;
using test::shown;
using test::small;

void write(Draft&& d, const std::string& text) { std::memcpy(d.bytes().data(), text.data(), text.size()); }
void write(Draft& d, const std::string& text) { std::memcpy(d.bytes().data(), text.data(), text.size()); }

struct Drafts : testing::Test {
  test::Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
};

TEST_F(Drafts, nobody_sees_a_draft_until_it_is_published) {
  auto draft = store.draft("k", 5).value();
  ASSERT_EQ(draft.bytes().size(), 5u);
  write(draft, "draft");
  EXPECT_EQ(shown(store.get("k")), "<not_found>");
  for (Record& r : store.records()) FAIL() << r.key();
  const auto stamp = std::move(draft).publish();
  ASSERT_EQ(outcome(stamp), "ok");
  EXPECT_EQ(shown(store.get("k")), "draft");
  EXPECT_EQ(store.get("k").value().stamp(), *stamp);
  EXPECT_TRUE(store.get("k").value().intact());
}

TEST_F(Drafts, a_dropped_draft_never_was) {
  {
    auto draft = store.draft("k", 100).value();
    write(draft, std::string(100, 'x'));
  }
  EXPECT_EQ(shown(store.get("k")), "<not_found>");
  store.put("k", "after").value();
  EXPECT_EQ(shown(store.get("k")), "after");
  EXPECT_EQ(stats(store).value().garbage_bytes, 0u);
}

TEST_F(Drafts, what_a_dropped_draft_wrote_shows_in_no_gap_and_no_padding) {
  { write(store.draft("gone", 20'000).value(), std::string(20'000, '\xee')); }
  for (std::size_t size = 1; size < 20; ++size) {
    store.put("k" + std::to_string(size), std::string(size, 'v')).value();
    store.put("a" + std::to_string(size), std::string(size, 'v'), {.align = 256}).value();
  }
  { const Store gone = std::move(store); }
  const test::FileEdit edit(scratch / "s.durra");
  std::size_t gaps = 0;
  for (const auto& r : edit.records()) {
    const std::uint64_t key_end = r.at + format::header_size(r.shape) + r.shape.key_size;
    const std::uint64_t payload_end = r.payload_at + r.shape.payload_size;
    const std::string between = edit.read(key_end, r.payload_at - key_end);
    const std::string behind = edit.read(payload_end, r.at + r.size - payload_end);
    EXPECT_EQ(between, std::string(between.size(), '\0')) << r.key;
    EXPECT_EQ(behind, std::string(behind.size(), '\0')) << r.key;
    gaps += between.size() + behind.size();
  }
  EXPECT_GT(gaps, 1'000u);
}

TEST_F(Drafts, a_draft_delays_no_put_of_its_own_thread) {
  auto first = store.draft("a", 1).value();
  auto second = store.draft("b", 1).value();
  store.put("a", "put").value();
  write(first, "1");
  write(second, "2");
  ASSERT_TRUE(std::move(second).publish());
  EXPECT_EQ(shown(store.get("a")), "put");
  ASSERT_TRUE(std::move(first).publish());  // the later publication wins
  EXPECT_EQ(shown(store.get("a")), "1");
  EXPECT_EQ(shown(store.get("b")), "2");
}

TEST_F(Drafts, a_draft_needs_no_string_of_its_caller) {
  std::string key = "a key that is too long for the small string";
  auto draft = store.draft(key, 1).value();
  const std::string same = key;
  key.assign(key.size(), '-');
  key = {};
  write(draft, "1");
  ASSERT_TRUE(std::move(draft).publish());
  EXPECT_EQ(shown(store.get(same)), "1");
}

TEST_F(Drafts, drafts_may_be_moved_between_threads) {
  auto draft = store.draft("k", 4).value();
  std::thread([&store = store, d = std::move(draft)]() mutable {
    write(d, "moved"[0] == 'm' ? "else" : "");
    ASSERT_TRUE(std::move(d).publish());
    store.put("after", "1").value();
  }).join();
  EXPECT_EQ(shown(store.get("k")), "else");
  EXPECT_EQ(shown(store.get("after")), "1");
}

TEST_F(Drafts, a_draft_may_be_published_after_its_store_is_closed) {
  auto draft = store.draft("k", 4).value();
  write(draft, "last");
  { const Store closed = std::move(store); }
  ASSERT_TRUE(std::move(draft).publish());
  store = open(scratch / "s.durra", small()).value();
  EXPECT_EQ(shown(store.get("k")), "last");
}

TEST_F(Drafts, assignment_drops_what_was_there) {
  auto draft = store.draft("old", 1).value();
  draft = store.draft("new", 1).value();
  write(draft, "1");
  ASSERT_TRUE(std::move(draft).publish());
  EXPECT_EQ(shown(store.get("old")), "<not_found>");
  EXPECT_EQ(shown(store.get("new")), "1");
}

TEST_F(Drafts, large_and_aligned_drafts) {
  const std::string big = noise(400'000);
  auto draft = store.draft("big", big.size(), {.align = 4096}).value();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(draft.bytes().data()) % 4096, 0u);
  write(draft, big);
  ASSERT_TRUE(std::move(draft).publish());
  EXPECT_EQ(shown(store.get("big")), big);
}

TEST_F(Drafts, a_draft_cannot_be_compressed) {
  EXPECT_EQ(outcome(store.draft("k", 100, {.compress = true})), "invalid");
}

TEST_F(Drafts, each_draft_takes_a_seat_until_there_is_none) {
  std::vector<Draft> held;
  for (int i = 0; i < 16; ++i) held.push_back(store.draft(i, 8).value());
  const auto more = store.draft(16, 8);
  EXPECT_EQ(outcome(more), "full");
  EXPECT_EQ(outcome(store.put(16, "x")), "full");
  EXPECT_EQ(shown(store.get(16)), "<not_found>");  // readers share a seat
  held.pop_back();
  EXPECT_EQ(outcome(store.put(16, "x")), "ok");
  EXPECT_EQ(shown(store.get(16)), "x");
}

// ---- put_with ------------------------------------------------------------------------------------------------------
TEST_F(Drafts, put_with_writes_in_place) {
  const auto done = store.put_with("k", 1000, [](std::span<std::byte> b) { std::ranges::fill(b, std::byte{'w'}); });
  ASSERT_EQ(outcome(done), "ok");
  EXPECT_EQ(shown(store.get("k")), std::string(1000, 'w'));
}

TEST_F(Drafts, put_with_of_a_fill_that_throws_puts_nothing) {
  store.put("k", "before").value();
  const auto fails = [](std::span<std::byte> b) {
    b[0] = std::byte{1};
    throw std::runtime_error("no");
  };
  for (const std::size_t size : {10ul, 200'000ul})
    EXPECT_THROW((void)store.put_with("k", size, fails), std::runtime_error);
  EXPECT_EQ(shown(store.get("k")), "before");
  ASSERT_TRUE(store.put("k", "after"));
  EXPECT_EQ(shown(store.get("k")), "after");
  EXPECT_EQ(participants(store).value().size(), 1u);  // the seat was given back
}

TEST_F(Drafts, a_fill_may_use_the_store) {
  store.put("in", "abc").value();
  const auto done = store.put_with("out", 3, [&](std::span<std::byte> b) {
    std::memcpy(b.data(), shown(store.get("in")).data(), 3);
    store.put("also", "put").value();
  });
  ASSERT_EQ(outcome(done), "ok");
  EXPECT_EQ(shown(store.get("out")), "abc");
  EXPECT_EQ(shown(store.get("also")), "put");
}

TEST_F(Drafts, put_with_reports_what_is_refused) {
  const auto fill = [](std::span<std::byte>) { FAIL(); };
  EXPECT_EQ(outcome(store.put_with("", 1, fill)), "invalid");
  EXPECT_EQ(outcome(store.put_with("k", 1 << 30, fill)), "too_large");
  EXPECT_EQ(outcome(store.put_with("k", 1, fill, {.align = 3})), "invalid");
}

}  // namespace
}  // namespace durra
