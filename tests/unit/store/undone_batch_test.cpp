// Batches that are decided against: by want of space for the index, by others, by rot.  Nothing of one is there, its
// owner is told why, and everybody goes on.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "store/append.h"
#include "store/batch.h"
#include "store/step.h"
#include "tests/support/crash.h"
#include "tests/support/faults.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

struct UndoneBatch : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store store = open(path, small(64_MiB)).value();
  detail::Handle& handle = *detail::handle_of(store);

  // A process that puts "a" and "b" in a batch, and is told this.
  Body puts_both(Code told) const {
    return [this, told] {
      Store theirs = open(path, small()).value();
      theirs.put("warm", "up").value();
      arm();
      const auto done = theirs.put(Batch().put("a", "new").put("b", "new"));
      disarm();
      EXPECT_EQ(outcome(done), name(told));
      EXPECT_TRUE(theirs.put("theirs", "works"));
    };
  }
  detail::RecordRef record_at(std::uint64_t at) const {
    detail::RecordRef r;
    EXPECT_EQ(handle.space.locate(at, r), nullptr);
    return r;
  }
  // The batch that somebody has in the works.
  detail::RecordRef envelope(std::uint32_t& seat) const {
    for (seat = 0; seat < handle.space.super().seat_count; ++seat)
      if (const auto at = shared::batch_load(handle.space.seat(seat).batch); at != 0) return record_at(at);
    throw std::runtime_error("no batch");
  }
};

TEST_F(UndoneBatch, without_space_for_the_index_nothing_of_it_is_there) {
  {
    Faults faults;
    faults.fail(os::Call::write, ENOSPC, 2, true);  // the first call is for the region that the batch lies in
    EXPECT_EQ(outcome(store.put(Batch().put("a", "1").put("b", "2"))), "full");
    EXPECT_EQ(stats(store).value().region_count - stats(store).value().regions_free, 1u);
    EXPECT_EQ(shown(store.get("a")), "<not_found>");
    EXPECT_EQ(shown(store.get("b")), "<not_found>");
  }
  EXPECT_EQ(outcome(store.put(Batch().put("a", "1").put("b", "2"))), "ok");
  EXPECT_EQ(shown(store.get("a")) + shown(store.get("b")), "12");
  EXPECT_TRUE(verify(path).value().damage.empty());
}

// Its owner stopped for so long that it was taken for dead, and went on.
TEST_F(UndoneBatch, by_a_reaper_its_owner_is_told_that_it_lost_its_seat) {
  for (const char* key : {"a", "b"}) store.put(key, "old").value();
  Stopped owner(puts_both(Code::evicted), {"batch.4", 0});
  ASSERT_TRUE(owner.reached());
  std::uint32_t seat = 0;
  (void)envelope(seat);
  detail::reap_batch(handle, seat);
  EXPECT_EQ(owner.finish(), 0);
  EXPECT_EQ(shown(store.get("a")) + shown(store.get("b")), "oldold");
}

// Whoever comes by decides against it, and goes on; else it would be in everybody's way for ever.
TEST_F(UndoneBatch, a_record_of_it_that_belongs_elsewhere_is_damage_to_its_owner_alone) {
  for (const char* key : {"a", "b"}) store.put(key, "old").value();
  Stopped owner(puts_both(Code::damaged), {"batch.5", 0});
  ASSERT_TRUE(owner.reached());
  std::uint32_t seat = 0;
  const auto first = record_at(envelope(seat).at + format::kEnvelopeSize);
  auto second = record_at(first.at + first.size());
  second.shape.kind = format::RecordKind::put;  // with a check that agrees
  second.header->shape = format::pack(second.shape);
  second.header->head_check = format::head_check(*second.header, second.region_seed, second.at);
  const std::string key(first.key());
  EXPECT_EQ(outcome(store.put(key, "mine")), "ok");
  EXPECT_EQ(owner.finish(), 0);
  EXPECT_EQ(shown(store.get(key)), "mine");
  EXPECT_EQ(shown(store.get(key == "a" ? "b" : "a")), "old");
}

// What stood before it is what counts for its keys: where the way there has rotted, nobody knows what that is.
TEST_F(UndoneBatch, whose_record_leads_to_another_key_is_damage_to_readers_and_writers) {
  for (const char* key : {"a", "b", "c"}) store.put(key, "old").value();
  Stopped owner(puts_both(Code::evicted), {"batch.5", 0});
  ASSERT_TRUE(owner.reached());
  std::uint32_t seat = 0;
  const auto first = record_at(envelope(seat).at + format::kEnvelopeSize);
  detail::reap_batch(handle, seat);
  EXPECT_EQ(owner.finish(), 0);
  const std::string key(first.key());
  ASSERT_EQ(shown(store.get(key)), "old");
  shared::draft_store(first.header->prev, detail::find(handle, detail::view(handle, "c")).record.at);
  EXPECT_EQ(shown(store.get(key)), "<damaged>");
  EXPECT_EQ(outcome(store.put(key, "new")), "damaged");
  EXPECT_EQ(outcome(store.put(Batch().put("c", "new").put(key, "new"))), "damaged");
  EXPECT_EQ(shown(store.get("c")), "old");
}

