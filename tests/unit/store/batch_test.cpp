// Batches: all of one or nothing, conditions, sizes, bad input; what a snapshot, a rebuild and a copy make of one.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>

#include "format/batch.h"
#include "store/os.h"
#include "tests/support/faults.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::noise;
using test::outcome;
using test::shown;
using test::small;

struct BatchTest : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small()).value();

  void reopen(bool rebuild = false) {
    { const Store gone = std::move(store); }
    Options o = small();
    o.rebuild = rebuild;
    store = open(path, o).value();
  }
  void expect_sound() {
    const auto verdict = verify(path).value();
    for (const auto& f : verdict.damage) ADD_FAILURE() << f.error.message() << ": " << f.what;
    Records all = store.records();
    for (Record& r : all) EXPECT_TRUE(r.intact());
    EXPECT_EQ(outcome(all.status()), "ok");
  }
  std::map<std::string, std::string> contents() {
    std::map<std::string, std::string> all;
    for (Record& r : store.records())
      EXPECT_TRUE(all.emplace(r.is_text() ? std::string(r.key()) : std::to_string(r.id()), r.str()).second);
    return all;
  }
};

// ---- What it does ---------------------------------------------------------------------------------------------------
TEST_F(BatchTest, puts_and_erases_together_under_one_stamp) {
  store.put("gone", "soon").value();
  store.put("old", "1").value();
  Batch b;
  b.put("new", "a").put("old", "2").put(7, "seven").erase("gone").erase("never there");
  EXPECT_EQ(b.size(), 5u);
  ASSERT_EQ(outcome(store.put(b)), "ok");
  EXPECT_EQ(contents(), (std::map<std::string, std::string>{{"new", "a"}, {"old", "2"}, {"7", "seven"}}));
  EXPECT_EQ(shown(store.get("gone")), "<not_found>");
  const Stamp stamp = store.get("new").value().stamp();
  EXPECT_EQ(store.get("old").value().stamp(), stamp);
  EXPECT_EQ(store.get(7).value().stamp(), stamp);
  const auto record = store.get("new").value();
  EXPECT_EQ(record.key(), "new");
  EXPECT_EQ(outcome(store.get("old").value().intact()), "ok");
  expect_sound();
}

TEST_F(BatchTest, may_be_put_again_cleared_and_copied) {
  Batch b;
  b.put("k", "1");
  store.put(b).value();
  const Stamp first = store.get("k").value().stamp();
  store.put(b).value();
  EXPECT_GT(store.get("k").value().stamp(), first);
  const Batch copy = b;
  b.clear();
  EXPECT_EQ(b.size(), 0u);
  EXPECT_EQ(outcome(store.put(b)), "ok");
  store.put("k", "2").value();
  store.put(copy).value();
  EXPECT_EQ(shown(store.get("k")), "1");
}

TEST_F(BatchTest, an_empty_one_does_nothing) {
  const auto before = stats(store).value();
  EXPECT_EQ(outcome(store.put(Batch{})), "ok");
  EXPECT_EQ(stats(store).value().regions_open, before.regions_open);
}

TEST_F(BatchTest, the_last_change_of_a_key_counts) {
  Batch b;
  b.put("k", "1").put("k", "2").erase("e").put("e", "there").put("x", "1").erase("x");
  store.put(b).value();
  EXPECT_EQ(contents(), (std::map<std::string, std::string>{{"k", "2"}, {"e", "there"}}));
}

TEST_F(BatchTest, keys_that_look_alike_stay_apart) {
  Batch b;
  b.put(7, "number").put("7", "text").put(-1, "minus").put(std::string(1024, 'k'), "long").put("\xff", "byte");
  store.put(b).value();
  EXPECT_EQ(shown(store.get(7)), "number");
  EXPECT_EQ(shown(store.get("7")), "text");
  EXPECT_EQ(shown(store.get(~0ull)), "minus");
  EXPECT_EQ(shown(store.get(std::string(1024, 'k'))), "long");
  EXPECT_EQ(shown(store.get("\xff")), "byte");
}

