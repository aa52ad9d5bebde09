// A tail showed what one thread had appended in another order than that of the thread's calls.
//
// Stamps of one seat rise, and so did the keys of what it appends; but a thread is not always at one seat.  Two that
// began at the same time could take the same one for their own, so that each went to another whenever its neighbour was
// busy there; who holds a draft, or puts within put_with, is at a second seat meanwhile; a draft may be published by
// another thread; and where a file has fewer seats than threads they go wherever there is room.  Two puts in one tick
// of the clock then had the stamps that their two seats had come to.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <barrier>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::outcome;
using test::Scratch;
using test::small;

// What one thread does in a row: each stamp is above the last, and each appended key behind it.
struct InOrder {
  Store& store;
  std::string log;
  Stamp last{};
  int count = 0;

  void next(Stamp s) {
    EXPECT_GT(s, last) << "call " << count;
    last = s;
  }
  void put() {
    const std::string key = log + "-" + std::to_string(count++ % 8);
    once_there_is_a_seat([&] { return store.put(key, "x"); });
  }
  void append() {
    const std::string number = std::to_string(count++);
    once_there_is_a_seat([&] { return store.append(log, number); });
  }
  template <class Call>
  void once_there_is_a_seat(Call call) {
    auto done = call();
    while (outcome(done) == "full") done = call();
    next(done.value());
  }
};

void expect_keys_in_order(Store& store, const std::string& log) {
  std::map<std::string, int> by_key;
  for (const Record& r : store.records(log + "/")) by_key[std::string(r.key())] = std::stoi(r.str());
  int last = -1;
  for (const auto& [key, number] : by_key) {
    EXPECT_GT(number, last) << key;
    last = number;
  }
}

void all_at_once(Store& store, int count, int calls) {
  std::barrier start(count);
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      InOrder mine{store, "t" + std::to_string(t)};
      start.arrive_and_wait();
      for (int i = 0; i < calls; ++i) {
        mine.append();
        mine.put();
      }
    });
  for (auto& t : threads) t.join();
  for (int t = 0; t < count; ++t) expect_keys_in_order(store, "t" + std::to_string(t));
}

TEST(OrderOfAThreads, that_begin_at_once) {
  const Scratch scratch;
  for (int round = 0; round < 40; ++round) {
    Store store = open(scratch / std::to_string(round), small()).value();
    all_at_once(store, 6, 40);
  }
}

TEST(OrderOfAThreads, that_are_more_than_seats) {
  const Scratch scratch;
  Store store = open(scratch / "s.durra", small(64_MiB, 3)).value();
  all_at_once(store, 8, 500);
}

TEST(OrderOfAThread, that_holds_a_draft) {
  const Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
  InOrder mine{store, "log"};
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < round % 3 + 1; ++i) mine.append();
    Draft draft = store.draft("d", 8).value();
    for (int i = 0; i < round % 5 + 1; ++i) mine.append();
    mine.put();
    mine.next(std::move(draft).publish().value());
    mine.append();
  }
  expect_keys_in_order(store, "log");
}

TEST(OrderOfAThread, that_puts_within_a_put) {
  const Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
  InOrder mine{store, "log"};
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < round % 4; ++i) mine.append();
    const auto fill = [&](std::span<std::byte>) { mine.append(); };
    mine.next(store.put_with("outer", 8, fill).value());
    mine.append();
  }
  expect_keys_in_order(store, "log");
}

TEST(OrderOfAThreads, one_of_which_publishes_what_another_drafted) {
  const Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
  std::optional<Draft> draft = store.draft("d", 8).value();
  std::thread([&] {
    InOrder mine{store, "log"};
    for (int i = 0; i < 5; ++i) mine.put();
    mine.next((*std::move(draft)).publish().value());
    for (int i = 0; i < 5; ++i) mine.put();
  }).join();
}

// A forked child that lets go of its parent's draft leaves the parent's clock alone: it has no mapping.
TEST(OrderOfAThread, whose_child_drops_the_draft) {
  const Scratch scratch;
  Store store = open(scratch / "s.durra", small()).value();
  std::optional<Draft> first = store.draft("a", 8).value();
  std::optional<Draft> second = store.draft("b", 8).value();
  const pid_t child = ::fork();
  if (child == 0) {
    second.reset();
    first.reset();
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Each store counts by itself, however many of them a thread goes back and forth between.
TEST(OrderOfAThread, at_many_stores) {
  const Scratch scratch;
  std::vector<Store> stores;
  std::vector<InOrder> mine;
  for (int s = 0; s < 7; ++s) stores.push_back(open(scratch / std::to_string(s), small()).value());
  for (Store& s : stores) mine.push_back({s, "log"});
  for (int i = 0; i < 300; ++i) mine[static_cast<std::size_t>(i * i % 7)].append();
  for (Store& s : stores) expect_keys_in_order(s, "log");
}

}  // namespace
}  // namespace durra
