// append: keys that nobody else ever writes, in the order of their writer's calls.
#include <durra/store.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::outcome;
using test::small;

struct Append : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  std::optional<Store> store = open(path, small()).value();

  // The keys of a log whose payloads are all `text`; each must be there once.
  std::set<std::string> keys(const std::string& log, const std::string& text = {}) {
    std::set<std::string> all;
    for (Record& r : store->records(log + "/"))
      if (text.empty() || r.text() == text) {
        EXPECT_TRUE(all.emplace(r.key()).second);
      }
    return all;
  }
};

TEST_F(Append, keys_of_one_writer_sort_in_the_order_of_its_calls) {
  std::vector<std::string> payloads;
  for (int i = 0; i < 1'000; ++i) store->append("log", std::to_string(i)).value();
  int next = 0;
  for (const std::string& key : keys("log")) EXPECT_EQ(store->get(key).value().str(), std::to_string(next++)) << key;
  EXPECT_EQ(next, 1'000);
}

TEST_F(Append, tells_the_stamp_of_what_it_put) {
  const Stamp stamp = store->append("log", "1").value();
  EXPECT_EQ(store->get(*keys("log").begin()).value().stamp(), stamp);
}

TEST_F(Append, keys_have_one_length) {
  store->append("log", "1").value();
  for (int i = 0; i < 300; ++i) (void)store->snapshot();  // the clock moves on
  std::thread([&] { store->append("log", "2").value(); }).join();
  for (const std::string& key : keys("log")) EXPECT_EQ(key.size(), std::string("log/0123456789ab.01234567").size());
}

TEST_F(Append, threads_handles_and_later_openers_never_write_one_key) {
  Store second = open(path).value();
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t)
    writers.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) (t % 2 == 0 ? *store : second).append("log", std::to_string(t)).value();
    });
  for (auto& w : writers) w.join();
  for (int t = 0; t < 4; ++t) EXPECT_EQ(keys("log", std::to_string(t)).size(), 500u) << t;
  store.reset();
  store = open(path).value();
  for (int i = 0; i < 500; ++i) store->append("log", "later").value();
  EXPECT_EQ(keys("log").size(), 2'500u);
}

TEST_F(Append, a_rebuild_does_not_give_a_key_again) {
  for (int i = 0; i < 100; ++i) store->append("log", "1").value();
  store.reset();
  Options o = small();
  o.rebuild = true;
  store = open(path, o).value();
  for (int i = 0; i < 100; ++i) store->append("log", "2").value();
  EXPECT_EQ(keys("log").size(), 200u);
}

TEST_F(Append, a_key_that_is_taken_is_passed_over) {
  store->append("log", "mine").value();
  const std::string first = *keys("log").begin();
  // What the next key would be, were it not taken.
  std::string next = first;
  next.back() = '1';
  store->put(next, "another's").value();
  store->append("log", "mine").value();
  EXPECT_EQ(store->get(next).value().str(), "another's");
  EXPECT_EQ(keys("log", "mine").size(), 2u);
}

TEST_F(Append, names_of_logs_are_those_of_keys) {
  EXPECT_EQ(outcome(store->append("", "1")), "invalid");
  EXPECT_EQ(outcome(store->append(std::string("\0log", 4), "1")), "invalid");
  EXPECT_EQ(outcome(store->append(std::string(1'010, 'l'), "1")), "too_large");
  EXPECT_EQ(outcome(store->append(std::string(2'000, 'l'), "1")), "too_large");
  EXPECT_EQ(outcome(store->append(std::string(1'024 - 22, 'l'), "1")), "ok");
  EXPECT_EQ(outcome(open(path, small(Mode::read_only)).value().append("log", "1")), "read_only");
}

TEST_F(Append, payloads_may_be_compressed_and_aligned) {
  store->append("log", std::string(10'000, 'z'), {.durability = {}, .compress = true, .align = 64}).value();
  EXPECT_EQ(store->get(*keys("log").begin()).value().str(), std::string(10'000, 'z'));
}

}  // namespace
}  // namespace durra