// Each is in the way of the one before it.  So many cannot be in the works, for each has a seat of its own; whoever
// decided one from inside the other would come to the end of his stack.
TEST_F(UndoneBatch, a_long_chain_of_them_is_damage) {
  constexpr std::uint64_t kBatches = 30'000;
  std::vector<std::uint64_t> keys(kBatches + 1);  // in the order in which batches have them
  for (std::uint64_t i = 0; i < keys.size(); ++i) keys[i] = format::id_of((i + 1) << 44, handle.space.seed());
  for (std::uint64_t i = 0; i < kBatches; ++i) store.put(Batch().put(keys[i], "").put(keys[i + 1], "")).value();
  for (std::uint64_t r = 0; r < handle.space.regions(); ++r) {
    const auto w = format::unpack(shared::state_load(handle.space.descriptor(r).state));
    if (w.type != format::RegionType::data || !format::may_hold_records(format::pack(w))) continue;
    const std::uint64_t base = handle.space.region_offset(r);
    const std::uint64_t end = base + shared::tail_load(handle.space.descriptor(r).tail);
    for (auto record = record_at(base + format::kRegionData);; record = record_at(record.at + record.size())) {
      const bool decides = record.shape.kind == format::RecordKind::envelope;
      shared::draft_store(record.header->stamp, decides ? format::decision(format::Verdict::pending) : 0);
      shared::draft_store(record.header->word, 0);
      if (record.at + record.size() >= end) break;
    }
  }
  EXPECT_EQ(outcome(store.put(keys[0], "mine")), "ok") << "the first is decided against, for it met damage";
  EXPECT_EQ(shown(store.get(keys[0])), "mine");
}

// Somebody with a store of his own in a thread of his own, who stops at steps.
class Actor {
 public:
  Actor(const std::string& path, std::function<std::string(Store&)> act, std::string step)
      : stop_at_(std::move(step)), thread_([this, path, act = std::move(act)] {
          self = this;
          Store mine = open(path, small(8_MiB, 3)).value();
          told_ = act(mine);
          stopped_ = true;
        }) {
    wait();
  }
  // On, until it is there again; "": to its end.  What it was told by then.
  const std::string& go_on(const std::string& step) {
    stop_at_ = step;
    stopped_ = false;
    wait();
    return told_;
  }
  ~Actor() { thread_.join(); }
  static void pass(const char* step) {
    if (self == nullptr || self->stop_at_ != step) return;
    self->stopped_ = true;
    while (self->stopped_) os::nap(std::chrono::microseconds(100));
  }

 private:
  void wait() const {
    while (!stopped_) os::nap(std::chrono::microseconds(100));
  }
  static thread_local Actor* self;
  std::string stop_at_, told_;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};
thread_local Actor* Actor::self = nullptr;

// Whoever helps a batch that meets a batch may stop there until both are decided and others of theirs are in the way.
// A chain of four by three seats was taken for rot, and the one at its end, which was none, was decided against.
TEST(ChainOfBatches, that_others_have_decided_meanwhile_is_none) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  std::vector<std::uint64_t> keys;  // in the order in which batches have them
  {
    Store store = open(path, small(8_MiB, 3)).value();
    const auto seed = detail::handle_of(store)->space.seed();
    for (std::uint64_t i = 1; i <= 5; ++i) keys.push_back(format::id_of(i << 56, seed));
    for (const int i : {2, 3, 4}) store.put(keys[static_cast<std::size_t>(i)], "old").value();
  }
  // Two batches, each of two keys.
  const auto both = [&](std::size_t first, std::size_t second) {
    return [&, first, second](Store& s) {
      std::string told = outcome(s.put(Batch().put(keys[first], "1").put(keys[first + 1], "1")));
      if (second != 0) told += " " + outcome(s.put(Batch().put(keys[second], "2").put(keys[second + 1], "2")));
      return told;
    };
  };
  step_hook = Actor::pass;
  Actor z(path, both(1, 3), "batch.5"), y(path, both(0, 2), "batch.5"), x(path, both(0, 0), "batch.prev");
  z.go_on("batch.4");  // its first is decided, and its second not in place
  y.go_on("batch.4");
  y.go_on("batch.5");  // where x is, and behind it
  z.go_on("batch.5");
  EXPECT_EQ(x.go_on(""), "ok");
  EXPECT_EQ(y.go_on(""), "ok ok");
  EXPECT_EQ(z.go_on(""), "ok ok");
  step_hook = nullptr;
}

}  // namespace
}  // namespace durra::test
