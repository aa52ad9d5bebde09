// When memory runs out: std::bad_alloc comes through to the caller, the call has done nothing or all, nothing stays
// pinned, held or locked, and the handle goes on.  Each test makes the 1st, the 2nd, ... allocation of an operation
// fail, alone or with all that follow, until the operation needs no more.
#include <durra/block.h>
#include <durra/care.h>
#include <durra/types.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/block.h"
#include "store/index.h"
#include "store/step.h"
#include "store/sync_thread.h"
#include "store/tail.h"
#include "store/tidy.h"
#include "tests/support/disk.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

// ---- Memory that ends -----------------------------------------------------------------------------------------------
// Allocations until one fails; below 0: none does.
thread_local constinit std::int64_t left = -1;
std::atomic<std::int64_t> left_of_others{-1};  // of all threads but the one that asked for it together
std::atomic<bool> for_good{false};             // all after it fail too
std::atomic<std::uint64_t> refused{0};
thread_local constinit bool asked = false;

bool runs_out() noexcept {
  std::int64_t now = asked ? left : left_of_others.load();
  if (now < 0) return false;
  if (asked)
    left = now == 0 ? (for_good ? 0 : -1) : now - 1;
  else
    while (now > 0 && !left_of_others.compare_exchange_weak(now, now - 1)) {
    }
  if (now != 0) return false;
  if (!asked && !for_good) left_of_others = -1;
  ++refused;
  return true;
}

void* allocate_if_any(std::size_t size) noexcept { return runs_out() ? nullptr : std::malloc(size != 0 ? size : 1); }
void* allocate(std::size_t size) {
  void* const p = allocate_if_any(size);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace
}  // namespace durra::test

