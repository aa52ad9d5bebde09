// The linearizability checker accepts what can have been one after the other, and nothing else.
#include <durra/testing/history.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace durra::testing {
namespace {

Operation at(Operation op, std::uint64_t invoked, std::uint64_t responded, bool done = true) {
  op.invoked = invoked;
  op.respond(responded, done);
  return op;
}
Operation pending(Operation op, std::uint64_t invoked) {
  op.invoked = invoked;
  return op;
}
Operation saw(const std::string& key, Value value, std::uint64_t invoked, std::uint64_t responded) {
  return at(snapshot({{key, std::move(value)}}), invoked, responded);
}

TEST(History, an_empty_one_is_fine) { EXPECT_TRUE(linearizable({})); }

TEST(History, a_read_sees_the_last_put) {
  EXPECT_TRUE(linearizable({at(put("k", "1"), 1, 2), saw("k", "1", 3, 4)}));
  EXPECT_TRUE(linearizable({saw("k", "0", 1, 2)}, {{"k", "0"}}));
  EXPECT_FALSE(linearizable({saw("k", "0", 1, 2)}));
}

TEST(History, a_stale_read_is_refused) {
  EXPECT_FALSE(linearizable({at(put("k", "1"), 1, 2), saw("k", {}, 3, 4)}));
  EXPECT_FALSE(linearizable({at(put("k", "1"), 1, 2), at(put("k", "2"), 3, 4), saw("k", "1", 5, 6)}));
}

TEST(History, a_read_beside_a_put_sees_old_or_new) {
  EXPECT_TRUE(linearizable({at(put("k", "1"), 1, 4), saw("k", {}, 2, 3)}));
  EXPECT_TRUE(linearizable({at(put("k", "1"), 1, 4), saw("k", "1", 2, 3)}));
}

TEST(History, new_then_old_is_refused) {
  EXPECT_FALSE(linearizable({at(put("k", "1"), 1, 9), saw("k", "1", 2, 3), saw("k", {}, 4, 5)}));
}

TEST(History, of_two_conditional_puts_one_wins) {
  const Operation first = at(put_if("k", "1", "0"), 1, 4), second = at(put_if("k", "2", "0"), 2, 5);
  EXPECT_FALSE(linearizable({first, second}, {{"k", "0"}})) << "a lost update";
  Operation refused = second;
  refused.done = false;
  EXPECT_TRUE(linearizable({first, refused}, {{"k", "0"}}));
  EXPECT_FALSE(linearizable({refused}, {{"k", "0"}})) << "refused for nothing";
}

TEST(History, an_erase_needs_something_to_erase) {
  EXPECT_TRUE(linearizable({at(erase("k"), 1, 2, false)}));
  EXPECT_FALSE(linearizable({at(erase("k"), 1, 2)}));
  EXPECT_TRUE(linearizable({at(erase("k"), 1, 2), saw("k", {}, 3, 4)}, {{"k", "0"}}));
  EXPECT_TRUE(linearizable({at(erase_if("k", "0"), 1, 2)}, {{"k", "0"}}));
}

TEST(History, half_a_batch_is_refused) {
  const Operation both = at(batch({{"a", "1"}, {"b", "1"}}), 1, 9);
  EXPECT_TRUE(linearizable({both, at(snapshot({{"a", "1"}, {"b", "1"}}), 2, 3)}));
  EXPECT_TRUE(linearizable({both, at(snapshot({{"a", {}}, {"b", {}}}), 2, 3)}));
  EXPECT_FALSE(linearizable({both, at(snapshot({{"a", "1"}, {"b", {}}}), 2, 3)}));
  EXPECT_FALSE(linearizable({both, saw("a", "1", 2, 3), saw("b", {}, 4, 5)}));
  EXPECT_TRUE(linearizable({both, saw("a", {}, 2, 3), saw("b", "1", 4, 5)})) << "old then new is allowed";
}

TEST(History, a_put_that_never_answered_happened_or_did_not) {
  const Operation lost = pending(put("k", "1"), 1);
  EXPECT_TRUE(linearizable({lost, saw("k", "1", 2, 3)}));
  EXPECT_TRUE(linearizable({lost, saw("k", {}, 2, 3)}));
  EXPECT_TRUE(linearizable({lost, saw("k", {}, 2, 3), saw("k", "1", 4, 5)}));
  EXPECT_FALSE(linearizable({lost, saw("k", "1", 2, 3), saw("k", {}, 4, 5)}));
  EXPECT_FALSE(linearizable({pending(put("k", "1"), 4), saw("k", "1", 2, 3)})) << "before it was begun";
  EXPECT_FALSE(linearizable({pending(put_if("k", "1", "0"), 1), saw("k", "1", 2, 3)})) << "its condition never held";
}

TEST(History, the_order_explains_it) {
  const std::vector<Operation> all = {at(put("k", "2"), 1, 9), at(put("k", "1"), 2, 8), saw("k", "1", 3, 4),
                                      saw("k", "2", 5, 6)};
  const Verdict v = linearizable(all);
  ASSERT_TRUE(v);
  EXPECT_EQ(v.order, (std::vector<std::size_t>{1, 2, 0, 3}));
  EXPECT_TRUE(v.story.empty());
}

TEST(History, the_story_is_what_contradicts_itself) {
  const std::vector<Operation> all = {at(put("other", "1"), 1, 2),  // another key
                                      at(put("k", "1"), 3, 4),     at(put("k", "2"), 5, 6), saw("k", "2", 7, 8),
                                      saw("k", "1", 9, 10),        saw("k", "2", 11, 12)};
  const Verdict v = linearizable(all);
  ASSERT_FALSE(v);
  EXPECT_TRUE(v.order.empty());
  EXPECT_EQ(v.offending, (std::vector<std::size_t>{1, 2, 4})) << v.story;
  EXPECT_NE(v.story.find("saw k = \"1\""), std::string::npos) << v.story;
}

TEST(History, keys_that_a_batch_joins_are_judged_together) {
  // a: 1 before 2 by what was read; b: 2 before 1.  Each key alone could be; both cannot.
  const std::vector<Operation> all = {at(batch({{"a", "1"}, {"b", "1"}}), 1, 3),
                                      at(batch({{"a", "2"}, {"b", "2"}}), 2, 4), saw("a", "2", 5, 6),
                                      saw("b", "1", 7, 8)};
  EXPECT_FALSE(linearizable(all));
}

// A store that does one thing at a time is linearizable whatever it is asked; with one answer changed to a value that
// was never put it is not.
TEST(History, what_a_sequential_store_did_is_accepted_and_a_lie_is_not) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    std::map<std::string, std::string> state;
    std::vector<Operation> all;
    std::uint64_t instant = 0;
    for (unsigned i = 0; i < 30; ++i) {
      const std::string key = std::string(1, static_cast<char>('a' + pick(3))), value = std::to_string(i);
      const auto now = [&](const std::string& k) { return state.contains(k) ? Value(state[k]) : Value(); };
      Operation op;
      switch (pick(4)) {
        case 0: op = put(key, value); break;
        case 1: op = erase(key); break;
        case 2: op = put_if(key, value, pick(2) == 0 ? now(key) : Value("none")); break;
        default: op = snapshot({{"a", now("a")}, {"b", now("b")}}); break;
      }
      op.done = std::all_of(op.changes.begin(), op.changes.end(), [&](const Change& c) {
        return (!c.conditional || now(c.key) == c.expected) && (!c.must_exist || now(c.key));
      });
      if (op.done)
        for (const Change& c : op.changes) c.value ? void(state[c.key] = *c.value) : void(state.erase(c.key));
      // Its interval is around the instant at which it was done, and overlaps its neighbours'.
      instant += 10;
      op.invoked = instant - std::min<std::uint64_t>(instant, pick(20));
      op.respond(instant + 1 + pick(20), op.done);
      all.push_back(op);
    }
    ASSERT_TRUE(linearizable(all)) << "seed " << seed;
    for (Operation& op : all)
      if (!op.seen.empty()) {
        op.seen[0].value = "a lie";
        break;
      }
    EXPECT_FALSE(linearizable(all)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace durra::testing
