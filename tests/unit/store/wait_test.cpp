// wait: at once what is there, else asleep until it comes; never longer than asked, never a system call for nobody.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <string>
#include <thread>

#include "store/index.h"
#include "store/wait.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;
using test::Faults;
using test::outcome;
using test::shown;
using test::small;
using Clock = std::chrono::steady_clock;

constexpr Duration kForever = Duration::max();

struct Wait : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small()).value();

  // Runs `change` once somebody waits for "k", or for a tail.
  std::thread when_somebody_waits(std::function<void()> change, Key key = "k") {
    const detail::Handle& h = *detail::handle_of(store);
    std::uint32_t& word = h.space.control().futex[detail::word_of(detail::view(h, key).tag)];
    return std::thread([&word, change = std::move(change)] {
      while (shared::futex_load(word) % 2 == 0) std::this_thread::yield();
      std::this_thread::sleep_for(2ms);  // most likely asleep by now
      change();
    });
  }
};

TEST_F(Wait, a_newer_version_is_answered_at_once) {
  const Stamp first = store.put("k", "1").value();
  EXPECT_EQ(shown(store.wait("k", absent, 0s)), "1");
  EXPECT_EQ(shown(store.wait("k", first, 0s)), "<timeout>");
  store.put("k", "2").value();
  EXPECT_EQ(shown(store.wait("k", first, kForever)), "2");
  EXPECT_EQ(shown(store.wait("k", first, -1h)), "2");
}

TEST_F(Wait, an_integer_key_too) {
  const Stamp first = store.put(7, "1").value();
  auto later = when_somebody_waits([&] { store.put(7, "2").value(); }, 7);
  EXPECT_EQ(shown(store.wait(7, first, kForever)), "2");
  later.join();
}

TEST_F(Wait, patience_ends) {
  const Stamp seen = store.put("k", "1").value();
  EXPECT_EQ(shown(store.wait("k", seen, -5s)), "<timeout>");
  const auto begin = Clock::now();
  EXPECT_EQ(shown(store.wait("k", seen, 30ms)), "<timeout>");
  EXPECT_GE(Clock::now() - begin, 30ms);
  const auto longer = Clock::now();
  EXPECT_EQ(shown(store.wait("k", seen, 300ms)), "<timeout>");  // more than a slice
  EXPECT_GE(Clock::now() - longer, 300ms);
}

TEST_F(Wait, absent_waits_for_the_first_put) {
  EXPECT_EQ(shown(store.wait("k", absent, 1ms)), "<timeout>");
  auto later = when_somebody_waits([&] { store.put("k", "1").value(); });
  EXPECT_EQ(shown(store.wait("k", absent, kForever)), "1");
  later.join();
  store.erase("k").value();
  auto again = when_somebody_waits([&] { store.put("k", "2").value(); });
  EXPECT_EQ(shown(store.wait("k", absent, kForever)), "2");
  again.join();
}

TEST_F(Wait, an_erased_key_is_not_found_at_once) {
  const Stamp seen = store.put("k", "1").value();
  auto later = when_somebody_waits([&] { store.erase("k").value(); });
  EXPECT_EQ(shown(store.wait("k", seen, kForever)), "<not_found>");
  later.join();
  EXPECT_EQ(shown(store.wait("k", seen, kForever)), "<not_found>");
  EXPECT_EQ(shown(store.wait("never", seen, kForever)), "<not_found>");
}

TEST_F(Wait, a_version_that_was_lost_is_waited_beyond) {
  const Stamp now = store.put("k", "1").value();
  const auto lost = static_cast<Stamp>(static_cast<std::uint64_t>(now) + 1);  // seen before a power cut
  EXPECT_EQ(shown(store.wait("k", lost, 1ms)), "<timeout>");
  store.put("k", "2").value();
  store.put("k", "3").value();
  EXPECT_EQ(shown(store.wait("k", lost, 0s)), "3");
}

TEST_F(Wait, other_keys_do_not_end_it) {
  const Stamp seen = store.put("k", "1").value();
  std::atomic<bool> over{false};
  std::thread busy([&] {
    for (int i = 0; !over; ++i) store.put(i % 100, "other").value();
  });
  EXPECT_EQ(shown(store.wait("k", seen, 50ms)), "<timeout>");
  over = true;
  busy.join();
}

TEST_F(Wait, bad_keys_are_refused) {
  EXPECT_EQ(shown(store.wait("", absent, kForever)), "<invalid>");
  EXPECT_EQ(shown(store.wait(std::string(2000, 'k'), absent, kForever)), "<too_large>");
}

