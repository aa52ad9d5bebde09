// Power cuts at any step of any operation: what a durable put or a sync acknowledged is there, in that version or a
// later one; nothing is torn, nothing that was durably erased comes back; and a second cut changes nothing.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "store/handle.h"
#include "store/step.h"
#include "tests/crash/world.h"
#include "tests/support/disk.h"

namespace durra::test {
namespace {

using Value = std::optional<std::string>;  // nullopt: erased, or never there

// Every version that a key ever had, and up to which of them is certain.
struct History {
  std::vector<Value> versions{std::nullopt};
  std::size_t durable = 0;
};
using Histories = std::map<std::string, History>;

// One store that is worked on, and cut off now and then in the middle of it.
class Power {
 public:
  explicit Power(std::uint64_t seed) : seed_(seed), random_(seed) {
    os::trust_tmpfs(true);
    os::share_mappings(true);  // so that the disk sees the flushes of all handles
    store_ = open(path_, small_store()).value();
    disk_ = std::make_unique<Disk>(path_, detail::handle_of(*store_)->map.base(), seed);
    self_ = this;
    step_hook.store([](const char*) { self_->at_step(); });
  }
  ~Power() {
    step_hook.store(nullptr);
    disk_.reset();
    store_.reset();
    os::share_mappings(false);
    os::trust_tmpfs(false);
  }

  void work(int operations) {
    for (int i = 0; i < operations && !testing::Test::HasFatalFailure(); ++i) one();
    cut();
  }
  int cuts() const { return cuts_; }

 private:
  // A short-lived thing happens to one key, or to all.
  void one() {
    const std::string key = "k" + std::to_string(random_() % 12);
    const auto durability = random_() % 3 == 0 ? Durability::power : Durability::process;
    switch (random_() % 8) {
      case 0: return erase(key);
      case 1: return sync();
      case 2: return reopen();
      default: return put(key, durability);
    }
  }
  void put(const std::string& key, Durability d) {
    const std::size_t size = random_() % 40 == 0 ? 90'000 : random_() % 3'000;
    ++count_;
    const char letter = static_cast<char>('a' + count_ % 26);
    const std::string value = key + ":" + std::to_string(count_) + ":" + std::string(size, letter);
    History& h = histories_[key];
    h.versions.emplace_back(value);
    const auto done = store_->put(key, value, {.durability = d});
    if (!done) {
      ASSERT_EQ(done.error().code, Code::full);
      h.versions.pop_back();
      return;
    }
    if (d == Durability::power) h.durable = h.versions.size() - 1;
  }
  void erase(const std::string& key) {
    History& h = histories_[key];
    if (!h.versions.back()) return;
    h.versions.emplace_back(std::nullopt);
    store_->erase(key).value();
  }
  void sync() {
    store_->sync().value();
    for (auto& [key, h] : histories_) h.durable = h.versions.size() - 1;
  }
  // Another handle goes on where this one left off: PARTIAL regions are adopted.
  void reopen() {
    Store next = open(path_, small_store()).value();
    std::swap(*store_, next);  // the disk watches the mapping of the first, which stays
    if (!first_) first_.emplace(std::move(next));
  }

  void at_step() {
    if (random_() % 8 == 0) disk_->write_back();
    if (random_() % 24 == 0) cut();
  }

  // Looks at what the power left, twice.
  void cut() {
    step_hook.store(nullptr);
    ++cuts_;
    SCOPED_TRACE("seed " + std::to_string(seed_) + ", cut " + std::to_string(cuts_));
    const std::string left = scratch_ / "left.durra";
    disk_->cut(left);
    os::set_faults(nullptr);
    std::map<std::string, Value> seen;
    for (const bool again : {false, true}) {
      auto found = open(left, again ? rebuilding() : small_store());
      EXPECT_TRUE(found) << found.error().message();
      if (!found) break;
      for (auto& [key, h] : histories_) {
        const Value v = look(*found, key);
        const auto at = std::find(h.versions.begin() + static_cast<std::ptrdiff_t>(h.durable), h.versions.end(), v);
        EXPECT_NE(at, h.versions.end()) << key << " is " << v.value_or("(absent)").substr(0, 12) << ", but durable was "
                                        << h.versions[h.durable].value_or("(absent)").substr(0, 12);
        if (again) {
          EXPECT_EQ(seen[key], v) << key;
        }
        seen[key] = v;
      }
      EXPECT_EQ(stats(*found).value().opened, Opened::rebuilt);
    }
    expect_undamaged(left);
    std::filesystem::remove(left);
    os::set_faults(disk_.get());
    step_hook.store([](const char*) { self_->at_step(); });
  }
  static Options rebuilding() {
    Options o = small_store();
    o.rebuild = true;
    return o;
  }

  static inline Power* self_ = nullptr;
  const std::uint64_t seed_;
  std::mt19937_64 random_;
  Scratch scratch_;
  const std::string path_ = scratch_ / "s.durra";
  std::optional<Store> first_, store_;
  std::unique_ptr<Disk> disk_;
  Histories histories_;
  int count_ = 0, cuts_ = 0;
};

class PowerCut : public testing::TestWithParam<int> {};

TEST_P(PowerCut, loses_nothing_durable_and_brings_nothing_back) {
  int cuts = 0;
  for (int i = 0; i < 6 && !HasFailure(); ++i) {
    Power power(static_cast<std::uint64_t>(GetParam() * 1'000 + i));
    power.work(60);
    cuts += power.cuts();
  }
  EXPECT_GT(cuts, 50);
  RecordProperty("cuts", cuts);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PowerCut, testing::Range(0, 8));

}  // namespace
}  // namespace durra::test