// Of the whole executable: all but those of great alignment, so that a sanitizer sees no pair of two kinds.
void* operator new(std::size_t size) { return durra::test::allocate(size); }
void* operator new[](std::size_t size) { return durra::test::allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return durra::test::allocate_if_any(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return durra::test::allocate_if_any(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace durra::test {
namespace {

using namespace std::chrono_literals;
using detail::Handle;
using detail::handle_of;

// While one lives, this thread's memory runs out after `n` allocations.
class Shortage {
 public:
  Shortage(std::int64_t n, bool lasting) noexcept {
    for_good = lasting;
    refused = 0;
    asked = true;
    left = n;
  }
  ~Shortage() { left = -1; }
  Shortage(const Shortage&) = delete;
};

// That of all other threads.
class ShortageElsewhere {
 public:
  ShortageElsewhere(std::int64_t n, bool lasting) noexcept {
    for_good = lasting;
    refused = 0;
    asked = true;
    left_of_others = n;
  }
  ~ShortageElsewhere() { left_of_others = -1; }
  ShortageElsewhere(const ShortageElsewhere&) = delete;
};

// ---- What an operation may not leave behind -------------------------------------------------------------------------
void expect_nothing_held(const Store& store) {
  Handle& h = *handle_of(store);
  EXPECT_EQ(h.refs.load(), 1);
  EXPECT_TRUE(h.names.in_use.empty());
  EXPECT_TRUE(h.holds.regions.empty());
  for (std::uint64_t i = 0; i < h.seats.count.load(); ++i) {
    const detail::LocalSeat& seat = *h.seats.list[i].load();
    EXPECT_FALSE(seat.busy.load());
    EXPECT_FALSE(seat.compacting);
    for (auto& cell : seat.shared->pins) EXPECT_EQ(format::pin_count(shared::pin_load(cell)), 0u);
  }
  for (auto& cell : h.reader_pins.cells) EXPECT_EQ(format::pin_count(shared::pin_load(cell)), 0u);
}

class OutOfMemory : public testing::Test {
 protected:
  ~OutOfMemory() override {
    if (!store_) return;
    store_.reset();
    EXPECT_TRUE(verify(path_).value().damage.empty());
    EXPECT_EQ(stats(open(path_, small()).value()).value().opened, Opened::clean);  // all seats were given back
  }

  // `operation` says whether it did what it should: it must where nothing was refused.
  void each_allocation(const std::function<bool()>& operation, const std::function<void()>& then = {}) {
    for (const bool lasting : {false, true})
      for (std::int64_t n = 0;; ++n) {
        SCOPED_TRACE("allocation " + std::to_string(n) + (lasting ? " and all after it" : ""));
        bool thrown = false, done = false;
        {
          const Shortage shortage(n, lasting);
          try {
            done = operation();
          } catch (const std::bad_alloc&) {
            thrown = true;
          }
        }
        const bool had_enough = refused == 0;
        EXPECT_FALSE(thrown && had_enough);
        EXPECT_TRUE(done || !had_enough);
        if (store_) {
          expect_nothing_held(*store_);
          EXPECT_EQ(outcome(store_->put("probe", std::to_string(n))), "ok");
          EXPECT_EQ(shown(store_->get("probe")), std::to_string(n));
          EXPECT_LE(participants(*store_).value().size(), 2u);
        }
        if (then) then();
        if (had_enough) {
          most_ = std::max(most_, n);
          break;
        }
        if (HasFailure()) return;
        ASSERT_LT(n, 10'000);
      }
    EXPECT_GT(most_, 0) << "it allocates nothing: nothing is tested";
  }

  Store& store() { return *store_; }
  void fill(int count = 40) {
    for (int i = 0; i < count; ++i) store().put("k" + std::to_string(i), noise(100)).value();
    for (int i = 0; i < count; ++i)
      store().put("packed" + std::to_string(i), std::string(1000, 'a'), {.compress = true}).value();
  }

  const TmpfsIsADisk on_a_disk_;
  Scratch scratch_;
  const std::string path_ = scratch_ / "s.durra";
  std::optional<Store> store_{open(path_, small()).value()};
  std::int64_t most_ = 0;
};

// ---- Reading --------------------------------------------------------------------------------------------------------
// The pin was counted for a Record that was never made.
TEST_F(OutOfMemory, a_get_gives_its_pin_back) {
  fill();
  each_allocation([&] {
    const auto packed = store().get("packed1"), plain = store().get("k1");
    return packed && plain && packed->text().size() == 1000;
  });
}

// One pin for a group of 16: those of the Records that were not made yet stayed.
TEST_F(OutOfMemory, a_get_of_many_gives_all_its_pins_back) {
  fill();
  const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (int i = 0; i < 40; ++i)
      all.push_back((i % 3 == 0 ? "packed" : i % 3 == 1 ? "k" : "absent") + std::to_string(i));
    return all;
  }();
  const std::vector<Key> keys(names.begin(), names.end());
  each_allocation([&] { return store().get_many(keys).size() == keys.size(); });
}

TEST_F(OutOfMemory, a_scan_gives_its_pin_back) {
  fill();
  each_allocation([&] {
    int n = 0;
    for (Record& r : store().records("packed")) n += r.text().size() == 1000;
    return n == 40;
  });
}

// It had passed over the record that it had no memory for.
TEST_F(OutOfMemory, a_scan_goes_on_where_it_was) {
  fill();
  for (std::int64_t fails = 0; fails < 45; ++fails) {
    auto records = store().records("packed");
    Records::Iterator i{&records};
    int n = 0;
    for (std::int64_t turn = 0;; ++turn) {
      try {
        const Shortage shortage(turn == fails ? 0 : -1, false);
        ++i;
      } catch (const std::bad_alloc&) {
        continue;
      }
      if (i == std::default_sentinel) break;
      ++n;
    }
    EXPECT_EQ(n, 40);
  }
}

TEST_F(OutOfMemory, a_snapshot_gives_its_pins_back) {
  fill();
  each_allocation([&] {
    const auto s = store().snapshot().value();
    int n = 0;
    for (Record& r : s.records("a prefix that is too long for the string itself")) n += r.erased();
    for (Record& r : s.records("packed")) n += r.bytes().size() == 1000;
    return s.get("packed7") && n == 40;
  });
}

// ---- Writing --------------------------------------------------------------------------------------------------------
TEST_F(OutOfMemory, puts_and_erases) {
  int fresh = 0;
  each_allocation([&] {
    for (int i = 0; i < 150; ++i)  // the index grows
      if (!store().put(fresh++, "v")) return false;
    auto put =
        store().put("packed", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", {.compress = true});
    return put && store().put_if("packed", "b", *put) && store().erase(fresh - 1) && store().append("log", "event");
  });
}

TEST_F(OutOfMemory, a_draft_gives_its_seat_back) {
  each_allocation([&] {
    auto one = store().draft("a name that is too long for the string itself", 100);
    if (!one) return false;
    auto two = store().draft("b", 100);  // from another seat
    return two && std::move(*two).publish() && std::move(*one).publish();
  });
}

// All of it or nothing, and nothing in flight.
TEST_F(OutOfMemory, a_batch_is_put_or_not) {
  fill();
  int round = 0;
  each_allocation(
      [&] {
        const std::string_view value = ++round % 2 == 0 ? "even" : "odd";
        Batch b;
        for (int i = 0; i < 30; ++i) b.put("batch" + std::to_string(i), value);
        b.put("packed", std::string(1000, 'x')).erase("k1");
        return bool(store().put(b, {.compress = true}));
      },
      [&] {
        for (int i = 1; i < 30; ++i)
          EXPECT_EQ(shown(store().get("batch0")), shown(store().get("batch" + std::to_string(i))));
      });
}

// ---- Tails ----------------------------------------------------------------------------------------------------------
TEST_F(OutOfMemory, the_name_of_a_tail_can_be_taken_again) {
  const std::string name(40, 'n');
  fill();
  each_allocation(
      [&] {
        auto tail = Tail::open(store(), name, "a prefix that is too long for the string itself");
        return tail && tail->save();
      },
      [&] {
        EXPECT_EQ(outcome(Tail::open(store(), name)), "ok");
        auto other = open(path_, small()).value();  // nor does the record say that this handle has it
        EXPECT_EQ(outcome(Tail::open(other, name)), "ok");
      });
}

// A collection that had ended half way was given out of order and not to its end; one that was over began again.
TEST_F(OutOfMemory, a_tail_shows_each_version_once_and_in_order) {
  const auto name = [](int i) { return "an event whose key is too long for the string " + std::to_string(1000 + i); };
  int put = 0, seen = 0;
  for (const bool lasting : {false, true})
    for (std::int64_t n = 0, more = 1; more != 0; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n) + (lasting ? " and all after it" : ""));
      auto tail = Tail::open(store(), "t", "an event").value();
      for (int i = 0; i < 6; ++i) store().put(name(put++), std::string(1000, 'e'), {.compress = i % 2 == 0}).value();
      more = 0;
      for (int next = 0; next < 3; ++next) {
        const Shortage shortage(n, lasting);
        try {
          if (const auto r = tail.next(0s)) seen += r->key().ends_with(std::to_string(1000 + seen));
        } catch (const std::bad_alloc&) {
        }
        more += refused != 0;
      }
      for (auto r = tail.next(0s); r; r = tail.next(0s)) EXPECT_EQ(r->key(), name(seen++));
      ASSERT_EQ(seen, put);
      tail.save().value();
      { const auto gone = std::move(tail); }
      expect_nothing_held(store());
    }
}

int number_in(const Record& r) {  // at the end of its key; allocates nothing
  int n = -1;
  const std::string_view key = r.key();
  std::from_chars(key.data() + key.rfind(' ') + 1, key.data() + key.size(), n);
  return n;
}

// Where a full collection ended was copied when its last version was already gone: what had the same stamp came again.
TEST_F(OutOfMemory, a_tail_goes_on_behind_a_full_collection) {
  constexpr int kBegin = 1'000'000, kEnd = kBegin + static_cast<int>(detail::kCollectMax) + 10;
  auto large = open(scratch_ / "large.durra", small(64_MiB)).value();
  auto tail = Tail::from_now(large).value();
  for (int i = kBegin; i < kEnd;) {
    Batch b;
    while (i < kEnd && b.size() < 40'000)
      b.put("a key that is too long for the string itself " + std::to_string(i++), "");
    large.put(b).value();
  }
  bool enough = true;  // not so for the last of the first collection
  for (int i = kBegin; i < kEnd; enough = !enough) {
    const Shortage shortage(enough ? -1 : 1, false);
    try {
      const auto r = tail.next(0s);
      ASSERT_TRUE(r && number_in(*r) == i) << i << ": " << shown(r);
      ++i;
    } catch (const std::bad_alloc&) {
    }
  }
  EXPECT_EQ(outcome(tail.next(0s)), "timeout");
}

// After a second its pin goes, and the names of what is left to show are kept instead.
TEST_F(OutOfMemory, a_tail_that_is_asked_late_shows_the_rest) {
  fill();
  auto tail = Tail::from_now(store()).value();
  for (int i = 0; i < 20; ++i)
    store().put("a key that is too long for the string itself" + std::to_string(i), "v").value();
  EXPECT_TRUE(tail.next(0s));
  std::this_thread::sleep_for(1100ms);
  int seen = 1;
  for (std::int64_t n = 0; seen < 20; ++n) {
    const Shortage shortage(n % 25, false);
    try {
      seen += bool(tail.next(0s));
    } catch (const std::bad_alloc&) {
    }
  }
  EXPECT_EQ(outcome(tail.next(0s)), "timeout");
  { const auto gone = std::move(tail); }
  expect_nothing_held(store());
}

// ---- Blocks ---------------------------------------------------------------------------------------------------------
TEST_F(OutOfMemory, a_block_is_not_held_by_who_did_not_get_it) {
  const std::string name(40, 'b');
  each_allocation(
      [&] {
        const auto block = Block::open(store(), name, 100);
        const auto all = detail::blocks(*handle_of(store()), name);
        return block && all && all->size() == 1;
      },
      [&] { (void)drop(store(), name); });
}

TEST_F(OutOfMemory, an_array_is_not_held_by_who_did_not_get_it) {
  const std::string name(40, 'a');
  each_allocation([&] { return bool(Array<int>::open(store(), name, {3, 4})); }, [&] { (void)drop(store(), name); });
}

// ---- The store as a whole -------------------------------------------------------------------------------------------
TEST_F(OutOfMemory, to_look_at_a_store) {
  fill();
  each_allocation([&] {
    const auto s = stats(store());
    const auto r = regions(store());
    const auto p = participants(store());
    const auto v = verify(path_);
    return s && r && p && v && v->damage.empty();
  });
}

TEST_F(OutOfMemory, a_sync) {
  each_allocation([&] { return store().put("k", "v") && store().sync(); });
}

TEST_F(OutOfMemory, to_open_a_store_for_reading) {
  fill();
  each_allocation([&] {
    const auto reader = open(path_, small(Mode::read_only));
    if (!reader) return false;
    int n = 0;
    for (Record& r : reader->records("packed")) n += r.bytes().size() == 1000;
    return n == 40 && reader->get("packed0");
  });
}

TEST_F(OutOfMemory, a_compaction) {
  each_allocation([&] { return bool(compact(store(), {.keep_erased = 0ms})); },
                  [&] {
                    for (int i = 0; i < 400; ++i) store().put(i % 7, noise(1000)).value();
                    for (int i = 0; i < 400; ++i) store().put(1000 + i, "v").value();
                    for (int i = 0; i < 400; ++i) store().erase(1000 + i).value();
                  });
}

// A copy was laid, its leaf was frozen meanwhile, and there was no memory for another: the region had two ends, and
// every scan said so.
TEST_F(OutOfMemory, a_copy_that_was_laid_is_settled) {
  fill();
  for (int i = 0; i < 400; ++i) store().put(i % 7, noise(1000)).value();
  static Handle* h;
  h = handle_of(store());
  step_hook = [](const char* step) {
    if (std::string_view(step) != "compact.laid" || left >= 0) return;
    for (int i = 0; i < 40; ++i)  // as whoever dies in the middle of it leaves a leaf
      for (const std::string& key : {"k" + std::to_string(i), "packed" + std::to_string(i)})
        if (auto* slot = detail::find(*h, detail::view(*h, key)).slot) shared::freeze(*slot);
    refused = 0;
    asked = for_good = true;
    left = 0;
  };
  try {
    (void)compact(store(), {.keep_erased = 0ms});
  } catch (const std::bad_alloc&) {
  }
  step_hook = nullptr;
  left = -1;
  EXPECT_GT(refused, 0u);
  store_.reset();
  store_ = open(path_, small()).value();
  auto all = store().records();
  for (const Record& r : all) (void)r;
  EXPECT_EQ(outcome(all.status()), "ok");
}

TEST_F(OutOfMemory, a_backup_is_there_or_not) {
  fill();
  const std::string fresh = scratch_ / "fresh.durra";
  each_allocation([&] { return bool(backup(store(), fresh)); },
                  [&] {
                    if (::access(fresh.c_str(), F_OK) != 0) return;
                    EXPECT_GE(stats(open(fresh, small()).value()).value().live_records, 80u);
                    ::unlink(fresh.c_str());
                  });
}

// Who has no memory to reap leaves the dead one's seat to the next.
TEST_F(OutOfMemory, opening_and_closing) {
  fill();
  store_.reset();
  each_allocation([&] { return bool(open(path_, small())); },
                  [&] { EXPECT_EQ(stats(open(path_, small()).value()).value().live_records, 80u); });
}

TEST_F(OutOfMemory, opening_a_store_that_somebody_died_in) {
  fill();
  store_.reset();
  const auto die = [&] {
    EXPECT_EQ(run_child([&] {
                auto dies = open(path_, small()).value();
                dies.put("dead", "v").value();
                std::_Exit(0);
                return 0;
              }),
              0);
  };
  die();
  each_allocation([&] { return bool(open(path_, small())); },
                  [&] {
                    EXPECT_EQ(stats(open(path_, small()).value()).value().live_records, 81u);
                    die();
                  });
}

TEST_F(OutOfMemory, making_a_store_and_rebuilding_it) {
  fill();
  store_.reset();
  const std::string fresh = scratch_ / "a fresh store with a long name";
  Options anew = small();
  anew.rebuild = true;
  each_allocation([&] { return open(path_, anew) && open(fresh, small(Mode::create)); },
                  [&] {
                    EXPECT_EQ(stats(open(path_, small()).value()).value().live_records, 80u);
                    EXPECT_EQ(outcome(open(fresh, small())), "ok");
                    ::unlink(fresh.c_str());
                  });
}

// What a sync frees is freed by a thread that has no seat yet, after somebody else's flush.
TEST_F(OutOfMemory, tidying_after_a_sync) {
  for (const bool run : {false, true}) {
    for (int i = 0; i < 400; ++i) store().put(i % 7, noise(1000)).value();
    for (int i = 0; i < 7; ++i) store().put(i, run ? noise(200'000) : "").value();
    for (int i = 0; i < 7; ++i) store().put(i, "").value();
    {
      const auto reads = store().snapshot().value();
      compact(store()).value();
      store().sync().value();
    }
    std::thread([&] {
      const Shortage shortage(0, true);
      detail::tidy_after_sync(*handle_of(store()));
    }).join();
    EXPECT_GT(refused, 0u);
    expect_nothing_held(store());
    EXPECT_EQ(outcome(store().sync()), "ok");
    EXPECT_EQ(compact(store()).value().held_by_readers, 0u);
  }
}

// ---- The thread that syncs ------------------------------------------------------------------------------------------
// Whether a flush came by these bytes.
struct Flushes final : os::Faults {
  explicit Flushes(const void* at) : place(static_cast<const std::byte*>(at)) { os::set_faults(this); }
  ~Flushes() override { os::set_faults(nullptr); }
  int before(os::Call) override { return 0; }
  void flushed(const void* from, std::size_t size) override {
    const auto* begin = static_cast<const std::byte*>(from);
    if (begin <= place && place < begin + size) seen = true;
  }
  const std::byte* const place;
  std::atomic<bool> seen{false};
};

const void* at(const Result<Record>& r) { return r->bytes().data(); }

Options with_thread(std::chrono::milliseconds interval) {
  Options o = small();
  o.durability = Durability::interval;
  o.sync_interval = interval;
  return o;
}

// The process had ended: a thread has nobody to throw to.
TEST_F(OutOfMemory, the_thread_that_syncs_tries_again) {
  auto by_interval = open(path_, with_thread(2ms)).value();
  auto& syncs = handle_of(by_interval)->space.control().syncs;
  for (const bool lasting : {false, true})
    for (std::int64_t n = 0; n < 1000; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      const std::uint64_t before = shared::hint_load(syncs);
      {
        const ShortageElsewhere shortage(n, lasting);
        by_interval.put("k", std::to_string(n)).value();
        while (refused == 0 && shared::hint_load(syncs) == before) std::this_thread::sleep_for(100us);
      }
      const bool had_enough = refused == 0;
      for (int i = 0; i < 10'000 && shared::hint_load(syncs) == before; ++i) std::this_thread::sleep_for(1ms);
      ASSERT_NE(shared::hint_load(syncs), before);
      if (had_enough) break;
    }
}

// What it put last would not have been on the disk before somebody else's next sync.
TEST_F(OutOfMemory, a_handle_with_a_thread_syncs_before_it_goes) {
  for (const bool lasting : {false, true})
    for (std::int64_t n = 0, more = 1; more != 0; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      std::optional<Store> goes{open(path_, with_thread(1h)).value()};
      goes->put("k", std::to_string(n)).value();
      const void* const place = at(goes->get("k"));
      const Flushes flushes(place);
      {
        const ShortageElsewhere shortage(n, lasting);
        goes.reset();
      }
      more = static_cast<std::int64_t>(refused.load());
      ASSERT_TRUE(flushes.seen);
    }
}

}  // namespace
}  // namespace durra::test
