// Compaction, sweep and reuse of regions beside writers, readers, scans and Records that are held.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "store/os.h"
#include "store/step.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;

// Others get their turn between any two steps, also where there are fewer cores than threads.
void take_turns(const char*) {
  thread_local unsigned random = static_cast<unsigned>(std::hash<std::thread::id>{}(std::this_thread::get_id()));
  random = random * 1'664'525 + 1'013'904'223;
  if (random >> 27 == 0) std::this_thread::yield();
}

constexpr int kKeys = 120, kWriters = 2, kVersions = 1'500;

std::string version_of(int key, int version) {
  const auto seed = static_cast<std::uint64_t>(key) << 32 | static_cast<std::uint64_t>(version);
  return std::to_string(version) + ":" + noise(100 + seed % 900, seed);
}

// The version, if these are its bytes.
int judge(int key, std::string_view text) {
  const int version = std::atoi(std::string(text.substr(0, text.find(':'))).c_str());
  EXPECT_EQ(text, version_of(key, version)) << "key " << key;
  return version;
}

struct CompactThreads : testing::Test {
  CompactThreads() {
    os::share_mappings(true);
    step_hook = take_turns;
  }
  ~CompactThreads() override {
    step_hook = nullptr;
    os::share_mappings(false);
  }
  Store another() const { return open(path, test::small(8_MiB, 32)).value(); }

  void write(int writer) {
    Store mine = another();
    for (int v = 1; v <= kVersions; ++v) {
      const int key = (v * 7 % (kKeys / kWriters)) * kWriters + writer;
      ASSERT_EQ(outcome(mine.put(key, version_of(key, v))), "ok");
      const std::string passing = "passing " + std::to_string(writer) + "/" + std::to_string(v % 40);
      if (v % 3 == 0) {
        ASSERT_EQ(outcome(mine.put(passing, "x")), "ok");
      }
      if (v % 3 == 1) (void)mine.erase(passing);
    }
    --writing;
  }
  void compact_on() {
    Store mine = another();
    CompactOptions at_once;
    at_once.keep_erased = std::chrono::milliseconds(0);
    while (writing != 0) {
      const auto done = compact(mine, at_once);
      ASSERT_EQ(outcome(done), "ok");
      retired += done->regions_retired;
    }
  }
  void read() {
    Store mine = another();
    std::map<int, int> newest;
    std::vector<std::pair<int, Record>> held;
    for (int i = 0; writing != 0; ++i) {
      const int key = i * 11 % kKeys;
      auto r = mine.get(key);
      ASSERT_EQ(outcome(r), "ok") << key;
      const int version = judge(key, r->text());
      EXPECT_GE(version, newest[key]);
      newest[key] = version;
      held.emplace_back(key, *std::move(r));
      if (held.size() < 64) continue;
      for (const auto& [k, record] : held) judge(k, record.text());
      held.clear();
    }
  }
  void scan() {
    Store mine = another();
    while (writing != 0) {
      std::vector<int> times(kKeys);
      auto records = mine.records();
      for (Record& r : records)
        if (!r.is_text()) ++times[r.id()], judge(static_cast<int>(r.id()), r.text());
      ASSERT_EQ(outcome(records.status()), "ok") << records.status().error().message();
      for (int k = 0; k < kKeys; ++k) ASSERT_EQ(times[static_cast<std::size_t>(k)], 1) << "key " << k;
    }
  }

  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = another();
  std::atomic<int> writing{kWriters};
  std::atomic<std::uint64_t> retired{0};
};

TEST_F(CompactThreads, nobody_sees_anything_but_whole_versions_in_order) {
  for (int k = 0; k < kKeys; ++k) store.put(k, version_of(k, 0)).value();
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) threads.emplace_back([this, w] { write(w); });
  threads.emplace_back([this] { compact_on(); });
  threads.emplace_back([this] { read(); });
  threads.emplace_back([this] { scan(); });
  threads.emplace_back([this] {
    while (writing != 0) {
      const auto live = verify(path).value();
      for (const Finding& f : live.damage) ADD_FAILURE() << f.error.message() << ": " << f.what;
    }
  });
  for (auto& t : threads) t.join();
  EXPECT_GT(retired, 10u);
  for (int k = 0; k < kKeys; ++k) judge(k, store.get(k).value().str());
  EXPECT_TRUE(verify(path).value().damage.empty());
}

}  // namespace
}  // namespace durra
