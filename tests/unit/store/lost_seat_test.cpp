// On overlayfs a seat is held by a descriptor, and goes with it: others take the seat for a dead one's.  Whoever had it
// is told at its next call, and changes nothing that is others' now, also when it is closed.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <optional>

#include "store/handle.h"
#include "tests/support/scratch.h"
#include "tests/support/shared_page.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

// `holds`: its successor has a Record meanwhile.
int lose_a_seat(const Scratch& scratch, bool holds) {
  for (const char* d : {"lower", "upper", "work", "all"}) std::filesystem::create_directory(scratch / d);
  const std::string how =
      "lowerdir=" + (scratch / "lower") + ",upperdir=" + (scratch / "upper") + ",workdir=" + (scratch / "work");
  if (::mount("overlay", (scratch / "all").c_str(), "overlay", 0, how.c_str()) != 0 &&
      ::mount("overlay", (scratch / "all").c_str(), "overlay", 0, (how + ",userxattr").c_str()) != 0)
    return kNoMounts;
  const std::string path = scratch / "all/s.durra";
  const SharedPage page;
  auto& turn = page.as<std::atomic<int>>();
  const auto wait_for = [&](int now) {
    for (int i = 0; turn != now && i < 10'000; ++i) ::usleep(1'000);
    EXPECT_EQ(turn, now);
  };
  std::optional<Child> other;
  {
    Store store = open(path, small()).value();
    store.put("k", "mine").value();
    Tail tail = Tail::open(store, "t").value();
    ::closefrom(3);
    other.emplace([&] {
      Store theirs = open(path, small()).value();  // reaps
      const auto taken = Tail::open(theirs, "t");
      EXPECT_TRUE(taken);
      EXPECT_EQ(outcome(theirs.put("k", "theirs")), "ok");
      std::optional<Record> held;
      if (holds) held = theirs.get("k").value();
      turn = 1;
      wait_for(2);
      EXPECT_EQ(stats(theirs).value().seats_taken, 1u);
      const format::Seat& seat = detail::handle_of(theirs)->space.seat(0);
      EXPECT_EQ(seat.pins[0] & format::kPinClosing, 0u) << "whoever gives it back would close the store";
      EXPECT_EQ(outcome(theirs.put("k", "theirs again")), "ok");
      EXPECT_EQ(held ? held->str() : "theirs", "theirs");
      return 0;
    });
    wait_for(1);
    EXPECT_EQ(outcome(store.put("k", "mine again")), "evicted");
    EXPECT_EQ(outcome(store.erase("k")), "evicted");
    EXPECT_EQ(outcome(tail.save()), "busy");
    EXPECT_EQ(shown(store.get("k")), "theirs");
  }
  turn = 2;
  EXPECT_EQ(other->wait(), 0) << "its seat and its region";
  EXPECT_EQ(shown(open(path, small()).value().get("k")), "theirs again");
  EXPECT_TRUE(verify(path).value().damage.empty());
  return 0;
}

TEST(LostSeat, is_told_to_who_had_it_and_nothing_is_changed_from_it) {
  for (const bool holds : {false, true}) {
    const Scratch scratch;
    const int status = run_with_own_mounts([&] { return lose_a_seat(scratch, holds); });
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoMounts)
      GTEST_SKIP() << "this machine lets nobody mount overlayfs";
    EXPECT_EQ(status, 0) << holds;
  }
}

}  // namespace
}  // namespace durra::test
