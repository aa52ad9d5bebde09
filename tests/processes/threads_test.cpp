// Participants as threads over one mapping, where ThreadSanitizer sees every access: nothing is lost, what a reader
// sees of a key only goes forward, an instant is one.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "store/os.h"
#include "store/step.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::outcome;
using test::shown;

// A value that tells its key and version, long enough that half of one would show.
std::string value(int key, int version) {
  const std::string one = std::to_string(key) + ":" + std::to_string(version) + ";";
  std::string all;
  for (int i = 0; i < 1 + version % 7; ++i) all += one;
  return all;
}
int version_in(const std::string& text, int key) {
  const auto colon = text.find(':');
  if (colon == text.npos || text.substr(0, colon) != std::to_string(key)) return -1;
  const int version = std::stoi(text.substr(colon + 1));
  return text == value(key, version) ? version : -1;
}

// What one reader has seen: versions and stamps of a key go forward together.
class Seen {
 public:
  void check(int key, const Record& r) {
    const int version = version_in(r.str(), key);
    ASSERT_GE(version, 0) << "torn: " << r.str();
    ASSERT_NE(r.stamp(), absent);
    auto [at, fresh] = last_.try_emplace(key, version, r.stamp());
    if (fresh) return;
    ASSERT_GE(version, at->second.first) << "key " << key << " went back";
    ASSERT_EQ(version == at->second.first, r.stamp() == at->second.second) << "key " << key;
    ASSERT_GE(r.stamp(), at->second.second) << "key " << key;
    at->second = {version, r.stamp()};
  }

 private:
  std::map<int, std::pair<int, Stamp>> last_;
};

// Others get their turn between any two steps of a protocol, also where there are fewer cores than threads; always in
// the middle of growth, which is rare and has the most to lose.
void take_turns(const char* step) {
  thread_local unsigned random = static_cast<unsigned>(std::hash<std::thread::id>{}(std::this_thread::get_id()));
  random = random * 1'664'525 + 1'013'904'223;
  if (std::string_view(step).starts_with("grow"))
    std::this_thread::sleep_for(std::chrono::microseconds(random >> 26));
  else if (random >> 26 == 0)
    std::this_thread::yield();
}

struct Threads : testing::Test {
  Threads() {
    os::share_mappings(true);
    step_hook = take_turns;
  }
  ~Threads() override {
    stop = true;
    for (auto& t : background) t.join();
    store.reset();
    step_hook = nullptr;
    os::share_mappings(false);
  }

  Options options() const {
    Options o = test::small(64_MiB, 64);
    o.patience = std::chrono::seconds(60);
    return o;
  }
  Store another() const { return open(path, options()).value(); }
  // Runs body(0) … body(n - 1), each in a thread, and waits.
  void run(int n, const std::function<void(int)>& body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < n; ++i) threads.emplace_back(body, i);
    for (auto& t : threads) t.join();
  }
  // Runs until the test ends.
  void meanwhile(std::function<void()> body) {
    background.emplace_back([this, body = std::move(body)] {
      while (!stop) body();
    });
  }
  void end_background() {
    stop = true;
    for (auto& t : background) t.join();
    background.clear();
  }

  // Three writers in the background, each with a pair of keys that it writes one after the other.
  void write_pairs(std::atomic<int>& writers) {
    for (int w = 0; w < 3; ++w)
      background.emplace_back([this, w, &writers] {
        Store mine = another();
        for (int version = 0; version < 2'000 && !stop; ++version) {
          ASSERT_TRUE(mine.put(2 * w, value(2 * w, version)));
          ASSERT_TRUE(mine.put(2 * w + 1, value(2 * w + 1, version)));
        }
        --writers;
      });
  }

  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  std::optional<Store> store = open(path, options()).value();
  std::atomic<bool> stop{false};
  std::vector<std::thread> background;
};

constexpr int kKeys = 200;

TEST_F(Threads, writers_of_different_keys_lose_nothing) {
  for (int r = 0; r < 2; ++r)
    background.emplace_back([this, r] {
      const Store mine = r == 0 ? another() : Store(open(path, test::small(Mode::read_only)).value());
      Seen seen;
      while (!stop)
        for (int key = 0; key < 4 * kKeys; ++key)
          if (const auto record = mine.get(key)) {
            if (record->stamp() == absent) continue;  // a read-only handle may meet a version before its stamp
            seen.check(key, *record);
          }
    });
  run(4, [this](int w) {
    std::optional<Store> own;
    if (w % 2 == 0) own = another();
    Store& s = own ? *own : *store;  // two share a handle
    for (int version = 0; version < 40; ++version)
      for (int key = w * kKeys; key < (w + 1) * kKeys; ++key) ASSERT_TRUE(s.put(key, value(key, version)));
  });
  end_background();
  for (int key = 0; key < 4 * kKeys; ++key) ASSERT_EQ(shown(store->get(key)), value(key, 39));
}