TEST_F(BatchTest, payloads_are_aligned_and_compressed_as_asked) {
  Batch b;
  const std::string soft(5'000, 'z'), hard = noise(3'000);
  b.put("soft", soft).put("hard", hard).put("empty", "").erase("nothing");
  store.put(b, {.compress = true, .align = 4096}).value();
  EXPECT_EQ(shown(store.get("soft")), soft);
  EXPECT_EQ(shown(store.get("hard")), hard);
  EXPECT_EQ(shown(store.get("empty")), "");
  const auto r = store.get("hard").value();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(r.bytes().data()) % 4096, 0u);
  const Key keys[] = {"soft", "hard", "absent", "empty"};
  const auto many = store.get_many(keys);
  EXPECT_EQ(shown(many[0]), soft);
  EXPECT_EQ(shown(many[1]), hard);
  EXPECT_EQ(shown(many[2]), "<not_found>");
  EXPECT_EQ(shown(many[3]), "");
  expect_sound();
}

TEST_F(BatchTest, singles_and_batches_supersede_each_other) {
  for (int i = 0; i < 200; ++i) {
    Batch b;
    b.put("k", std::to_string(i)).put("other", std::to_string(i));
    store.put(b).value();
    const Stamp stamp = store.get("k").value().stamp();
    ASSERT_EQ(outcome(store.put_if("k", "no", absent)), "conflict");
    ASSERT_GT(store.put_if("k", "single", stamp).value(), stamp);
    ASSERT_EQ(shown(store.get("k")), "single");
    ASSERT_EQ(outcome(store.erase("other")), "ok");
    ASSERT_EQ(outcome(store.erase("other")), "not_found");
  }
  store.update("k", [](const Record* old) { return old->str() + "!"; }).value();
  EXPECT_EQ(shown(store.get("k")), "single!");
  expect_sound();
}

// ---- Conditions -----------------------------------------------------------------------------------------------------
TEST_F(BatchTest, is_done_only_if_every_condition_holds) {
  const Stamp a = store.put("a", "1").value();
  const Stamp b = store.put("b", "1").value();
  Batch good;
  good.put_if("a", "2", a).erase_if("b", b).put_if("c", "new", absent).put("d", "free");
  ASSERT_EQ(outcome(store.put(good)), "ok");
  EXPECT_EQ(contents(), (std::map<std::string, std::string>{{"a", "2"}, {"c", "new"}, {"d", "free"}}));
  EXPECT_EQ(outcome(store.put(good)), "conflict");
  const Stamp now = store.get("a").value().stamp();
  for (int wrong = 0; wrong < 4; ++wrong) {
    Batch b2;
    b2.put_if("a", "3", wrong == 0 ? a : now).put_if("b", "3", wrong == 1 ? b : absent);
    b2.put_if("c", "3", wrong == 2 ? absent : now).erase_if("d", wrong == 3 ? absent : now).put("e", "3");
    ASSERT_EQ(outcome(store.put(b2)), "conflict") << wrong;
    EXPECT_EQ(contents(), (std::map<std::string, std::string>{{"a", "2"}, {"c", "new"}, {"d", "free"}}));
  }
  EXPECT_EQ(participants(store).value()[0].conflicts, 5u);
}

TEST_F(BatchTest, a_condition_stays_when_its_key_is_changed_again) {
  const Stamp seen = store.put("k", "1").value();
  store.put("k", "2").value();
  Batch b;
  b.put_if("k", "3", seen).put("k", "4");
  EXPECT_EQ(outcome(store.put(b)), "conflict");
  Batch c;
  c.put("k", "5").erase_if("k", store.get("k").value().stamp());
  EXPECT_EQ(outcome(store.put(c)), "ok");
  EXPECT_EQ(shown(store.get("k")), "<not_found>");
}

TEST_F(BatchTest, two_conditions_on_one_key_are_a_mistake) {
  Batch b;
  b.put("x", "1").put_if("k", "1", absent).put_if("k", "2", absent);
  EXPECT_EQ(outcome(store.put(b)), "invalid");
  EXPECT_EQ(contents().size(), 0u);
}

TEST_F(BatchTest, absent_holds_for_a_tombstone_of_a_batch) {
  Batch b;
  b.put("k", "1");
  store.put(b).value();
  b.clear();
  b.erase("k");
  store.put(b).value();
  EXPECT_EQ(outcome(store.erase("k")), "not_found");
  Batch again;
  again.put_if("k", "2", absent);
  EXPECT_EQ(outcome(store.put(again)), "ok");
  EXPECT_EQ(outcome(store.put(again)), "conflict");
  EXPECT_EQ(outcome(store.erase_if("k", store.get("k").value().stamp())), "ok");
}

