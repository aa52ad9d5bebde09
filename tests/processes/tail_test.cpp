// Tails beside writers: threads and processes that are killed at random.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;
using test::Child;
using test::Scratch;
using test::small;

// Writers put rising versions of shared keys, erase some, append events; what a tail shows of a key rises, each version
// comes once, each event too, and at the end every key as it is.
// With a compactor at work everything moves meanwhile.
void follow(bool compacting) {
  const Scratch scratch;
  Store store = open(scratch / "s.durra", small(512_MiB)).value();
  std::atomic<int> writing{3};
  std::thread compactor([&] {
    while (compacting && writing != 0) compact(store).value();
  });
  std::vector<std::thread> writers;
  const int rounds = 10'000;
  for (int w = 0; w < 3; ++w)
    writers.emplace_back([&, w] {
      for (int i = 0; i < rounds; ++i) {
        store.put("k" + std::to_string((i * 7 + w) % 50), std::to_string(i)).value();
        if (i % 16 == 0) (void)store.erase("k" + std::to_string(i % 50));
        if (i % 8 == 0) store.append("log", std::to_string(w) + ":" + std::to_string(i)).value();
      }
      --writing;
    });
  Tail tail = Tail::open(store, "t").value();
  std::map<std::string, Stamp> last;
  std::map<std::string, std::string> seen;
  std::set<std::string> events;
  std::map<char, int> newest_event;
  for (bool over = false;;) {
    auto r = tail.next(over ? 0s : 5ms);
    if (!r) {
      ASSERT_EQ(r.error().code, Code::timeout) << r.error().message();
      if (over) break;
      over = writing == 0;  // what was put before this is there at the next look
      continue;
    }
    const std::string key(r->key());
    ASSERT_GT(r->stamp(), last[key]) << key;
    last[key] = r->stamp();
    seen[key] = r->erased() ? "" : r->str();
    if (!key.starts_with("log/")) continue;
    ASSERT_TRUE(events.insert(r->str()).second) << r->str();
    const int number = std::stoi(r->str().substr(2));
    ASSERT_GE(number, newest_event[r->str()[0]]) << "events of one writer come in its order";
    newest_event[r->str()[0]] = number;
  }
  for (auto& w : writers) w.join();
  compactor.join();
  EXPECT_EQ(events.size(), 3u * rounds / 8);
  for (const auto& [key, text] : seen) {
    const auto now = store.get(key);
    EXPECT_EQ(now ? now->str() : "", text) << key;
  }
  for (const Record& r : store.records()) EXPECT_TRUE(seen.contains(std::string(r.key()))) << r.key();
}

TEST(TailThreads, in_order_each_once_and_the_last_of_all) { follow(false); }
TEST(TailThreads, in_order_each_once_and_the_last_of_all_while_everything_moves) { follow(true); }

// A wake-up that was lost would end with the slice, a quarter of a second later.
TEST(TailThreads, no_wake_up_is_lost) {
  const Scratch scratch;
  Store store = open(scratch / "s.durra", small(64_MiB)).value();
  const int rounds = 3'000;
  std::thread partner([&] {
    Tail tail = Tail::from_now(store, "ping/").value();
    store.put("ready", "").value();
    for (int i = 0; i < rounds; ++i) {
      auto r = tail.next(60s);
      ASSERT_TRUE(r && r->text() == std::to_string(i)) << i << ": " << test::shown(r);
      store.append("pong", std::to_string(i)).value();
    }
  });
  Tail tail = Tail::from_now(store, "pong/").value();
  (void)store.wait("ready", absent, 60s).value();
  int slices = 0;
  for (int i = 0; i < rounds; ++i) {
    store.append("ping", std::to_string(i)).value();
    const auto begin = std::chrono::steady_clock::now();
    auto r = tail.next(60s);
    slices += std::chrono::steady_clock::now() - begin > 200ms;
    if (!r || r->text() != std::to_string(i)) {
      ADD_FAILURE() << i << ": " << test::shown(r);
      break;
    }
  }
  partner.join();
  EXPECT_EQ(slices, 0);
}

