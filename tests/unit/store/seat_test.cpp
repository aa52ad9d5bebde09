// Seats: threads come and go, there are fewer seats than threads, the dead are succeeded.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cerrno>
#include <cstdlib>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "store/os.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::outcome;
using test::shown;
using test::small;

struct Seats : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small(8_MiB, 4)).value();
};

TEST_F(Seats, a_handle_has_one_seat_until_a_second_thread_comes) {
  EXPECT_EQ(stats(store).value().seats_taken, 1u);
  for (int i = 0; i < 10; ++i) store.put(i, "x").value();
  EXPECT_EQ(stats(store).value().seats_taken, 1u);
  EXPECT_EQ(stats(store).value().seat_count, 4u);
  std::thread([&] { EXPECT_EQ(outcome(store.put("k", "v")), "ok"); }).join();
  EXPECT_EQ(stats(store).value().seats_taken, 2u);
}

// Nobody may sit where a store to the seat's page could find no space on the disk.
TEST_F(Seats, a_seat_whose_page_finds_no_space_is_not_taken) {
  store.put("k", "v").value();
  const auto draft = store.draft("d", 10).value();  // it has the thread's seat
  {
    test::Faults faults;
    faults.fail(os::Call::allocate, ENOSPC);
    EXPECT_EQ(outcome(store.put("k", "w")), "full");
    EXPECT_EQ(stats(store).value().seats_taken, 1u);
  }
  EXPECT_EQ(shown(store.get("k")), "v");
  EXPECT_EQ(outcome(store.put("k", "w")), "ok");
  EXPECT_EQ(stats(store).value().seats_taken, 2u);
}

// Between the look at a seat that is FREE and the lock of its byte somebody else takes it, and dies on it.
TEST_F(Seats, who_finds_a_dead_one_on_the_seat_it_wanted_does_not_sit_down) {
  struct Between final : os::Faults {
    explicit Between(const std::string& p) : path(p) { os::set_faults(this); }
    ~Between() override { os::set_faults(nullptr); }
    int before(os::Call c) override {
      if (c != os::Call::lock || done) return 0;
      done = true;
      test::run_child([&] {
        Store theirs = open(path, small()).value();
        theirs.put("theirs", "v").value();
        std::_Exit(0);
        return 0;
      });
      return 0;
    }
    const std::string path;
    bool done = false;
  };
  store.put("k", "v").value();
  {
    Between hook(path);
    std::thread([&] { EXPECT_EQ(outcome(store.put("mine", "v")), "ok"); }).join();
    EXPECT_TRUE(hook.done);
  }
  { const Store reaps = open(path, small(8_MiB, 4)).value(); }
  std::set<std::uint64_t> owners;
  for (const RegionInfo& r : regions(store).value()) {
    if (r.type != "data" || r.state != "open") continue;
    EXPECT_TRUE(owners.insert(r.owner_seat).second) << "seat " << r.owner_seat << " has two regions";
  }
  EXPECT_EQ(shown(store.get("theirs")), "v");
}

TEST_F(Seats, the_seat_of_an_ended_thread_is_used_again) {
  for (int i = 0; i < 100; ++i) std::thread([&] { EXPECT_EQ(outcome(store.put(i, "x")), "ok"); }).join();
  EXPECT_EQ(stats(store).value().seats_taken, 2u);
  EXPECT_EQ(stats(store).value().live_records, 100u);
}

TEST_F(Seats, more_threads_than_seats_read_by_sharing_and_write_one_after_another) {
  store.put("k", "v").value();
  constexpr int kThreads = 12;
  std::barrier all(kThreads);
  std::atomic<int> written{0}, refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        EXPECT_EQ(shown(store.get("k")), "v");
        all.arrive_and_wait();  // all are at home by now
        const auto done = store.put(i, std::to_string(round));
        ++(done ? written : refused);
        EXPECT_TRUE(done || done.error().code == Code::full);
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(written + refused, kThreads * 50);
  EXPECT_GT(written, 0);
  EXPECT_LE(stats(store).value().seats_taken, 4u);
  EXPECT_EQ(outcome(store.put("after", "x")), "ok");
}