// ---- Sizes ----------------------------------------------------------------------------------------------------------
TEST_F(BatchTest, one_larger_than_a_region_has_regions_of_its_own) {
  std::map<std::string, std::string> expected;
  for (int round = 0; round < 3; ++round) {
    Batch b;
    for (int i = 0; i < 60; ++i) {
      const std::string key = "key " + std::to_string(i);
      expected[key] = noise(static_cast<std::size_t>(3'000 + 137 * i), static_cast<std::uint64_t>(round * 100 + i));
      b.put(key, expected[key]);
    }
    store.put(b, {.align = round == 2 ? 4096u : 8u}).value();
    EXPECT_EQ(contents(), expected);
    for (const auto& [k, v] : expected) ASSERT_EQ(shown(store.get(k)), v);
  }
  store.put("key 7", "alone").value();  // its old version begins in the body of a run
  expected["key 7"] = "alone";
  EXPECT_EQ(contents(), expected);
  expect_sound();
  reopen();
  EXPECT_EQ(contents(), expected);
  reopen(true);
  EXPECT_EQ(contents(), expected);
  expect_sound();
}

TEST_F(BatchTest, limits_are_answers_with_numbers) {
  Batch many;
  for (int i = 0; i < 65'535; ++i) many.put(i, "x");
  {
    Store large = open(scratch / "large", small(64_MiB)).value();
    ASSERT_EQ(outcome(large.put(many)), "ok");
    EXPECT_EQ(stats(large).value().live_records, 65'535u);
    EXPECT_EQ(shown(large.get(65'534)), "x");
    many.put(0, "y");
    const auto refused = large.put(many);
    EXPECT_EQ(outcome(refused), "too_large");
    EXPECT_EQ(refused.error().detail, 65'535u);
  }
  Batch wide;
  wide.put(1, std::string(1_MiB, 'w')).put(2, std::string(1_MiB, 'w'));  // of 8 MiB
  const auto refused = store.put(wide);
  EXPECT_EQ(outcome(refused), "too_large");
  EXPECT_EQ(refused.error().detail, 2_MiB);
  EXPECT_EQ(contents().size(), 0u);
}

TEST_F(BatchTest, bad_input_is_refused_and_nothing_done) {
  const auto refused = [&](Key key, const std::string& bytes, const Put& how = {}) {
    Batch b;
    b.put("good", "x").put(key, bytes);
    return outcome(store.put(b, how));
  };
  EXPECT_EQ(refused("", "x"), "invalid");
  EXPECT_EQ(refused(std::string(1025, 'k'), "x"), "too_large");
  EXPECT_EQ(refused(std::string("\0own", 4), "x"), "invalid");
  EXPECT_EQ(refused("k", "x", {.align = 7}), "invalid");
  EXPECT_EQ(refused("k", "x", {.align = 8192}), "invalid");
  EXPECT_EQ(refused("k", std::string(3_MiB, 'x')), "too_large");
  Batch b;
  b.put("k", "x");
  EXPECT_EQ(outcome(open(path, small(Mode::read_only)).value().put(b)), "read_only");
  EXPECT_EQ(contents().size(), 0u);
}

// ---- Full -----------------------------------------------------------------------------------------------------------
TEST_F(BatchTest, a_full_store_refuses_it_and_is_as_it_was) {
  Store tight = open(scratch / "tight", small(1_MiB)).value();
  int n = 0;
  while (tight.put(n, noise(5'000, static_cast<std::uint64_t>(n)))) ++n;
  Batch b;
  for (int i = 0; i < 10; ++i) b.put(i, noise(6'000));
  EXPECT_EQ(outcome(tight.put(b)), "full");
  for (int i = 0; i < n; ++i) ASSERT_EQ(shown(tight.get(i)), noise(5'000, static_cast<std::uint64_t>(i)));
  Batch erases;
  for (int i = 0; i < n; ++i) erases.erase(i);
  EXPECT_EQ(outcome(tight.put(erases)), "ok");
  EXPECT_EQ(stats(tight).value().live_records, 0u);
}

TEST_F(BatchTest, a_full_disk_refuses_it_and_the_next_one_is_done) {
  Batch b;
  for (int i = 0; i < 30; ++i) b.put(i, noise(9'000));
  for (const int why : {ENOSPC, EDQUOT, EFBIG}) {
    test::Faults faults;
    faults.fail(os::Call::write, why, 1, true);
    EXPECT_EQ(outcome(store.put(b)), "full");
    EXPECT_GT(faults.failed(), 0u);
    EXPECT_EQ(contents().size(), 0u);
  }
  EXPECT_EQ(outcome(store.put(b)), "ok");
  EXPECT_EQ(contents().size(), 30u);
}

// The index finds no room while the batch is being installed: it is decided against, whoever finds that out.
TEST_F(BatchTest, without_room_for_the_index_nothing_of_it_is_there) {
  int refused = 0;
  for (std::uint64_t regions = 8; regions < 14; ++regions) {
    const std::string file = scratch / std::to_string(regions);
    Store tight = open(file, small(regions * 64_KiB)).value();
    std::size_t done = 0;
    for (int b = 0;; ++b) {
      Batch batch;
      for (int i = 0; i < 40; ++i) batch.put(b * 40 + i, "");
      const auto put = tight.put(batch);
      if (put) {
        done += 40;
        continue;
      }
      ASSERT_EQ(outcome(put), "full");
      ++refused;
      break;
    }
    EXPECT_EQ(stats(tight).value().live_records, done);
    while (tight.put(-1, "")) {  // goes on as long as anything fits
    }
    EXPECT_TRUE(verify(file).value().damage.empty());
  }
  EXPECT_EQ(refused, 6);
}

// ---- Instants -------------------------------------------------------------------------------------------------------
TEST_F(BatchTest, a_snapshot_shows_all_of_it_or_none) {
  store.put("a", "0").value();
  const auto before = store.snapshot().value();
  Batch b;
  b.put("a", "1").put("b", "1").erase("c");
  store.put(b).value();
  const auto between = store.snapshot().value();
  b.clear();
  b.put("a", "2").erase("b").put("c", "2");
  store.put(b).value();
  EXPECT_EQ(shown(before.get("a")), "0");
  EXPECT_EQ(shown(before.get("b")), "<not_found>");
  EXPECT_EQ(shown(between.get("a")), "1");
  EXPECT_EQ(shown(between.get("b")), "1");
  EXPECT_EQ(shown(between.get("c")), "<not_found>");
  std::size_t n = 0;
  for (Record& r : between.records()) n += r.text() == "1";
  EXPECT_EQ(n, 2u);
  EXPECT_EQ(contents(), (std::map<std::string, std::string>{{"a", "2"}, {"c", "2"}}));
}

// ---- Tails and waiting ----------------------------------------------------------------------------------------------
TEST_F(BatchTest, a_tail_follows_it_and_whoever_waits_is_woken) {
  auto tail = Tail::from_now(store).value();
  store.put("gone", "x").value();
  Batch b;
  b.put("a", "1").put("b", "1").erase("gone").put(7, "1");
  store.put(b).value();
  b.clear();
  b.put_if("a", "never", absent).put("b", "never");
  EXPECT_EQ(outcome(store.put(b)), "conflict");
  store.put("c", "last").value();
  std::map<std::string, std::string> seen;
  Stamp last = absent;
  for (int i = 0; i < 5; ++i) {
    const auto r = tail.next(std::chrono::seconds(5)).value();
    EXPECT_GE(r.stamp(), last);
    last = r.stamp();
    seen[r.is_text() ? std::string(r.key()) : "7"] = r.erased() ? "erased" : r.str();
  }
  EXPECT_EQ(seen, (std::map<std::string, std::string>{
                      {"a", "1"}, {"b", "1"}, {"gone", "erased"}, {"7", "1"}, {"c", "last"}}));
  EXPECT_EQ(outcome(tail.next({})), "timeout");
  EXPECT_EQ(shown(store.wait("a", absent, {})), "1");
}

// ---- Lasting --------------------------------------------------------------------------------------------------------
TEST_F(BatchTest, is_there_after_reopening_rebuilding_recovering_and_in_a_backup) {
  Batch b;
  for (int i = 0; i < 50; ++i) b.put(i, noise(200, static_cast<std::uint64_t>(i)));
  b.erase("never there").put("packed", std::string(3'000, 'p'));
  store.put("never there", "x").value();
  store.put(b, {.compress = true}).value();
  store.put(3, "newer").value();
  const auto expected = contents();
  const Stamp stamp = store.get(4).value().stamp();
  const auto check = [&] {
    EXPECT_EQ(contents(), expected);
    EXPECT_EQ(store.get(4).value().stamp(), stamp);
    expect_sound();
  };
  reopen();
  check();
  reopen(true);
  check();
  EXPECT_EQ(backup(store, scratch / "backup").value().records, expected.size());
  { const Store gone = std::move(store); }
  EXPECT_EQ(recover(path, scratch / "recovered").value().kept, expected.size());
  for (const char* copy : {"backup", "recovered"}) {
    store = open(scratch / copy, small()).value();
    EXPECT_EQ(contents(), expected) << copy;
    EXPECT_EQ(store.get(4).value().stamp(), stamp) << copy;
  }
}

TEST_F(BatchTest, a_reader_that_may_not_write_sees_it) {
  Batch b;
  b.put("a", "1").put("b", "1");
  store.put(b).value();
  const Store reader = open(path, small(Mode::read_only)).value();
  EXPECT_EQ(shown(reader.get("a")), "1");
  EXPECT_EQ(reader.get("a").value().stamp(), store.get("a").value().stamp());
  std::size_t n = 0;
  for (Record& r : reader.records()) n += r.text() == "1";
  EXPECT_EQ(n, 2u);
}

// What a power cut may leave: the decision, or a record, not on the disk.
struct TornBatch : BatchTest {
  void put_and_tear(const std::function<void(const test::FileEdit&)>& tear) {
    store.put("a", "old").value();
    store.put("c", "old").value();
    Batch b;
    b.put("a", "new").put("b", "new").erase("c");
    store.put(b).value();
    { const Store gone = std::move(store); }
    const test::FileEdit edit(path);
    for (std::uint64_t r = 0; r < edit.super().region_count; ++r) {  // nothing was synced
      auto d = edit.descriptor(r);
      d.synced = 0;
      edit.set(edit.descriptor_at(r), d);
    }
    tear(edit);
    Options o = small();
    o.rebuild = true;
    store = open(path, o).value();
  }
  static test::FoundRecord envelope(const test::FileEdit& edit) {
    for (const auto& r : edit.records())
      if (r.shape.kind == format::RecordKind::envelope) return r;
    ADD_FAILURE() << "no envelope";
    return {};
  }
  void expect_old() {
    EXPECT_EQ(contents(), (std::map<std::string, std::string>{{"a", "old"}, {"c", "old"}}));
    store.put("b", "later").value();
    expect_sound();
    reopen();
    EXPECT_EQ(contents().size(), 3u);
    reopen(true);
    EXPECT_EQ(contents().size(), 3u);
    expect_sound();
  }
};

TEST_F(TornBatch, without_its_decision_nothing_of_it_is_there) {
  put_and_tear([](const test::FileEdit& edit) {
    const auto at = envelope(edit).at;
    edit.set(at + offsetof(format::RecordHeader, stamp), format::decision(format::Verdict::pending));
    edit.set(at + offsetof(format::RecordHeader, word), std::uint64_t{0});
  });
  expect_old();
}

TEST_F(TornBatch, one_that_a_snapshot_pushed_is_as_undecided_as_any) {
  put_and_tear([](const test::FileEdit& edit) {
    const auto at = envelope(edit).at;
    edit.set(at + offsetof(format::RecordHeader, stamp), format::decision(format::Verdict::pending, 1'000));
    edit.set(at + offsetof(format::RecordHeader, word), std::uint64_t{0});
    for (const auto& r : edit.records()) {
      if (!format::in_batch(r.shape.kind)) continue;
      edit.set(r.at + offsetof(format::RecordHeader, stamp), std::uint64_t{0});
      edit.set(r.at + offsetof(format::RecordHeader, word), std::uint64_t{0});
    }
  });
  expect_old();
}

TEST_F(TornBatch, a_decision_without_its_check_was_seen_by_nobody) {
  put_and_tear([](const test::FileEdit& edit) {
    edit.set(envelope(edit).at + offsetof(format::RecordHeader, word), std::uint64_t{0});
  });
  expect_old();
}

TEST_F(TornBatch, without_the_copies_of_its_stamp_it_is_there) {
  put_and_tear([](const test::FileEdit& edit) {
    for (const auto& r : edit.records()) {
      if (!format::in_batch(r.shape.kind)) continue;
      edit.set(r.at + offsetof(format::RecordHeader, stamp), std::uint64_t{0});
      edit.set(r.at + offsetof(format::RecordHeader, word), std::uint64_t{0});
    }
  });
  EXPECT_EQ(contents(), (std::map<std::string, std::string>{{"a", "new"}, {"b", "new"}}));
  EXPECT_NE(store.get("a").value().stamp(), absent);
  expect_sound();
}

TEST_F(TornBatch, without_one_of_its_records_nothing_of_it_is_there) {
  for (const bool header : {false, true}) {
    SCOPED_TRACE(header);
    store = open(path, small()).value();
    put_and_tear([&](const test::FileEdit& edit) {
      test::FoundRecord last;
      for (const auto& r : edit.records())
        if (format::in_batch(r.shape.kind)) last = r;
      edit.write(last.at, std::string(header ? last.size : 0, '\0'));
      if (!header) edit.flip(last.at + format::kRecordHeaderSize + 8);
    });
    EXPECT_EQ(contents(), (std::map<std::string, std::string>{{"a", "old"}, {"c", "old"}}));
    { const Store gone = std::move(store); }
    ::unlink(path.c_str());
  }
}

TEST_F(TornBatch, recover_takes_nothing_of_one_that_is_not_whole) {
  store.put("a", "old").value();
  Batch b;
  b.put("a", "new").put("b", "new").put("c", "new");
  store.put(b).value();
  { const Store gone = std::move(store); }
  const test::FileEdit edit(path);
  test::FoundRecord last;
  for (const auto& r : edit.records())
    if (format::in_batch(r.shape.kind)) last = r;
  auto d = edit.descriptor(last.region);
  d.synced = 0;
  edit.set(edit.descriptor_at(last.region), d);
  edit.write(last.at, std::string(last.size, '\0'));
  EXPECT_FALSE(recover(path, scratch / "fresh").value().damage.empty());
  store = open(scratch / "fresh", small()).value();
  EXPECT_EQ(contents(), (std::map<std::string, std::string>{{"a", "old"}}));
}

// Nobody has copied its stamp into its records yet, so whoever looks asks the decision itself.
TEST_F(TornBatch, rot_in_a_decision_is_said_by_every_look) {
  store.put("a", "old").value();
  Batch b;
  b.put("a", "new").put("b", "new");
  store.put(b).value();
  { const Store gone = std::move(store); }
  const test::FileEdit edit(path);
  for (const auto& r : edit.records()) {
    if (!format::in_batch(r.shape.kind)) continue;
    edit.set(r.at + offsetof(format::RecordHeader, stamp), std::uint64_t{0});
    edit.set(r.at + offsetof(format::RecordHeader, word), std::uint64_t{0});
  }
  edit.set(envelope(edit).at + offsetof(format::RecordHeader, stamp), format::decision(format::Verdict::conflict));
  store = open(path, small()).value();
  EXPECT_EQ(shown(store.get("a")), "<damaged>");
}

// A record that leads to an envelope in another region belongs to no batch, whatever is decided there.
TEST_F(TornBatch, a_record_whose_envelope_is_elsewhere_is_damaged) {
  Batch b;
  store.put(b.put("x", "1")).value();
  store.put("filler", noise(60'000)).value();
  store.put("more", noise(10'000)).value();
  b.clear();
  store.put(b.put("a", "new")).value();
  { const Store gone = std::move(store); }
  const test::FileEdit edit(path);
  const auto first = envelope(edit), record = edit.find("a");
  ASSERT_NE(first.region, record.region);
  edit.set(record.at + format::kRecordHeaderSize, format::BatchLink{record.at - first.at, format::kUnconditional});
  edit.set(record.at + offsetof(format::RecordHeader, stamp), std::uint64_t{0});
  edit.set(record.at + offsetof(format::RecordHeader, word), std::uint64_t{0});
  store = open(path, small()).value();
  EXPECT_EQ(shown(store.get("a")), "<damaged>");
}

TEST_F(TornBatch, rot_in_what_was_synced_is_said) {
  Batch b;
  b.put("a", "new").put("b", "new");
  store.put(b).value();
  { const Store gone = std::move(store); }
  const test::FileEdit edit(path);
  edit.flip(envelope(edit).at + offsetof(format::RecordHeader, stamp) + 2);
  Options o = small();
  o.rebuild = true;
  EXPECT_EQ(outcome(open(path, o)), "damaged");
  EXPECT_FALSE(verify(path).value().damage.empty());
  const auto salvage = recover(path, scratch / "fresh").value();
  EXPECT_FALSE(salvage.damage.empty());
}

}  // namespace
}  // namespace durra
