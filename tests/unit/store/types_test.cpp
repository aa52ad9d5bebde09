// Typed things by name: arrays, counters, gauges, cells, lists; what drop takes.
#include <durra/types.h>
#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <numeric>
#include <thread>

#include "store/index.h"
#include "store/step.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

using namespace std::chrono_literals;

class Types : public testing::Test {
 protected:
  Options small() const {
    Options o;
    o.max_size = 8_MiB;
    o.region_size = 64_KiB;
    o.participants = 16;
    return o;
  }
  Store open_store() const { return open(scratch_ / "s.durra", small()).value(); }
  Scratch scratch_;
  Store s = open_store();
};

// ---- Array ----------------------------------------------------------------------------------------------------------

TEST_F(Types, an_array_is_row_major_and_shared) {
  auto a = Array<std::int32_t>::open(s, "a", {3, 4}).value();
  std::iota(a.values().begin(), a.values().end(), 0);
  Store other = open_store();
  auto b = Array<std::int32_t>::open(other, "a", {3, 4}).value();
  EXPECT_EQ(b(1, 2), 6);
  EXPECT_EQ(b.row(2)[3], 11);
  b(0, 0) = 100;
  EXPECT_EQ(a.values()[0], 100);
  EXPECT_EQ(a.shape(), (Shape{3, 4}));
  EXPECT_EQ(a.size(), 12u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a.values().data()) % 64, 0u);
}

TEST_F(Types, an_array_is_attached_to_without_its_shape) {
  { auto a = Array<double>::open(s, "a", {2, 3}).value(); }
  EXPECT_EQ(Array<double>::attach(s, "a").value().shape(), (Shape{2, 3}));
  EXPECT_EQ(Array<double>::attach(s, "b").error().code, Code::not_found);
  EXPECT_EQ(Array<float>::attach(s, "a").error().message(), "mismatch: it is array of <f8 (2, 3), not array of <f4");
}

TEST_F(Types, another_dtype_or_shape_is_a_mismatch_and_says_both) {
  auto a = Array<double>::open(s, "a", {2, 3}).value();
  EXPECT_EQ((Array<double>::open(s, "a", {3, 2}).error().message()),
            "mismatch: it is array of <f8 (2, 3), not array of <f8 (3, 2)");
  EXPECT_EQ((Array<std::int64_t>::open(s, "a", {2, 3}).error().message()),
            "mismatch: it is array of <f8 (2, 3), not array of <i8 (2, 3)");
  EXPECT_EQ(Counter::open(s, "a").error().code, Code::mismatch);
}

TEST_F(Types, shapes_that_cannot_be_are_refused) {
  const auto error = [&](Shape shape) { return Array<double>::open(s, "a", std::move(shape)).error().code; };
  EXPECT_EQ(error({}), Code::invalid);
  EXPECT_EQ(error({3, 0}), Code::invalid);
  EXPECT_EQ(error(Shape(13, 1)), Code::invalid);
  EXPECT_EQ(error({std::size_t(-1)}), Code::too_large);
  EXPECT_EQ(error({std::size_t(1) << 32, std::size_t(1) << 32}), Code::too_large);
  EXPECT_EQ(error({std::size_t(1) << 40}), Code::too_large);
}

TEST_F(Types, an_index_is_checked_where_that_is_asked_for) {
  auto a = Array<std::uint8_t>::open(s, "a", {2, 3}).value();
  **a.at(1, 2) = 7;
  EXPECT_EQ(a(1, 2), 7);
  EXPECT_EQ(a.at(2, 0).error().code, Code::invalid);
  EXPECT_EQ(a.at(0, 3).error().detail, 3u);
  EXPECT_EQ(a.at(1).error().code, Code::invalid);
  EXPECT_EQ(a.at(0, 0, 0).error().code, Code::invalid);
}

TEST_F(Types, elements_that_many_write_are_atomic) {
  auto a = Array<std::int64_t>::open(s, "a", {4}).value();
  std::vector<std::thread> all;
  for (int t = 0; t < 4; ++t)
    all.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) a.atomic(2).fetch_add(1);
    });
  for (auto& t : all) t.join();
  EXPECT_EQ(a(2), 20'000);
}

TEST_F(Types, every_element_type_has_its_name) {
  EXPECT_EQ(dtype_of<bool>(), "|b1");
  EXPECT_EQ(dtype_of<std::uint8_t>(), "|u1");
  EXPECT_EQ(dtype_of<std::int16_t>(), "<i2");
  EXPECT_EQ(dtype_of<unsigned long long>(), "<u8");
  EXPECT_EQ(dtype_of<float>(), "<f4");
  EXPECT_EQ(dtype_of<double>(), "<f8");
}