// Producers and consumers are killed at random; what was shown and saved is not shown again, and nothing is left out:
// the consumer saves behind each record it has noted, so at most the one in its hands comes twice.
TEST(Tail, killed_and_taken_up_again_misses_nothing) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small(512_MiB)).value();
  const auto produce = [&] {
    Store mine = open(path).value();
    for (;;) mine.append("log", "event").value();
    return 0;
  };
  const auto consume = [&] {
    Store mine = open(path).value();
    Tail tail = Tail::open(mine, "t", "log/").value();
    for (;;) {
      auto r = tail.next(1h);
      if (!r) return 1;
      const std::string noted = "noted/" + std::string(r->key());
      const auto before = mine.get(noted);
      mine.put(noted, std::to_string(1 + (before ? std::stoi(before->str()) : 0))).value();
      tail.save().value();
    }
  };
  for (int kill = 0; kill < 60; ++kill) {
    Child producer(produce), consumer(consume);
    std::this_thread::sleep_for(std::chrono::milliseconds(3 + kill % 7));
    (kill % 2 == 0 ? producer : consumer).kill();
    std::this_thread::sleep_for(2ms);
  }
  {
    Tail rest = Tail::open(store, "t", "log/").value();
    for (auto r = rest.next(0s); r; r = rest.next(0s)) store.put("noted/" + std::string(r->key()), "1").value();
  }
  std::size_t events = 0, twice = 0;
  for (const Record& r : store.records("log/")) {
    const auto noted = store.get("noted/" + std::string(r.key()));
    ASSERT_TRUE(noted) << r.key();
    twice += noted->text() != "1";
    ++events;
  }
  EXPECT_GT(events, 60u);
  EXPECT_LE(twice, 60u);
  EXPECT_TRUE(verify(path).value().damage.empty());
}

// Exactly once: what a consumer counts and its position are one batch.  Producer and consumer are killed 100 times
// each, anywhere; a rival waits for the name all the time.
TEST(Tail, an_event_is_counted_once_whoever_is_killed) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small(1_GiB)).value();
  const auto produce = [&] {
    Store mine = open(path).value();
    for (;;) mine.append("log", "event").value();
    return 0;
  };
  const auto count = [](Store& s, Tail& tail, Duration patience) {
    auto r = tail.next(patience);
    if (!r) return false;
    const std::string counted = "counted/" + std::string(r->key());
    const auto before = s.get(counted);
    const auto total = s.get("total");
    Batch batch;
    batch.put(counted, std::to_string(1 + (before ? std::stoi(before->str()) : 0)));
    batch.put("total", std::to_string(1 + (total ? std::stoi(total->str()) : 0)));
    tail.save(batch);
    s.put(batch).value();
    return true;
  };
  const auto consume = [&] {
    Store mine = open(path).value();
    for (;;) {
      auto tail = Tail::open(mine, "t", "log/");
      while (tail && count(mine, *tail, 1h)) {
      }
    }
    return 0;
  };
  constexpr int kKills = 100;
  std::optional<Child> rival(consume);
  for (int kill = 0; kill < kKills; ++kill) {
    Child producer(produce), consumer(consume);
    std::this_thread::sleep_for(std::chrono::milliseconds(2 + kill % 5));
    (kill % 2 == 0 ? producer : consumer).kill();
    std::this_thread::sleep_for(std::chrono::milliseconds(kill % 3));
    if (kill % 10 == 9) {  // the one who has the name most of the time, too
      rival->kill();
      rival.emplace(consume);
    }
  }
  rival->kill();
  {
    Tail rest = Tail::open(store, "t", "log/").value();
    while (count(store, rest, 0s)) {
    }
  }
  int events = 0;
  for (const Record& r : store.records("log/")) {
    const auto counted = store.get("counted/" + std::string(r.key()));
    ASSERT_TRUE(counted) << r.key();
    ASSERT_EQ(counted->text(), "1") << r.key();
    ++events;
  }
  EXPECT_GT(events, kKills);
  EXPECT_EQ(store.get("total").value().str(), std::to_string(events));
  EXPECT_TRUE(verify(path).value().damage.empty());
}

}  // namespace
}  // namespace durra
