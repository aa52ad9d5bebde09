// Records that have rotted or are not done, as gets, scans, a rebuild and those who only read see them.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <utility>

#include "format/batch.h"
#include "format/checksum.h"
#include "format/walk.h"
#include "store/append.h"
#include "store/index.h"
#include "store/os.h"
#include "tests/support/crash.h"
#include "tests/support/disk.h"
#include "tests/support/faults.h"
#include "tests/support/file_edit.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct OddRecords : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra";

  // By a process that is killed at this point of `act`.
  void leave(const std::function<void(Store&)>& act, const Point& at) const {
    { const Store made = open(path, small()).value(); }
    ASSERT_TRUE(ends_at(
        [&] {
          Store theirs = open(path, small()).value();
          theirs.put("warm", "up").value();
          arm();
          act(theirs);
        },
        at));
  }
  static Options rebuild() {
    Options o = small();
    o.rebuild = true;
    return o;
  }
};

// Its size is the first word of the payload, and no check is made of the payload at a get.
TEST_F(OddRecords, a_compressed_payload_that_is_none_is_damage) {
  {
    Store store = open(path, small()).value();
    store.put("packed", std::string(5'000, 'p'), {.compress = true}).value();
    store.put("plain", "v").value();
  }
  const FileEdit edit(path);
  const auto r = edit.find("packed");
  ASSERT_TRUE(r.shape.compressed);
  edit.write(r.payload_at + 4, std::string(r.shape.payload_size - 4, '\xff'));
  const Store store = open(path, small()).value();
  const auto answer = store.get("packed");
  ASSERT_EQ(outcome(answer), "damaged");
  EXPECT_EQ(answer.error().detail, r.at);
  Records all = store.records();
  int seen = 0;
  for (const Record& one : all) seen += one.key() == "plain";
  EXPECT_EQ(seen, 1) << "the scan goes on behind it";
  EXPECT_EQ(outcome(all.status()), "damaged");
  EXPECT_EQ(all.status().error().detail, r.at);
}

// A tail gave the pin of such a record back twice: its collection lost its own, and the count of the cell fell below 0,
// so that nothing was freed any more.
TEST_F(OddRecords, a_tail_that_meets_one_gives_its_pin_back_once) {
  Store store = open(path, small()).value();
  store.put("packed", std::string(5'000, 'p'), {.compress = true}).value();
  store.put("plain", "v").value();
  detail::Handle& h = *detail::handle_of(store);
  const auto packed = detail::writable_payload(detail::find(h, detail::view(h, "packed")).record);
  std::memset(packed.data() + 4, 0xff, packed.size() - 4);
  const auto pins = [&] {
    std::uint64_t n = 0;
    for (auto& cell : h.space.seat(0).pins) n += format::pin_count(shared::pin_load(cell));
    return n;
  };
  {
    Tail tail = Tail::open(store, "t").value();
    EXPECT_EQ(outcome(tail.next(Duration::zero())), "damaged");
    EXPECT_EQ(pins(), 1u) << "of the collection";
    EXPECT_EQ(shown(tail.next(Duration::zero())), "v");
  }
  EXPECT_EQ(pins(), 0u);
}

TEST_F(OddRecords, a_payload_lies_in_the_file_where_it_says) {
  Store store = open(path, small()).value();
  store.put("plain", "as it is").value();
  store.put("packed", std::string(5'000, 'p'), {.compress = true}).value();
  const auto plain = file_range(store.get("plain").value()), packed = file_range(store.get("packed").value());
  EXPECT_FALSE(plain.packed);
  EXPECT_EQ(FileEdit(path).read(plain.offset, plain.size), "as it is");
  EXPECT_TRUE(packed.packed);
  EXPECT_LT(packed.size, 5'000u);
  EXPECT_EQ(packed.offset, FileEdit(path).find("packed").payload_at);
}

// A file that was cut behind its last record is whole after a rebuild; a record that says that it reaches further has
// rotted, though its check agrees: nobody looks there, for there is nothing.
TEST_F(OddRecords, a_record_that_reaches_beyond_the_end_of_the_file_is_damage) {
  {
    Store store = open(path, small()).value();
    for (int i = 0; i < 2; ++i) store.put(i, noise(50'000)).value();  // the index lies between the two
  }
  std::uint64_t end = 0;
  for (const auto& r : FileEdit(path).records()) end = std::max(end, r.at + r.size);
  FileEdit(path).cut(end);
  { const Store sealed = open(path, rebuild()).value(); }
  const Store store = open(path, small()).value();  // only the records of a sealed region must be there
  ASSERT_EQ(stats(store).value().opened, Opened::clean);
  ASSERT_EQ(FileEdit(path).size(), end);
  EXPECT_TRUE(shown(store.get(1)) == noise(50'000));
  detail::Handle& h = *detail::handle_of(store);
  auto r = detail::find(h, detail::view(h, Key(1))).record;
  r.shape.payload_size += 4'096;
  r.header->shape = format::pack(r.shape);
  r.header->head_check = format::head_check(*r.header, r.region_seed, r.at);
  const auto answer = store.get(1);
  ASSERT_EQ(outcome(answer), "damaged");
  EXPECT_STREQ(answer.error().what, "record is outside the file");
}

// A region that was over counts as far as it can be read, for the next life had begun to write there.  Its mark is
// lowered on the disk before its state: a power cut between the two would make damage of what is missing below it.
TEST_F(OddRecords, of_a_life_that_was_over_count_as_far_as_they_can_be_read) {
  {
    Store store = open(path, small()).value();
    for (int i = 0; i < 10; ++i) store.put("k" + std::to_string(i), "v").value();
  }
  const FileEdit edit(path);
  edit.declare_synced();
  const FoundRecord broken = edit.find("k5");
  auto w = edit.word(broken.region);
  w.state = format::RegionState::retired;
  edit.set_word(broken.region, w);
  edit.write(broken.at, std::string(48, '\xee'));
  struct Watch final : os::Faults {
    explicit Watch(std::function<bool()> now) : is_so(std::move(now)) { os::set_faults(this); }
    ~Watch() override { os::set_faults(nullptr); }
    int before(os::Call c) override {
      if (c == os::Call::sync) seen = seen || is_so();
      return 0;
    }
    const std::function<bool()> is_so;
    bool seen = false;
  };
  Watch lowered_before_the_state([&] {
    const std::uint64_t mark = format::untag(edit.descriptor(broken.region).synced, w.generation) * 8;
    return edit.word(broken.region).state == format::RegionState::retired &&
           mark == broken.at - edit.region_at(broken.region);
  });
  const auto store = open(path, rebuild());
  ASSERT_EQ(outcome(store), "ok");
  EXPECT_TRUE(lowered_before_the_state.seen);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(outcome(store->get("k" + std::to_string(i))), i < 5 ? "ok" : "not_found") << i;
}

// Somebody died between publishing it and its stamp.  Who may not write cannot give it one: it is shown without.
TEST_F(OddRecords, one_without_a_stamp_is_shown_to_who_only_reads) {
  leave([](Store& s) { s.put("k", "new").value(); }, {"put.5", 0});
  {
    const Store reader = open(path, small(Mode::read_only)).value();
    const auto r = reader.get("k").value();
    EXPECT_EQ(r.str(), "new");
    EXPECT_EQ(r.stamp(), absent);
  }
  const Store writer = open(path, small()).value();
  EXPECT_EQ(shown(writer.get("k")), "new");
  EXPECT_NE(writer.get("k").value().stamp(), absent);
}

// The same of a batch that was decided: its envelope has the stamp, its records have not got their copies.
TEST_F(OddRecords, one_of_a_batch_has_the_stamp_of_its_envelope_for_who_only_reads) {
  leave([](Store& s) { s.put(Batch().put("a", "1").put("b", "2")).value(); }, {"batch.check", 0});
  std::uint64_t stamp = 0;
  {
    const Store reader = open(path, small(Mode::read_only)).value();
    const auto r = reader.get("a").value();
    EXPECT_EQ(r.str(), "1");
    stamp = static_cast<std::uint64_t>(r.stamp());
    EXPECT_NE(stamp, 0u);
    EXPECT_EQ(static_cast<std::uint64_t>(reader.get("b").value().stamp()), stamp);
  }
  const Store writer = open(path, small()).value();
  EXPECT_EQ(static_cast<std::uint64_t>(writer.get("a").value().stamp()), stamp);
}

// ---- A batch with a record that is not its own, as a rebuild finds it -----------------------------------------------

struct OddBatch : OddRecords {
  std::uint64_t envelope = 0;
  void SetUp() override {
    leave(
        [](Store& s) {
          s.put("a", "old").value();
          s.put(Batch().put("a", "new").put("b", "new").put("c", "new")).value();
          s.put("end", "").value();
        },
        {"put.6", 1});
    const FileEdit edit(path);
    std::vector<FoundRecord> its;
    for (const auto& r : edit.records()) {
      if (r.shape.kind == format::RecordKind::envelope) envelope = r.at;
      if (format::in_batch(r.shape.kind)) its.push_back(r);
    }
    ASSERT_EQ(its.size(), 3u);
    const FoundRecord& second = its[1];  // says that it belongs to another, and its check agrees
    const std::uint64_t link_at = second.at + format::kRecordHeaderSize;
    auto link = edit.get<format::BatchLink>(link_at);
    link.envelope += 8;
    edit.set(link_at, link);
    const std::uint64_t seed = format::region_seed(edit.seed(), second.region, edit.word(second.region).generation);
    const std::string body = edit.read(link_at, format::checked_size(second.shape, second.at) - 48);
    auto header = edit.get<format::RecordHeader>(second.at);
    header.body_check =
        format::body_check(reinterpret_cast<const std::byte*>(body.data()), body.size(), seed, second.at);
    header.head_check = format::head_check(header, seed, second.at);
    edit.set(second.at, header);
  }
};

TEST_F(OddBatch, none_of_it_is_there_if_it_was_never_durable) {
  const Store store = open(path, rebuild()).value();
  EXPECT_EQ(shown(store.get("a")), "old");
  EXPECT_EQ(shown(store.get("b")), "<not_found>");
  EXPECT_EQ(shown(store.get("c")), "<not_found>");
  EXPECT_TRUE(store.get("end")) << "what lies behind it is";
}

TEST_F(OddBatch, it_is_damage_if_it_was) {
  FileEdit(path).declare_synced();
  const auto store = open(path, rebuild());
  ASSERT_EQ(outcome(store), "damaged");
  EXPECT_EQ(store.error().detail, envelope);
}

// ---- A store that moves on while it is verified ---------------------------------------------------------------------

// What looks wrong there is looked at again: here it was mended, and the region has grown, at some read of verify.
TEST_F(OddRecords, what_changed_while_verify_looked_is_no_damage) {
  struct Hook final : os::Faults {
    Hook() { os::set_faults(this); }
    ~Hook() override { os::set_faults(nullptr); }
    int before(os::Call c) override {
      if (c == os::Call::read && ++reads == at && act) std::exchange(act, nullptr)();
      return 0;
    }
    std::uint64_t reads = 0, at = 0;
    std::function<void()> act;
  };
  Store store = open(path, small()).value();
  for (int i = 0; i < 10; ++i) store.put(i, "value").value();
  detail::Handle& h = *detail::handle_of(store);
  auto* const record = detail::find(h, detail::view(h, Key(5))).record.header;
  int clean = 0;
  for (std::uint64_t at = 1; at != 80; ++at) {
    Hook hook;
    hook.at = at;
    hook.act = [&] {
      record->head_check ^= 1;
      store.put(100 + at, "more").value();
    };
    record->head_check ^= 1;
    const auto verdict = verify(path).value();
    const bool healed = !hook.act;
    if (!healed) record->head_check ^= 1;
    if (!healed) break;
    if (!verdict.damage.empty()) continue;
    ++clean;
    EXPECT_LE(10 + at - verdict.records, 1u) << "each is counted once, but the newest perhaps not yet";
  }
  EXPECT_GT(clean, 0);
  EXPECT_TRUE(verify(path).value().damage.empty());
}

}  // namespace
}  // namespace durra::test