TEST_F(Wait, a_forked_child_is_told_so) {
  EXPECT_EQ(test::run_child([&] {
              EXPECT_EQ(shown(store.wait("k", absent, kForever)), "<forked>");
              return 0;
            }),
            0);
}

TEST_F(Wait, a_read_only_handle_looks_again_and_again) {
  const Store reader = open(path, small(Mode::read_only)).value();
  EXPECT_EQ(shown(reader.wait("k", absent, 0s)), "<timeout>");
  std::thread later([&] {
    std::this_thread::sleep_for(20ms);
    store.put("k", "1").value();
  });
  EXPECT_EQ(shown(reader.wait("k", absent, kForever)), "1");
  later.join();
  for (std::uint32_t& w : detail::handle_of(store)->space.control().futex) EXPECT_EQ(shared::futex_load(w), 0u);
}

TEST_F(Wait, a_put_makes_no_system_call_unless_somebody_waits) {
  store.put("k", "warm").value();
  Faults calls;
  for (int i = 0; i < 100; ++i) store.put("k", std::to_string(i)).value();
  EXPECT_EQ(calls.count(), 0u);
  const Stamp seen = store.get("k").value().stamp();
  EXPECT_EQ(shown(store.wait("k", seen, 0s)), "<timeout>");  // a look says nothing to anybody
  store.put("k", "looked for").value();
  EXPECT_EQ(calls.count(), 0u);
  EXPECT_EQ(shown(store.wait("k", store.get("k").value().stamp(), 1ms)), "<timeout>");
  const auto before = calls.count();
  store.put("k", "who waited is gone").value();  // one call for nobody, then none again
  EXPECT_EQ(calls.count(), before + 1);
  store.put("k", "again").value();
  EXPECT_EQ(calls.count(), before + 1);
}

TEST_F(Wait, a_waiter_holds_nothing) {
  const Stamp seen = store.put("k", "1").value();
  std::uint64_t pins = 1;
  auto later = when_somebody_waits([&] {
    std::this_thread::sleep_for(20ms);
    pins = 0;
    const auto who = participants(store).value();
    for (const SeatInfo& s : who) pins += s.pins;
    store.put("k", "2").value();
  });
  EXPECT_EQ(shown(store.wait("k", seen, kForever)), "2");
  later.join();
  EXPECT_EQ(pins, 0u);
}

TEST_F(Wait, a_wake_up_that_never_came_costs_a_slice) {
  const Stamp seen = store.put("k", "1").value();
  auto later = when_somebody_waits([&] {
    Faults faults;  // as if the writer had been killed before it woke anybody
    faults.fail(os::Call::futex, EINTR, 1, true);
    store.put("k", "2").value();
  });
  const auto begin = Clock::now();
  EXPECT_EQ(shown(store.wait("k", seen, kForever)), "2");
  EXPECT_LT(Clock::now() - begin, 2s);
  later.join();
}

TEST_F(Wait, a_deadline_may_lie_beyond_time) {
  EXPECT_EQ(detail::Deadline(kForever).left(250ms), Duration(250ms));
  EXPECT_EQ(detail::Deadline(Duration::min()).left(250ms), 0s);
  EXPECT_LE(detail::Deadline(10ms).left(250ms), Duration(10ms));
}

// An odd word says that somebody may sleep on it; whoever wakes leaves an even one.
TEST_F(Wait, a_put_and_a_batch_wake_those_who_wait_for_their_keys_and_the_tails) {
  auto& h = *detail::handle_of(store);
  const auto& words = h.space.control().futex;
  const std::uint64_t mine = detail::word_of(detail::view(h, "k").tag);
  const std::function<void()> acts[] = {[&] { store.put("k", "v").value(); }, [&] { store.erase("k").value(); },
                                        [&] { store.put(Batch().put("k", "v")).value(); }};
  for (const auto& act : acts) {
    detail::Sleeper key(h, mine, 1s), tail(h, detail::kTailWord, 1s);
    ASSERT_TRUE(key.announce() && tail.announce());
    ASSERT_TRUE(words[mine] % 2 != 0 && words[detail::kTailWord] % 2 != 0);
    act();
    EXPECT_TRUE(words[mine] % 2 == 0 && words[detail::kTailWord] % 2 == 0);
  }
}

}  // namespace
}  // namespace durra
