// durra::testing notices: what the model must answer, and that everything that compares finds what is planted.
#include <durra/testing/commands.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>

namespace durra::testing {
namespace {

template <class T>
std::string text(const T& t) {
  std::ostringstream out;
  out << t;
  return out.str();
}

TEST(Model, answers_as_a_store_must) {
  Model m;
  EXPECT_EQ(m.put("a", "1"), "ok");
  EXPECT_EQ(m.put_if("a", "2", Condition::none), "conflict");
  EXPECT_EQ(m.put_if("a", "2", Condition::stale), "conflict");
  EXPECT_EQ(m.put_if("a", "2", Condition::current), "ok");
  EXPECT_EQ(m.erase_if("a", Condition::stale), "conflict");
  EXPECT_EQ(m.erase("a"), "ok");
  EXPECT_EQ(m.erase("a"), "not_found");
  EXPECT_EQ(m.erase_if("a", Condition::none), "not_found");
  EXPECT_EQ(m.put_if("a", "3", Condition::none), "ok");
  EXPECT_EQ(m.append("event"), "ok");
  EXPECT_EQ(m.now, (Contents{{"a", "3"}, {Name::event(0), "event"}}));
}

TEST(Model, a_batch_is_all_or_nothing_and_the_last_change_of_a_key_counts) {
  Model m;
  EXPECT_EQ(m.put(Edits{{"a", "1"}, {"a", {}}, {"b", "2"}}), "ok");
  EXPECT_EQ(m.now, (Contents{{"b", "2"}}));
  EXPECT_EQ(m.put(Edits{{"c", "3"}, {"b", "4", Condition::stale}}), "conflict");
  EXPECT_EQ(m.put(Edits{{"c", "3", Condition::none}, {"c", "4", Condition::none}}), "invalid");
  EXPECT_EQ(m.now, (Contents{{"b", "2"}}));
  EXPECT_EQ(m.put(Edits{{"b", {}, Condition::current}, {"b", "5"}}), "ok");
  EXPECT_EQ(m.now, (Contents{{"b", "5"}}));
}

TEST(Names, are_told_apart_and_print_short) {
  EXPECT_NE(Name(7), Name("7"));
  EXPECT_NE(Name::crowd(1), Name(1));
  EXPECT_EQ(text(Name::crowd(1)) + text(Name(7)) + text(Name("7")), "crowd 17\"7\"");
  EXPECT_EQ(text(Name(std::string(1024, 'k'))), "\"kkkkkkkk…\" of 1024 bytes");
  EXPECT_EQ(text(Payload::noise(300, 4)), "300 bytes #4");
  EXPECT_EQ(text(Edits{{"a", "1", Condition::stale}, {Name(3), {}}}), "{ put \"a\": \"1\" if stale; erase 3; }");
}

TEST(Stamps, never_go_back) {
  Stamps s;
  EXPECT_FALSE(s.add("absent", absent));
  EXPECT_TRUE(s.add("a", Stamp{5}));
  EXPECT_FALSE(s.add("a", Stamp{5}));
  EXPECT_FALSE(s.add("a", Stamp{4}));
  EXPECT_TRUE(s.add("b", Stamp{1}));
  EXPECT_NE(s.stale("b", 0), s.newest("b"));
}

TEST(Followed, rejects_what_was_shown_what_is_old_and_what_is_missing) {
  Model m;
  m.put("a", "1");
  m.append("event");
  Followed f;
  EXPECT_EQ(f.missing(m), "\"a\" as it is; event 0 as it is; ");
  EXPECT_TRUE(f.shown("a", Payload("1"), Stamp{2}));
  EXPECT_TRUE(f.shown(Name::event(0), Payload("event"), Stamp{3}));
  EXPECT_EQ(f.missing(m), "");
  f.saved();
  EXPECT_FALSE(f.shown(Name::event(0), Payload("event"), Stamp{4}));
  EXPECT_FALSE(f.shown("a", Payload("1"), Stamp{2}));
  f.reopened();
  m.erase("a");
  EXPECT_EQ(f.missing(m), "\"a\" as erased; ");
  EXPECT_TRUE(f.shown("a", {}, Stamp{5}));
  EXPECT_EQ(f.missing(m), "");
}

TEST(Stores, see_every_difference) {
  Stores s;
  Model m;
  const auto put = [&](const Name& n, const Payload& v) {
    m.put(n, v);
    EXPECT_EQ(s.put(0, n, v), "ok");
  };
  for (const Name& n : confusable_names()) put(n, Payload::noise(100, 1));
  EXPECT_EQ(s.append(0, "event"), m.append("event"));
  EXPECT_EQ(s.differs(m, 0), "");
  const auto snapshot = s.handle(0).snapshot().value();

  s.handle(0).put("7", "behind the model's back").value();
  EXPECT_EQ(s.differs(m, 0), "\"7\" is not 100 bytes #1; ");
  EXPECT_EQ(s.differs(m.now, snapshot), "");
  put("7", "again");
  s.handle(0).erase(s.key(Name::crowd(1))).value();
  EXPECT_EQ(s.differs(m, 0), "crowd 1 is not_found, not ok; ");
  m.erase(Name::crowd(1));
  EXPECT_EQ(s.differs(m, 0), "");
  s.handle(0).put("nobody knows", "").value();
  EXPECT_EQ(s.differs(m, 0), "a scan shows \"nobody knows\", unknown, erased or twice; ");
}

TEST(Stores, crowds_share_one_slot_of_the_index) {
  Stores s;
  const auto before = stats(s.handle(0)).value();
  for (std::uint64_t i = 0; i < 40; ++i) {
    const Name n = Name::crowd(i);
    EXPECT_EQ(s.key(n).id(), crowd_key(s.handle(0), i));
    EXPECT_EQ(s.put(0, n, Payload(std::to_string(i))), "ok");
    EXPECT_EQ(s.name(s.handle(0).get(s.key(n)).value()), n);
  }
  EXPECT_EQ(stats(s.handle(0)).value().live_records, before.live_records + 40);
}

TEST(Stores, notice_a_stamp_that_goes_back_behind_their_back) {
  Stores s;
  Model m;
  m.put("a", "1");
  s.handle(0).put("a", "1").value();
  EXPECT_EQ(s.look_up(m), "ok");
  ASSERT_TRUE(s.stamps.add("a", Stamp{static_cast<std::uint64_t>(s.stamps.newest("a")) + 1'000}));
  s.handle(0).put("a", "2").value();
  EXPECT_EQ(s.look_up(m), "ok, but the stamp of \"a\" is not later than the one before");
}

// The size that bounds how many there are does not bound what they are: once no batch had a condition.
TEST(Generators, batches_have_conditions_of_all_kinds_and_keys_of_a_crowd) {
  std::map<std::string, int> of;
  std::set<Name> crowd;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Edits all = some_edits(8)(rc::Random(seed), 100).value();
    EXPECT_LE(all.size(), 8u);
    for (const Edit& e : all) {
      ++of[e.seen ? text(*e.seen) : "none at all"];
      if (e.name.kind == Name::Kind::crowd) crowd.insert(e.name);
    }
  }
  EXPECT_EQ(of.size(), 4u);
  for (const auto& [condition, count] : of) EXPECT_GT(count, 100) << condition;
  EXPECT_GT(crowd.size(), 32u);
}

TEST(Deaths, leave_no_word_unsaid) {
  EXPECT_TRUE(dies([] { die(); }));
  EXPECT_FALSE(dies([] {}));
  EXPECT_FALSE(dies([] { throw std::runtime_error("planted"); }));
  EXPECT_FALSE(dies([] { throw 1; }));
  EXPECT_FALSE(dies([] { std::abort(); }));
}

}  // namespace
}  // namespace durra::testing