TEST_F(Threads, writers_of_the_same_keys_agree_on_one_order) {
  for (int r = 0; r < 2; ++r)
    background.emplace_back([this] {
      Seen seen;
      while (!stop)
        for (int key = 0; key < 8; ++key)
          if (const auto record = store->get(key)) seen.check(key, *record);
    });
  // The version is decided by put_if: whoever read n writes n + 1.
  std::atomic<int> done{0};
  run(4, [&](int) {
    Store mine = another();
    for (int i = 0; i < 500; ++i) {
      const int key = i % 8;
      ASSERT_TRUE(
          mine.update(key, [&](const Record* old) { return value(key, old ? version_in(old->str(), key) + 1 : 0); }));
      ++done;
    }
  });
  end_background();
  int sum = 0;
  for (int key = 0; key < 8; ++key) sum += 1 + version_in(store->get(key).value().str(), key);
  EXPECT_EQ(sum, done);
  EXPECT_EQ(sum, 2000);
}

TEST_F(Threads, of_many_that_create_a_key_one_wins_while_the_index_grows) {
  constexpr int kNames = 5'000;
  std::array<std::atomic<int>, kNames> winners{};
  std::array<std::atomic<int>, kNames> won{};
  run(4, [&](int w) {
    Store mine = another();
    for (int i = 0; i < kNames; ++i) {
      const auto made = mine.put_if("name " + std::to_string(i), std::to_string(w), absent);
      if (made) {
        ++winners[static_cast<std::size_t>(i)];
        won[static_cast<std::size_t>(i)] = w;
      } else {
        ASSERT_EQ(outcome(made), "conflict");
      }
    }
  });
  for (std::size_t i = 0; i < kNames; ++i) {
    ASSERT_EQ(winners[i], 1) << i;
    ASSERT_EQ(shown(store->get("name " + std::to_string(i))), std::to_string(won[i]));
  }
}

TEST_F(Threads, changes_in_leaves_that_grow_are_not_lost) {
  constexpr int kCounters = 600, kRounds = 8;
  const auto counter = [](int i) { return "counter " + std::to_string(i); };
  run(4, [&](int t) {
    Store mine = another();
    if (t < 2) {
      for (int i = 0; i < 6'000; ++i) ASSERT_TRUE(mine.put(t * 10'000 + i, ""));
      return;
    }
    for (int i = 0; i < kCounters * kRounds; ++i)
      ASSERT_TRUE(mine.update(counter(i % kCounters),
                              [](const Record* old) { return std::to_string(old ? std::stoi(old->str()) + 1 : 1); }));
  });
  for (int i = 0; i < kCounters; ++i) ASSERT_EQ(shown(store->get(counter(i))), std::to_string(2 * kRounds)) << i;
  for (int t = 0; t < 2; ++t)
    for (int i = 0; i < 6'000; ++i) ASSERT_TRUE(store->get(t * 10'000 + i));
}

TEST_F(Threads, erased_and_put_again_a_key_is_whole_or_absent) {
  run(5, [&](int t) {
    Store mine = another();
    for (int i = 0; i < 3'000; ++i) {
      const int key = i % 20;
      if (t < 2) {
        ASSERT_TRUE(mine.put(key, value(key, i)));
      } else if (t == 2) {
        const auto done = mine.erase(key);
        ASSERT_TRUE(done || done.error().code == Code::not_found);
      } else if (t == 3) {
        const auto record = mine.get(key);
        if (!record) continue;
        ASSERT_GE(version_in(record->str(), key), 0);
        const auto done = mine.erase_if(key, record->stamp());
        ASSERT_TRUE(done || done.error().code == Code::conflict || done.error().code == Code::not_found);
      } else if (const auto record = mine.get(key)) {
        ASSERT_GE(version_in(record->str(), key), 0);
        ASSERT_TRUE(record->intact());
      }
    }
  });
  EXPECT_TRUE(verify(path).value().damage.empty());
}

// Of what write_pairs writes: in every instant the second is as old as the first, or one older.
void check_instant(const std::map<int, int>& versions) {
  for (int w = 0; w < 3; ++w) {
    const auto first = versions.find(2 * w), second = versions.find(2 * w + 1);
    if (second == versions.end()) continue;
    ASSERT_NE(first, versions.end());
    ASSERT_TRUE(first->second == second->second || first->second == second->second + 1)
        << first->second << " " << second->second;
  }
}
std::map<int, int> versions_of(Records records) {
  std::map<int, int> versions;
  for (Record& r : records) {
    const int key = static_cast<int>(r.id());
    EXPECT_TRUE(versions.emplace(key, version_in(r.str(), key)).second) << "shown twice: " << key;
    EXPECT_GE(versions[key], 0);
  }
  EXPECT_TRUE(records.status());
  return versions;
}

