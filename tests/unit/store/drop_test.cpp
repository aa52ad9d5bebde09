// drop: takes what is the named object's own, all of it, and nothing else, whoever comes between or dies.
#include <durra/types.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "store/index.h"
#include "store/step.h"
#include "tests/support/disk.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

class Drop : public testing::Test {
 protected:
  ~Drop() override { step_hook = nullptr; }
  Store open_store() const { return open(path, small(64_MiB)).value(); }
  std::set<std::string> keys(const std::string& prefix = "") const {
    std::set<std::string> all;
    for (const Record& r : s.records(prefix))
      if (!r.key().empty()) all.emplace(r.key());
    return all;
  }
  // `n` records NAME/0 …, the last first: so those of low numbers are the ones that no longer fit into one batch.
  void fill_backwards(const std::string& name, std::size_t n, std::string_view bytes) {
    Batch some;
    while (n-- != 0) {
      some.put(name + "/" + std::to_string(n), bytes);
      if (some.size() < 1'000 && n != 0) continue;
      s.put(some).value();
      some.clear();
    }
  }
  void make_large_array() {
    auto array = ChunkedArray<float>::open(s, "a", {kMany}, {1}).value();
    array.write({0}, std::vector<float>{7}).value();
    fill_backwards("a", kMany, s.get("a/0").value().str());
  }

  static constexpr std::size_t kMany = 66'000;
  Scratch scratch_;
  const std::string path = scratch_ / "s.durra";
  Store s = open_store();
};

TEST_F(Drop, of_a_list_leaves_the_objects_whose_names_begin_with_its_own) {
  List::open(s, "a").value().push(true).value();
  List::open(s, "a/b").value().push(false).value();
  List::open(s, "a/7").value().push(false).value();
  ChunkedArray<float>::open(s, "a/c", {2}, {1}).value().write({0}, std::vector<float>{1}).value();
  const auto others = std::set<std::string>{"a/b/0", "a/b/length", "a/7/0", "a/7/length", "a/c/.zarray", "a/c/0"};
  for (const char* own : {"a/007", "a/1.0", "a/3.", "a/x", "a/", "a/-1", "a/99999999999999999999"})
    s.put(own, "user's").value();
  drop(s, "a").value();
  for (const std::string& key : others) EXPECT_TRUE(s.get(key)) << key;
  for (const char* own : {"a/007", "a/1.0", "a/3.", "a/x", "a/", "a/-1", "a/99999999999999999999"})
    EXPECT_TRUE(s.get(own)) << own;
  EXPECT_EQ(keys("a/").size(), others.size() + 7);
}

TEST_F(Drop, of_a_chunked_array_takes_chunks_of_its_dimensions_only) {
  auto array = ChunkedArray<float>::open(s, "a", {4, 4}, {2, 2}).value();
  array.write({1, 1}, std::vector<float>(4, 1)).value();
  for (const char* own : {"a/1", "a/1.1.1", "a/01.1", "a/1.", "a/.zattrs", "a/1.x"}) s.put(own, "user's").value();
  drop(s, "a").value();
  EXPECT_EQ(keys(), (std::set<std::string>{"a/.zattrs", "a/01.1", "a/1", "a/1.", "a/1.1.1", "a/1.x"}));
}

// A cell is the record of that very name: what lies under the name is somebody's.
TEST_F(Drop, of_a_cell_leaves_what_lies_under_its_name) {
  for (const std::string_view length : {std::string_view("12 metres"), std::string_view("12345678")}) {
    Cell<int>::open(s, "x").value().store(1).value();
    s.put("x/length", length).value();
    s.put("x/.zarray", "{}").value();
    s.put("x/0", "user's").value();
    drop(s, "x").value();
    EXPECT_EQ(keys(), (std::set<std::string>{"x/.zarray", "x/0", "x/length"}));
  }
}

TEST_F(Drop, what_is_no_head_of_a_type_is_no_object) {
  s.put("x/length", "12 metres").value();
  s.put("y/.zarray", "user's").value();
  EXPECT_EQ(outcome(drop(s, "x")), "not_found");
  EXPECT_EQ(outcome(drop(s, "y")), "not_found");
  EXPECT_EQ(keys().size(), 2u);
}

TEST_F(Drop, takes_a_cell_of_the_longest_name) {
  for (const std::size_t size : {1'010u, 1'017u, 1'018u, 1'024u}) {
    const std::string name(size, 'n');
    Cell<int>::open(s, name).value().store(1).value();
    EXPECT_EQ(outcome(drop(s, name)), "ok") << size;
    EXPECT_EQ(outcome(drop(s, name)), "not_found") << size;
  }
  EXPECT_EQ(outcome(drop(s, std::string(1'025, 'n'))), "too_large");
  EXPECT_EQ(outcome(drop(s, "")), "invalid");
}

// What more than one batch takes was erased whatever it was by then: the first items of whoever made the list again.
TEST_F(Drop, of_a_long_list_leaves_the_items_of_one_made_again_meanwhile) {
  fill_backwards("l", kMany, "\1\1");
  s.put("l/length", bytes_of(std::uint64_t{kMany})).value();
  static std::optional<Store> other;
  other = open_store();
  static bool made;
  made = false;
  step_hook = [](const char* name) {
    if (made || std::string_view(name) != "batch.8") return;
    made = true;
    auto again = List::open(*other, "l").value();
    for (std::int64_t i = 0; i < 10; ++i) again.push(i).value();
  };
  drop(s, "l").value();
  step_hook = nullptr;
  other.reset();
  ASSERT_TRUE(made);
  const auto all = List::open(s, "l").value().all();
  ASSERT_TRUE(all) << all.error().message();
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(all->at(i), Value(static_cast<std::int64_t>(i)));
  EXPECT_EQ(keys("l/").size(), 11u) << "and nothing of the old one is left";
}

// The tombstones of its items are more than one batch may have: a drop of it was `too_large` for ever.
TEST_F(Drop, of_a_list_that_fills_much_of_a_small_store) {
  s = open(scratch_ / "tiny.durra", small(8_MiB)).value();
  constexpr std::size_t kItems = 32'000;
  fill_backwards("l", kItems, "\1\1");
  s.put("l/length", bytes_of(std::uint64_t{kItems})).value();
  EXPECT_EQ(outcome(drop(s, "l")), "ok");
  EXPECT_TRUE(keys().empty());
}

// A chunk that is left behind would show in the next array of that name: the name is free when there is none.
TEST_F(Drop, of_a_large_array_that_is_killed_leaves_no_chunk_for_the_next_one) {
  make_large_array();
  Child child([&] {
    Store mine = open_store();
    step_hook = [](const char* name) {
      if (std::string_view(name) == "batch.8") ::raise(SIGKILL);
    };
    drop(mine, "a").value();
    return 0;
  });
  child.wait();
  EXPECT_EQ(outcome(ChunkedArray<float>::open(s, "a", {kMany}, {1}, -1)), "mismatch") << "still the one with fill 0";
  drop(s, "a").value();
  EXPECT_TRUE(keys().empty());
}

// A power cut leaves of what is not durable what it likes: the head's end, and chunks that the next array shows.
TEST_F(Drop, of_a_large_array_makes_the_end_of_the_first_chunks_durable_before_that_of_the_last) {
  const TmpfsIsADisk on_a_disk;
  s = open_store();
  make_large_array();
  static std::vector<std::string> order;
  order.clear();
  step_hook = [](const char* name) {
    const std::string_view step(name);
    if (step == "batch.8" || (step == "sync.3" && order.back() != step)) order.emplace_back(step);
  };
  drop(s, "a").value();
  step_hook = nullptr;
  EXPECT_EQ(order, (std::vector<std::string>{"batch.8", "sync.3", "batch.8"}));
}

// An array made again by another must not lose what was written into it to the drop of the old one.
TEST_F(Drop, of_a_large_array_leaves_the_chunks_of_one_made_again_meanwhile) {
  make_large_array();
  static std::optional<Store> other;
  other = open_store();
  static bool made;
  made = false;
  step_hook = [](const char* name) {
    if (made || std::string_view(name) != "batch.2") return;  // what is to go is known, nothing is gone
    made = true;
    drop(*other, "a").value();
    auto again = ChunkedArray<double>::open(*other, "a", {10}, {1}).value();
    for (std::size_t i = 0; i < 10; ++i) again.write({i}, std::vector<double>{5}).value();
    other->put("a/keep", "user's").value();
    step_hook = nullptr;
  };
  drop(s, "a").value();
  other.reset();
  ASSERT_TRUE(made);
  EXPECT_EQ(keys(), (std::set<std::string>{"a/keep"})) << "the one made again was dropped, whole";
}

// One of them changes, so each is erased for itself; another has rotted by then, and what is named by nobody stays.
TEST_F(Drop, of_a_large_array_stops_at_a_chunk_that_rots_meanwhile) {
  make_large_array();
  static std::optional<Store> other;
  other = open_store();
  static std::uint32_t* rots;
  detail::Handle& h = *detail::handle_of(s);
  rots = &detail::find(h, detail::view(h, Key("a/0"))).record.header->head_check;
  enum class Stage { before, changing, changed, rotten };
  static Stage stage;
  stage = Stage::before;
  step_hook = [](const char* name) {
    const std::string_view step(name);
    if (stage == Stage::before && step == "batch.2") {
      stage = Stage::changing;
      other->put("a/1", "user's").value();
      stage = Stage::changed;
    } else if (stage == Stage::changed && step == "put.3") {
      stage = Stage::rotten;
      *rots ^= 1;
    }
  };
  EXPECT_EQ(outcome(drop(s, "a")), "damaged");
  step_hook = nullptr;
  other.reset();
  ASSERT_EQ(stage, Stage::rotten);
  EXPECT_EQ(outcome(ChunkedArray<float>::open(s, "a", {kMany}, {1}, -1)), "mismatch") << "still the one with fill 0";
  *rots ^= 1;
  EXPECT_EQ(outcome(drop(s, "a")), "ok");
  EXPECT_TRUE(keys().empty());
}

// Where a scan ended on damage, what it did not come to would be left without its head.
TEST_F(Drop, and_resize_refuse_where_the_records_cannot_be_read) {
  List::open(s, "l").value().push(true).value();
  auto array = ChunkedArray<float>::open(s, "a", {10}, {1}).value();
  array.write({9}, std::vector<float>{1}).value();
  s.put("rotten", "bytes").value();
  { const Store close = std::exchange(s, open(scratch_ / "other.durra", small()).value()); }
  array = ChunkedArray<float>::open(s, "a", {10}, {1}).value();  // lets go of the first file
  {
    const FileEdit edit(path);
    edit.write(edit.find("rotten").at, std::string(8, '\xff'));
  }
  s = open_store();
  array = ChunkedArray<float>::attach(s, "a").value();
  EXPECT_EQ(outcome(drop(s, "l")), "damaged");
  EXPECT_EQ(outcome(array.resize({5})), "damaged");
  EXPECT_EQ(List::open(s, "l").value().size().value(), 1u);
  EXPECT_EQ(ChunkedArray<float>::attach(s, "a").value().shape(), (Shape{10}));
}

}  // namespace
}  // namespace durra::test