TEST_F(Seats, more_drafts_than_seats_are_refused_by_name) {
  std::vector<Draft> held;
  for (int i = 0; i < 4; ++i) held.push_back(store.draft(i, 1).value());
  const auto more = store.put("k", "v");
  ASSERT_EQ(outcome(more), "full");
  EXPECT_STREQ(more.error().what, "every participant seat is taken");
  EXPECT_EQ(more.error().detail, 4u);
  EXPECT_EQ(outcome(store.erase("k")), "full");
  EXPECT_EQ(shown(store.get("k")), "<not_found>");
  std::thread([&] {
    EXPECT_EQ(shown(store.get("k")), "<not_found>");
    EXPECT_EQ(outcome(store.put("k", "v")), "full");
  }).join();
  EXPECT_EQ(outcome(open(path, small(8_MiB, 4))), "full");  // another handle finds no seat of its own
  held.clear();
  EXPECT_EQ(outcome(store.put("k", "v")), "ok");
}

TEST_F(Seats, every_handle_takes_a_seat_and_gives_it_back) {
  for (int round = 0; round < 20; ++round) {
    std::vector<Store> handles;
    for (int i = 0; i < 3; ++i) handles.push_back(open(path, small()).value());
    EXPECT_EQ(outcome(open(path, small())), "full");
    EXPECT_EQ(stats(store).value().seats_taken, 4u);
  }
  EXPECT_EQ(stats(store).value().seats_taken, 1u);
}

TEST_F(Seats, dead_seats_are_reaped_by_the_next_opener) {
  test::run_child([&] {
    auto mine = open(path, small()).value();
    for (int i = 0; i < 50; ++i) mine.put(i, "of the dead").value();
    std::_Exit(0);
    return 1;
  });
  EXPECT_EQ(stats(store).value().seats_dead, 1u);
  const auto other = open(path, small()).value();
  EXPECT_EQ(stats(store).value().seats_dead, 0u);
  EXPECT_EQ(stats(store).value().seats_taken, 2u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(shown(store.get(i)), "of the dead");
}

TEST_F(Seats, dead_seats_are_reaped_when_no_other_is_left) {
  for (int i = 0; i < 10; ++i) {
    const int status = test::run_child([&] {
      std::vector<Store> handles;
      for (int k = 0; k < 3; ++k) {
        auto mine = open(path, small());
        if (!mine) return 2;
        handles.push_back(*std::move(mine));
      }
      handles[2].put(i, "of the dead").value();
      std::_Exit(0);
    });
    ASSERT_EQ(status, 0);
  }
  for (int i = 0; i < 10; ++i) EXPECT_EQ(shown(store.get(i)), "of the dead");
  std::vector<Draft> drafts;  // in one living handle, too
  for (int i = 0; i < 4; ++i) drafts.push_back(store.draft(i, 1).value());
}

TEST_F(Seats, participants_tell_who_is_there_and_what_they_did) {
  for (int i = 0; i < 3; ++i) store.put(i, "12345").value();
  store.get(1).value();
  store.erase(2).value();
  EXPECT_EQ(outcome(store.put_if(1, "x", absent)), "conflict");
  const auto seats = participants(store).value();
  ASSERT_EQ(seats.size(), 1u);
  EXPECT_EQ(seats[0].pid, static_cast<std::uint32_t>(::getpid()));
  EXPECT_TRUE(seats[0].alive);
  EXPECT_EQ(seats[0].puts, 3u);
  EXPECT_EQ(seats[0].bytes, 15u);
  EXPECT_EQ(seats[0].gets, 1u);
  EXPECT_EQ(seats[0].erases, 1u);
  EXPECT_EQ(seats[0].conflicts, 1u);
  EXPECT_EQ(seats[0].open_regions.size(), 1u);
  EXPECT_FALSE(seats[0].command.empty());
}

}  // namespace
}  // namespace durra