// ---- Counter, Gauge -------------------------------------------------------------------------------------------------

TEST_F(Types, counters_count_across_processes_and_kills) {
  for (int p = 0; p < 4; ++p) {
    Child child([&] {
      Store mine = open_store();
      auto c = Counter::open(mine, "n").value();
      for (int i = 0; i < 1'000; ++i) c.add();
      ::raise(SIGKILL);
      return 0;
    });
    child.wait();
  }
  auto c = Counter::open(s, "n").value();
  EXPECT_EQ(c.value(), 4'000);
  EXPECT_EQ(c.add(10), 4'000) << "the value before";
  EXPECT_EQ(c.name(), "n");
}

TEST_F(Types, all_counters_are_found_by_prefix) {
  for (const char* name : {"b", "requests{code=\"500\"}", "requests{code=\"200\"}"})
    Counter::open(s, name).value().add();
  auto array = Array<int>::open(s, "requests", {1}).value();
  std::vector<std::string> names;
  for (const Counter& c : Counter::all(s, "requests").value()) names.emplace_back(c.name());
  EXPECT_EQ(names, (std::vector<std::string>{"requests{code=\"200\"}", "requests{code=\"500\"}"}));
  EXPECT_EQ(Counter::all(s).value().size(), 3u);
}

TEST_F(Types, all_gauges_are_found_by_prefix) {
  for (const char* name : {"in_use", "in_flight", "other"}) Gauge::open(s, name).value().set(2);
  Counter::open(s, "in_vain").value().add();
  std::vector<std::string> names;
  for (const Gauge& g : Gauge::all(s, "in_").value()) {
    names.emplace_back(g.name());
    EXPECT_EQ(g.value(), 2);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"in_flight", "in_use"}));
}

// The names are read first, the blocks are opened one after the other.
struct AllOf : Types {
  ~AllOf() override { step_hook = nullptr; }
  static inline std::function<void()> meanwhile;

  // The names that all() gives of first, second, third and fourth, when others act before the second is opened.
  template <class T>
  std::vector<std::string> names_when(std::function<void()> others_act) {
    for (const char* name : {"first", "second", "third", "fourth"}) EXPECT_TRUE(T::open(s, name));
    meanwhile = std::move(others_act);
    step_hook = [](const char* name) {
      if (std::string_view(name) != "block.hold") return;
      step_hook = nullptr;
      meanwhile();
    };
    const auto all = T::all(s);
    EXPECT_EQ(step_hook.load(), nullptr) << "the case was not met";
    std::vector<std::string> names;
    if (!all) return {all.error().message()};
    for (const T& one : *all) names.emplace_back(one.name());
    return names;
  }
  template <class T>
  void check_dropped() {
    EXPECT_EQ(names_when<T>([&] { drop(other, "second").value(); }),
              (std::vector<std::string>{"first", "fourth", "third"}));
    EXPECT_EQ(outcome(detail::Blocks::find(s, "second")), "not_found");
  }
  template <class T>
  void check_changed(const char* type, const char* dtype, std::size_t size) {
    EXPECT_EQ(names_when<T>([&] {
                drop(other, "second").value();
                (void)detail::Blocks::open(other, "second", {type, dtype, {}}, size).value();
              }),
              (std::vector<std::string>{"first", "fourth", "third"}))
        << type << dtype << size;
    EXPECT_EQ(detail::Blocks::find(s, "second").value().type, type);
    drop(other, "second").value();
  }
  Store other = open_store();
};

// It was made again, at 0.
TEST_F(AllOf, what_was_dropped_since_its_name_was_read_stays_so) {
  check_dropped<Counter>();
  for (const char* name : {"first", "third", "fourth"}) drop(s, name).value();
  check_dropped<Gauge>();
}

// None of the others was shown for its sake.
TEST_F(AllOf, what_became_something_else_since_its_name_was_read_is_passed_over) {
  check_changed<Counter>("block", "", 64);
  check_changed<Counter>("counter", "<i4", 64);
  check_changed<Counter>("counter", "<i8", 128);
  for (const char* name : {"first", "third", "fourth"}) drop(s, name).value();
  check_changed<Gauge>("counter", "<i8", 64);
  check_changed<Gauge>("gauge", "<f8", 8);
}

TEST_F(Types, whatever_has_a_name_is_found_with_its_type) {
  Array<double>::open(s, "a", {3, 2}).value();
  const auto found = detail::Blocks::find(s, "a").value();
  EXPECT_EQ(found.type, "array");
  EXPECT_EQ(found.dtype, "<f8");
  EXPECT_EQ(detail::Blocks::shape(found.block), (Shape{3, 2}));
  EXPECT_EQ(detail::Blocks::find(s, "b").error().code, Code::not_found);
}

TEST_F(Types, a_gauge_is_the_sum_of_the_living) {
  auto g = Gauge::open(s, "in_flight").value();
  g.set(2);
  {
    Store other = open_store();
    auto h = Gauge::open(other, "in_flight").value();
    h.add(1.5);
    h.add(1.5);
    EXPECT_EQ(g.value(), 5);
  }
  EXPECT_EQ(g.value(), 2) << "who left counts no more";
  Child child([&] {
    Store mine = open_store();
    auto c = Gauge::open(mine, "in_flight").value();
    c.set(100);
    EXPECT_EQ(c.value(), 102);
    ::raise(SIGKILL);
    return 0;
  });
  child.wait();
  EXPECT_EQ(g.value(), 2) << "who was killed counts no more";
  Store next = open_store();
  EXPECT_EQ(Gauge::open(next, "in_flight").value().value(), 2) << "nor after its seat has another";
}

// The first use of a slot clears what somebody dead left there: a second thread's cleared what the first had said.
TEST_F(Types, the_first_words_of_two_threads_to_a_gauge_both_count) {
  for (int round = 0; round < 2'000; ++round) {
    const std::string name = "g" + std::to_string(round % 2);
    std::atomic<int> ready{0};
    const auto meet = [&ready](int all) {
      for (++ready; ready < all;) {
      }
    };
    std::vector<std::thread> all;
    for (int t = 0; t < 2; ++t)
      all.emplace_back([&] {
        if (round % 2 == 0) meet(2);  // both open at once; else both add at once
        auto mine = Gauge::open(s, name).value();
        if (round % 2 == 1) meet(2);
        mine.add(1);
      });
    for (auto& t : all) t.join();
    ASSERT_EQ(Gauge::open(s, name).value().value(), 2) << round;
    drop(s, name).value();
  }
}

// Where locks go with descriptors, a process may be taken for dead (overlayfs): its seat's slot is its successor's
// then.
TEST_F(Types, who_lost_its_seat_says_nothing_of_a_gauge) {
  auto g = Gauge::open(s, "g").value();
  g.set(2);
  const auto block = detail::Blocks::attach(s, "g", {"gauge", "<f8", {}}).value();
  auto* slot = reinterpret_cast<std::uint64_t*>(detail::Blocks::memory(block));
  while (*slot == 0) slot += 2;
  const auto seen = [&] { return std::bit_cast<double>(slot[1]); };
  EXPECT_EQ(seen(), 2);
  ++*slot;  // the next holder of the seat
  g.set(5);
  g.add(5);
  EXPECT_EQ(seen(), 2);
  --*slot;
  g.add(5);
  EXPECT_EQ(seen(), 7);
}

// A slot of another file's seat, with the number that a seat of the copy would have next.
TEST_F(Types, in_a_copy_nobody_has_what_somebody_said_of_a_gauge) {
  for (int i = 0; i < 3; ++i) {
    Store other = open_store();
    Gauge::open(other, "in_flight").value().set(5);
    if (i == 2) backup(other, scratch_ / "copy.durra").value();
  }
  const Store copy = open(scratch_ / "copy.durra", small()).value();
  // Each time the second seat has its next number, among them that of the source; who has it says nothing of the gauge.
  for (int i = 0; i < 6; ++i) {
    Store silent = open(scratch_ / "copy.durra", small()).value();
    Store other = open(scratch_ / "copy.durra", small()).value();
    EXPECT_EQ(Gauge::open(other, "in_flight").value().value(), 0) << i;
  }
}

// ---- Cell -----------------------------------------------------------------------------------------------------------

struct Pose {
  std::int32_t x, y;
  friend bool operator==(const Pose&, const Pose&) = default;
};

TEST_F(Types, a_cell_holds_one_value) {
  auto cell = Cell<Pose>::open(s, "pose").value();
  EXPECT_EQ(cell.load().error().code, Code::not_found);
  cell.store({1, 2}).value();
  EXPECT_EQ(cell.load().value(), (Pose{1, 2}));
  EXPECT_EQ(cell.update([](Pose p) { return Pose{p.x + 1, p.y}; }).value(), (Pose{2, 2}));
  EXPECT_EQ(Cell<std::int64_t>::open(s, "pose").value().load().value(), 2 + (2ll << 32))
      << "same size: bytes are bytes";
  EXPECT_EQ(Cell<std::int32_t>::open(s, "pose").error().code, Code::mismatch);
}

TEST_F(Types, a_cell_waits_for_the_next_value) {
  auto cell = Cell<int>::open(s, "n").value();
  EXPECT_EQ(cell.wait(1ms).error().code, Code::timeout);
  std::thread later([&] {
    std::this_thread::sleep_for(5ms);
    Cell<int>::open(s, "n").value().store(7).value();
  });
  EXPECT_EQ(cell.wait(10s).value(), 7);
  EXPECT_EQ(cell.wait(1ms).error().code, Code::timeout) << "shown already";
  later.join();
}

TEST_F(Types, updates_of_a_cell_are_not_lost) {
  std::vector<std::thread> all;
  for (int t = 0; t < 4; ++t)
    all.emplace_back([&] {
      auto cell = Cell<int>::open(s, "n").value();
      for (int i = 0; i < 500; ++i) cell.update([](int n) { return n + 1; }).value();
    });
  for (auto& t : all) t.join();
  EXPECT_EQ(Cell<int>::open(s, "n").value().load().value(), 2'000);
}

// The stamp that change() saw when it looked again was taken for that of the value it was given.
TEST_F(Types, an_update_that_looks_again_loses_no_others) {
  auto mine = Cell<int>::open(s, "n").value();
  auto others = Cell<int>::open(s, "n").value();
  mine.store(1).value();
  int calls = 0;
  const auto add_10 = [&](int n) {
    if (calls++ == 0) {
      others.update([](int m) { return m + 100; }).value();
      EXPECT_EQ(mine.load().value(), 101);
    }
    return n + 10;
  };
  EXPECT_EQ(mine.update(add_10).value(), 111);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(others.load().value(), 111);

  drop(s, "n").value();
  calls = 0;
  EXPECT_EQ(mine.update([&](int n) {
                  if (calls++ == 0) others.store(100).value();
                  (void)mine.load();
                  return n + 10;
                })
                .value(),
            110)
      << "of one that was not there";
}

TEST_F(Types, a_cell_outlives_its_store) {
  std::optional<Cell<int>> cell;
  {
    Store other = open_store();
    cell = Cell<int>::open(other, "n").value();
  }
  cell->store(5).value();
  EXPECT_EQ(cell->load().value(), 5);
}

// ---- List -----------------------------------------------------------------------------------------------------------

TEST_F(Types, a_list_holds_mixed_values_of_any_length) {
  auto list = List::open(s, "l").value();
  const std::vector<Value> values{{},
                                  true,
                                  std::int64_t{-5},
                                  2.5,
                                  "text",
                                  std::string(100'000, 'x'),
                                  std::vector<std::byte>{std::byte{0}, std::byte{255}},
                                  std::string(),
                                  std::vector<std::byte>()};
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(list.push(values[i]).value(), i);
  EXPECT_EQ(list.all().value(), values);
  Store other = open_store();
  auto same = List::open(other, "l").value();
  EXPECT_EQ(same.size().value(), values.size());
  same.set(0, std::string("longer than before")).value();
  EXPECT_EQ(list.get(0).value(), Value("longer than before"));
  EXPECT_EQ(list.get(9).error().code, Code::invalid);
  EXPECT_EQ(list.set(9, true).error().detail, 9u);
}

// It held the old item while it put the new one, and so kept the room that this one needed.
TEST_F(Types, items_of_a_list_can_be_set_where_little_room_is_left) {
  for (const int items : {500, 550, 600, 650}) {
    Store little = open(scratch_ / std::to_string(items), test::small(1_MiB)).value();
    auto list = List::open(little, "l").value();
    for (int i = 0; i < items; ++i) list.push(noise(1'000, static_cast<std::uint64_t>(i))).value();
    for (int round = 0; round < 3; ++round)
      for (int i = 0; i < items; ++i)
        ASSERT_EQ(outcome(list.set(static_cast<std::size_t>(i), noise(1'000))), "ok") << items << ": " << i;
  }
}

TEST_F(Types, pushes_of_many_all_find_their_place) {
  std::vector<std::thread> all;
  for (int t = 0; t < 4; ++t)
    all.emplace_back([&, t] {
      auto list = List::open(s, "l").value();
      for (int i = 0; i < 100; ++i) list.push(std::int64_t{t * 1'000 + i}).value();
    });
  for (auto& t : all) t.join();
  auto list = List::open(s, "l").value().all().value();
  EXPECT_EQ(list.size(), 400u);
  std::ranges::sort(list);
  EXPECT_EQ(std::ranges::adjacent_find(list), list.end());
}

TEST_F(Types, what_is_no_list_is_a_mismatch) {
  s.put("l/length", "no number").value();
  EXPECT_EQ(List::open(s, "l").error().code, Code::mismatch);
}

TEST_F(Types, what_is_no_item_of_a_list_is_a_mismatch) {
  auto list = List::open(s, "l").value();
  list.push(true).value();
  for (const std::string_view foreign : {std::string_view(), std::string_view("\1"), std::string_view("\1yes"),
                                         std::string_view("\2short"), std::string_view("\6?")}) {
    s.put("l/0", foreign).value();
    EXPECT_EQ(list.get(0).error().code, Code::mismatch) << foreign;
    EXPECT_EQ(list.all().error().code, Code::mismatch) << foreign;
  }
  list.set(0, false).value();
  EXPECT_EQ(list.get(0).value(), Value(false));
}

TEST_F(Types, an_item_of_a_list_that_somebody_erased_can_be_set_and_one_that_has_rotted_cannot) {
  auto list = List::open(s, "l").value();
  for (int i = 0; i < 2; ++i) list.push(true).value();
  s.erase("l/0").value();
  EXPECT_EQ(list.get(0).error().code, Code::invalid);
  list.set(0, false).value();
  EXPECT_EQ(list.get(0).value(), Value(false));
  detail::Handle& h = *detail::handle_of(s);
  const auto item = detail::find(h, detail::view(h, Key("l/1"))).record;
  item.header->head_check ^= 1;
  EXPECT_EQ(list.set(1, false).error().code, Code::damaged);
  item.header->head_check ^= 1;
  EXPECT_EQ(list.get(1).value(), Value(true));
}

TEST_F(Types, who_only_reads_pushes_nothing) {
  List::open(s, "l").value().push(true).value();
  Options o = small();
  o.mode = Mode::read_only;
  Store reader = open(scratch_ / "s.durra", o).value();
  auto list = List::open(reader, "l").value();
  EXPECT_EQ(list.push(true).error().code, Code::read_only);
  EXPECT_EQ(list.set(0, false).error().code, Code::read_only);
  EXPECT_EQ(list.size().value(), 1u);
}

// ---- drop -----------------------------------------------------------------------------------------------------------

TEST_F(Types, drop_takes_whatever_has_the_name) {
  { auto a = Array<double>::open(s, "array", {10}).value(); }
  Counter::open(s, "counter").value().add();
  auto list = List::open(s, "list").value();
  for (int i = 0; i < 10; ++i) list.push(std::int64_t{i}).value();
  auto chunks = ChunkedArray<float>::open(s, "chunks", {10}, {5}).value();
  chunks.write({1}, std::vector<float>(5, 1)).value();
  Cell<int>::open(s, "cell").value().store(1).value();
  s.put("neighbour", "stays").value();
  for (const char* name : {"array", "counter", "list", "chunks", "cell"}) {
    EXPECT_TRUE(drop(s, name)) << name;
    EXPECT_EQ(drop(s, name).error().code, Code::not_found) << name;
  }
  int left = 0;
  for (const Record& r : s.records()) left += !r.key().empty();
  EXPECT_EQ(left, 1);
  EXPECT_EQ(Counter::open(s, "array").value().value(), 0) << "the name is free";
  EXPECT_EQ(List::open(s, "list").value().size().value(), 0u);
}

TEST_F(Types, a_list_of_more_than_one_batch_is_dropped) {
  Store large = open(scratch_ / "large.durra", test::small(64_MiB)).value();
  auto list = List::open(large, "l").value();
  constexpr int kItems = 66'000;
  Batch some;
  for (int i = 0; i < kItems; ++i) {
    some.put("l/" + std::to_string(i), "\1\1");
    if (i % 1'000 != 999) continue;
    large.put(some).value();
    some.clear();
  }
  large.put("l/length", bytes_of(std::uint64_t{kItems})).value();
  EXPECT_EQ(list.get(kItems - 1).value(), Value(true));
  drop(large, "l").value();
  EXPECT_EQ(List::open(large, "l").value().get(5).error().code, Code::invalid);
  int left = 0;
  for (const Record& r : large.records("l/")) left += r.key() != "l/length";
  EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace durra::test
