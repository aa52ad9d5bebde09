// On overlayfs a seat is held by a descriptor, and goes with it: others take the seat for a dead one's.  Whoever had it
// is told at its next call, and changes nothing that is others' now, also when it is closed.
#include <durra/care.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <set>

#include "store/handle.h"
#include "store/index.h"
#include "tests/support/scratch.h"
#include "tests/support/shared_page.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

std::set<int> descriptors() {
  std::set<int> all;
  for (int fd = 3; fd < 1'024; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) all.insert(fd);
  return all;
}
std::set<int> newer_than(const std::set<int>& before) {
  std::set<int> all = descriptors();
  std::erase_if(all, [&](int fd) { return before.contains(fd); });
  return all;
}

// `holds`: its successor has a Record meanwhile.
void lose_a_seat(const std::string& folder, bool holds) {
  const std::string path = folder + "/s.durra";
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
    std::optional<Record> mine = store.get("k").value();
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
      for (std::size_t i = 0; i < 4; ++i)
        EXPECT_EQ(format::pin_count(seat.pins[i]), i == 0 && holds ? 1u : 0u)
            << "somebody gave back what is not its own";
      EXPECT_EQ(outcome(theirs.put("k", "theirs again")), "ok");
      EXPECT_EQ(held ? held->str() : "theirs", "theirs");
      return 0;
    });
    wait_for(1);
    EXPECT_EQ(outcome(store.put("k", "mine again")), "evicted");
    EXPECT_EQ(outcome(store.erase("k")), "evicted");
    EXPECT_EQ(outcome(tail.save()), "evicted");
    EXPECT_EQ(shown(store.get("k")), "<evicted>");
    EXPECT_EQ(mine->str(), "mine");
    mine.reset();
  }
  turn = 2;
  EXPECT_EQ(other->wait(), 0) << "its seat and its region";
  EXPECT_EQ(shown(open(path, small()).value().get("k")), "theirs again");
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST(LostSeat, is_told_to_who_had_it_and_nothing_is_changed_from_it) {
  for (const bool holds : {false, true}) {
    SCOPED_TRACE(holds);
    on_overlayfs([&](const std::string& folder) { lose_a_seat(folder, holds); });
  }
}

void publish_when_the_seat_is_lost(const std::string& folder) {
  const std::string path = folder + "/s.durra";
  {
    Store store = open(path, small()).value();
    store.put("k", "mine").value();
    Draft small_one = store.draft("small", 10).value();
    std::optional<Draft> run = store.draft("run", 200'000).value();
    ::closefrom(3);
    Store theirs = open(path, small()).value();
    theirs.put("k", "theirs").value();
    EXPECT_EQ(outcome((*std::move(run)).publish()), "evicted");
    EXPECT_EQ(outcome(std::move(small_one).publish()), "evicted");
    EXPECT_EQ(shown(theirs.get("small")), "<not_found>");
  }
  EXPECT_EQ(shown(open(path, small()).value().get("k")), "theirs");
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST(LostSeat, a_draft_is_not_published_from_it) { on_overlayfs(publish_when_the_seat_is_lost); }

// A process that closes one descriptor too many, as by closing another twice, loses the seat that it held.
void lose_one_of_two(const std::string& folder) {
  const std::string path = folder + "/s.durra";
  std::optional<Store> store = open(path, small()).value();
  store->put("k", "mine").value();
  std::optional<Draft> at_home = store->draft("home", 10).value();
  const auto before = descriptors();
  std::optional<Draft> elsewhere = store->draft("elsewhere", 10).value();
  for (const int fd : newer_than(before)) ::close(fd);
  Store theirs = open(path, small()).value();  // reaps it
  theirs.put("k", "theirs").value();           // in the region that it had
  EXPECT_EQ(outcome((*std::move(elsewhere)).publish()), "evicted");
  elsewhere.reset();
  EXPECT_EQ(outcome(store->put("k", "mine again")), "evicted") << "the seat at home has a draft";
  EXPECT_EQ(outcome((*std::move(at_home)).publish()), "ok");
  at_home.reset();
  EXPECT_EQ(outcome(store->put("home", "mine")), "ok");
  store.reset();
  detail::Handle& h = *detail::handle_of(theirs);
  const std::uint64_t at = detail::find(h, detail::view(h, Key("k"))).record.at;
  const auto region = format::unpack(h.space.descriptor(h.space.home_of(at)).state);
  EXPECT_EQ(region.state, format::RegionState::open) << "others may have it while its owner writes there";
  Store third = open(path, small()).value();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(outcome(third.put(i, "third")), "ok");
    EXPECT_EQ(outcome(theirs.put(100 + i, "theirs")), "ok");
  }
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(shown(third.get(i)), "third") << "another writes where it does";
    EXPECT_EQ(shown(third.get(100 + i)), "theirs") << "another writes where it does";
  }
  EXPECT_EQ(shown(third.get("k")), "theirs");
  EXPECT_EQ(shown(third.get("home")), "mine");
  EXPECT_TRUE(verify(path).value().damage.empty());
}

TEST(LostSeat, is_the_only_one_that_went_and_its_successor_keeps_its_region) { on_overlayfs(lose_one_of_two); }

// Its store is gone, a Record keeps the rest; when that goes too, only what is still its own is left in order.
void outlive_a_seat(const std::string& folder) {
  const std::string path = folder + "/s.durra";
  std::optional<Store> store = open(path, small()).value();
  store->put("k", "mine").value();
  std::optional<Record> last = store->get("k").value();
  const auto before = descriptors();
  {
    const Draft at_home = store->draft("home", 10).value();
    store->draft("elsewhere", 10).value();
  }
  const auto lost = newer_than(before);
  EXPECT_EQ(lost.size(), 1u);
  store.reset();
  for (const int fd : lost) ::close(fd);
  const Store theirs = open(path, small()).value();
  const Record held = theirs.get("k").value();
  last.reset();
  const detail::Space& space = detail::handle_of(theirs)->space;
  const format::Seat& seat = space.seat(1);
  EXPECT_EQ(format::seat_state(seat.state), format::SeatState::live);
  EXPECT_EQ(format::pin_count(seat.pins[0]), 1u);
  EXPECT_EQ(space.control().clean, format::kDirty) << "it took its successor for itself";
  EXPECT_EQ(stats(theirs).value().seats_taken, 1u) << "the one that it had still is left";
}

TEST(LostSeat, stays_its_successors_when_the_last_record_goes) { on_overlayfs(outlive_a_seat); }

}  // namespace
}  // namespace durra::test