TEST_F(Threads, snapshots_show_one_instant_and_go_forward) {
  std::atomic<int> writers{3};
  write_pairs(writers);
  run(2, [&](int r) {
    Store mine = another();
    std::map<int, int> last;
    for (int i = 0; i < 20 || writers > 0; ++i) {
      std::map<int, int> now;
      if (r == 0) {
        const auto snapshot = mine.snapshot().value();
        now = versions_of(snapshot.records());
        for (const auto& [key, version] : now)
          ASSERT_EQ(version_in(snapshot.get(key).value().str(), key), version) << "get and scan of one snapshot differ";
      } else {
        now = versions_of(mine.records());
      }
      check_instant(now);
      for (const auto& [key, version] : last) ASSERT_GE(now.at(key), version);
      last = now;
    }
  });
}

TEST_F(Threads, handles_come_and_go_while_others_work) {
  meanwhile([this] {
    const auto s = stats(*store);
    ASSERT_TRUE(s);
    ASSERT_GE(s->seats_taken, 1u);
    ASSERT_TRUE(regions(*store));
    ASSERT_TRUE(participants(*store));
    const auto found = verify(path);
    ASSERT_TRUE(found);
    for (const Finding& f : found->damage) ADD_FAILURE() << f.error.message() << " " << f.what;
  });
  run(4, [this](int w) {
    for (int version = 0; version < 25; ++version) {
      Store mine = another();
      for (int key = w * 50; key < (w + 1) * 50; ++key) ASSERT_TRUE(mine.put(key, value(key, version)));
      if (version == 0) continue;
      ASSERT_TRUE(mine.draft("large", 200'000));  // dropped: its run is given back, and looks like none at times
      const auto other = mine.get((w + 1) % 4 * 50);
      if (other) {
        ASSERT_GE(version_in(other->str(), (w + 1) % 4 * 50), 0);
      }
    }
  });
  end_background();
  for (int key = 0; key < 200; ++key) ASSERT_EQ(shown(store->get(key)), value(key, 24));
}

// Nobody is there between two rounds, so that the last of each closes in order while the first of the next opens.
TEST_F(Threads, the_last_closes_while_the_next_opens) {
  store.reset();
  run(3, [this](int w) {
    for (int i = 0; i < 40; ++i) {
      Store mine = another();
      ASSERT_TRUE(mine.put(w, value(w, i)));
      ASSERT_EQ(shown(mine.get(w)), value(w, i));
    }
  });
  store = another();
  for (int w = 0; w < 3; ++w) EXPECT_EQ(shown(store->get(w)), value(w, 39));
}

TEST_F(Threads, records_and_drafts_are_dropped_on_other_threads_after_the_store) {
  std::mutex mutex;
  std::vector<Record> records;
  std::vector<Draft> drafts;
  std::atomic<int> left{3};
  run(5, [&](int t) {
    if (t < 3) {
      {
        Store mine = another();
        for (int i = 0; i < 300; ++i) {
          ASSERT_TRUE(mine.put(t, value(t, i)));
          auto record = mine.get(t).value();
          const std::lock_guard lock(mutex);
          records.push_back(std::move(record));
          if (i % 100 == 0) drafts.push_back(mine.draft(t, 1000).value());
        }
      }
      --left;
      return;
    }
    for (bool last = false; !last;) {
      last = left == 0;
      std::vector<Record> mine;
      std::vector<Draft> dropped;
      {
        const std::lock_guard lock(mutex);
        mine.swap(records);
        dropped.swap(drafts);
      }
      for (const Record& r : mine) ASSERT_GE(version_in(r.str(), static_cast<int>(r.id())), 0);
    }
  });
  EXPECT_EQ(participants(*store).value().size(), 1u);
  for (int t = 0; t < 3; ++t) EXPECT_EQ(shown(store->get(t)), value(t, 299));
}

TEST_F(Threads, a_backup_is_one_instant_while_others_write) {
  std::atomic<int> writers{3};
  write_pairs(writers);
  std::map<int, int> last;
  for (int i = 0; i < 3 || writers > 0; ++i) {
    const std::string copy = scratch / ("copy" + std::to_string(i));
    const auto copied = backup(*store, copy);
    ASSERT_EQ(outcome(copied), "ok");
    const auto opened = open(copy, options()).value();
    const auto now = versions_of(opened.records());
    EXPECT_EQ(now.size(), copied->records);
    check_instant(now);
    for (const auto& [key, version] : last) ASSERT_GE(now.at(key), version);
    last = now;
    std::filesystem::remove(copy);
  }
}

TEST_F(Threads, threads_of_one_handle_share_what_few_seats_there_are) {
  const std::string few = scratch / "few";
  Store narrow = open(few, test::small(32_MiB, 2)).value();
  run(6, [&](int t) {
    for (int i = 0; i < 300; ++i) {
      for (;;) {  // a put needs a seat for itself, and says so when all are in use
        const auto done = narrow.put(t, value(t, i));
        if (done) break;
        ASSERT_EQ(outcome(done), "full") << done.error().message();
        std::this_thread::yield();
      }
      const auto seen = narrow.get(t);
      ASSERT_EQ(shown(seen), value(t, i)) << (seen ? "" : seen.error().message());
    }
  });
  for (int t = 0; t < 6; ++t) EXPECT_EQ(shown(narrow.get(t)), value(t, 299));
}

}  // namespace
}  // namespace durra
