// Real processes and kill -9: what was acknowledged is never lost, and the dead leave nothing behind.
#include <durra/care.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <random>
#include <thread>

#include "tests/support/crash.h"

namespace durra::test {
namespace {

using namespace std::chrono_literals;

Options small_store(std::uint64_t max_size = 8_MiB) {
  Options o;
  o.region_size = 64_KiB;
  o.max_size = max_size;
  o.participants = 32;
  return o;
}

// Waits for a word that another process sets.
template <class Ready>
bool within(std::chrono::milliseconds limit, Ready ready) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!ready()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(100us);
  }
  return true;
}

void expect_in_order(const std::string& path, std::uint64_t seats_taken) {
  const auto verdict = verify(path).value();
  for (const Finding& f : verdict.damage) ADD_FAILURE() << f.error.message() << ": " << f.what;
  const Store s = open(path, small_store()).value();
  const Stats now = stats(s).value();
  EXPECT_EQ(now.seats_taken, seats_taken);
  EXPECT_EQ(now.seats_dead, 0u);
  for (const RegionInfo& r : regions(s).value()) EXPECT_NE(r.state, "claimed") << "region " << r.number;
}

// ---- The storm ------------------------------------------------------------------------------------------------------

constexpr int kWriters = 3, kOwnKeys = 16;

// What a writer was about to do with a key, and what it was told was done.  Version 0: not there.
struct Entry {
  std::atomic<std::uint64_t> intended, acknowledged;
};
struct Ledger {
  Entry own[kWriters][kOwnKeys];
  std::atomic<std::uint64_t> counted[kWriters];  // increments of the common counter that were acknowledged
  std::atomic<std::uint64_t> operations;
};

std::string key_name(int writer, std::uint64_t k) { return "w" + std::to_string(writer) + "." + std::to_string(k); }

// Says which version it is, and is long enough to be torn.
std::string payload(int writer, std::uint64_t k, std::uint64_t version) {
  std::string s = std::to_string(version) + " " + key_name(writer, k) + " ";
  while (s.size() < 20 + (version * 7 + k) % 60) s += static_cast<char>('a' + (s.size() + version) % 26);
  return s;
}

std::uint64_t version_of(const Store& s, int writer, std::uint64_t k) {
  const auto r = s.get(key_name(writer, k));
  if (!r) {
    EXPECT_EQ(r.error().code, Code::not_found) << r.error().message();
    return 0;
  }
  const std::uint64_t v = std::stoull(r->str());
  EXPECT_EQ(r->text(), payload(writer, k, v)) << "torn";
  return v;
}

// Whatever it does is written down before and after.  Ends only by a kill, by an error (3), or when the store is full
// (4).
int write_for_ever(const std::string& path, Ledger& ledger, int me, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Store s = open(path, small_store(128_MiB)).value();
  std::uint64_t next = 1;
  for (std::uint64_t k = 0; k < kOwnKeys; ++k) {  // whatever was cut short is whole or absent, and stays what it is
    Entry& e = ledger.own[me][k];
    const std::uint64_t v = version_of(s, me, k);
    if (v != e.acknowledged && v != e.intended) return 3;
    next = std::max({next, e.intended + 1, e.acknowledged + 1});
    e.acknowledged = v;
    e.intended = v;
  }
  const auto failed = [](const Error& e) {
    if (e.code == Code::full) return 4;
    std::fprintf(stderr, "writer: %s\n", e.message().c_str());
    return 3;
  };
  for (;; ++next) {
    const std::uint64_t k = random() % kOwnKeys;
    Entry& e = ledger.own[me][k];
    const auto key = key_name(me, k);
    switch (random() % 8) {
      case 0: {
        if (e.acknowledged == 0) continue;
        e.intended = 0;
        if (auto done = s.erase(key); !done) return failed(done.error());
        e.acknowledged = 0;
        break;
      }
      case 1: {
        auto now = s.get(key);
        e.intended = next;
        auto done = s.put_if(key, payload(me, k, next), now ? now->stamp() : absent);
        if (!done) return failed(done.error());
        e.acknowledged = next;
        break;
      }
      case 2: {
        const auto plus_one = [](const Record* r) { return std::to_string(r ? std::stoull(r->str()) + 1 : 1); };
        if (auto done = s.update("counter", plus_one); !done) return failed(done.error());
        ++ledger.counted[me];
        break;
      }
      default: {
        e.intended = next;
        if (auto done = s.put(key, payload(me, k, next)); !done) return failed(done.error());
        e.acknowledged = next;
      }
    }
    if (version_of(s, me, k) != e.acknowledged) return 3;
    ++ledger.operations;
  }
}

// Every key as it was acknowledged, or as the operation that was cut short would have left it.
void expect_ledger(const Store& s, const Ledger& ledger, std::uint64_t kills) {
  for (int w = 0; w < kWriters; ++w)
    for (std::uint64_t k = 0; k < kOwnKeys; ++k) {
      const std::uint64_t v = version_of(s, w, k);
      const Entry& e = ledger.own[w][k];
      EXPECT_TRUE(v == e.acknowledged || v == e.intended)
          << key_name(w, k) << " is " << v << ", acknowledged " << e.acknowledged << ", intended " << e.intended;
    }
  std::uint64_t counted = 0;
  for (const auto& c : ledger.counted) counted += c;
  const auto r = s.get("counter");
  const std::uint64_t counter = r ? std::stoull(r->str()) : 0;
  EXPECT_GE(counter, counted) << "an acknowledged increment is lost";
  EXPECT_LE(counter, counted + kills) << "an increment counted twice";
}

TEST(Kill, acknowledged_puts_and_erases_survive_a_storm) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  const SharedPage page;
  auto& ledger = page.as<Ledger>();
  const auto start = [&](int w) {
    const std::uint64_t own = random();
    return std::make_unique<Child>([&, w, own] { return write_for_ever(path, ledger, w, own); });
  };
  std::array<std::unique_ptr<Child>, kWriters> writers;
  for (int w = 0; w < kWriters; ++w) writers[static_cast<std::size_t>(w)] = start(w);
  std::uint64_t kills = 0;
  bool full = false;
  const auto until = std::chrono::steady_clock::now() + 5s;
  while (!full && kills < 300 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 8'000));
    const int w = static_cast<int>(random() % kWriters);
    auto& writer = writers[static_cast<std::size_t>(w)];
    ::kill(writer->pid(), SIGKILL);
    const int status = writer->wait();
    full = WIFEXITED(status) && WEXITSTATUS(status) == 4;
    ASSERT_TRUE(WIFSIGNALED(status) || full) << "writer " << w << " ended by itself: " << WEXITSTATUS(status);
    kills += WIFSIGNALED(status);
    writer = start(w);
  }
  for (auto& w : writers) w->kill();
  kills += kWriters;
  EXPECT_GT(kills, 20u);
  EXPECT_GT(ledger.operations, kills);
  {
    const Store s = open(path).value();
    expect_ledger(s, ledger, kills);
  }
  expect_in_order(path, 1);
  Options o;
  o.rebuild = true;
  expect_ledger(open(path, o).value(), ledger, kills);
  RecordProperty("kills", static_cast<int>(kills));
  RecordProperty("operations", std::to_string(ledger.operations));
}

// ---- Fork, closefrom ------------------------------------------------------------------------------------------------

struct Said {
  std::atomic<int> ready, go;
  std::atomic<pid_t> child;
  std::atomic<int> code;
};

TEST(Kill, a_living_child_keeps_nothing_of_its_dead_parent) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  const SharedPage page;
  auto& said = page.as<Said>();
  const auto parent = [&] {
    Store s = open(path, small_store()).value();
    s.put("parent", "was here").value();
    auto held = s.get("parent").value();
    const pid_t child = ::fork();
    if (child == 0) {
      said.code = static_cast<int>(s.put("child", "cannot").error().code);
      said.ready = 1;
      for (;;) ::pause();
    }
    said.child = child;
    for (;;) ::pause();
    return 0;
  };
  Child dead(parent);
  ASSERT_TRUE(within(10s, [&] { return said.ready != 0 && said.child != 0; }));
  {
    const Store beside = open(path, small_store()).value();
    EXPECT_EQ(stats(beside).value().seats_taken, 2u);
    dead.kill();
    const Stats now = stats(beside).value();
    EXPECT_EQ(now.seats_dead, 1u) << "the child keeps its parent's seat";
  }
  EXPECT_EQ(said.code, static_cast<int>(Code::forked));
  EXPECT_EQ(::kill(said.child, 0), 0) << "the child was to live on";
  const Store fresh = open(path, small_store()).value();
  EXPECT_EQ(stats(fresh).value().seats_taken, 1u);
  EXPECT_EQ(fresh.get("parent").value().str(), "was here");
  ::kill(said.child, SIGKILL);
}

TEST(Kill, a_process_that_closes_all_descriptors_keeps_its_seat) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  const SharedPage page;
  auto& said = page.as<Said>();
  Child daemon([&] {
    Store s = open(path, small_store()).value();
    s.put("before", "1").value();
    ::closefrom(3);
    said.ready = 1;
    while (said.go == 0) std::this_thread::sleep_for(1ms);
    const bool well = static_cast<bool>(s.put("after", "2")) && static_cast<bool>(s.get("before"));
    const auto large = s.get("large");  // where the file did not reach when it was open; it was `damaged`
    said.code = !well ? 2 : !large || large->bytes().size() != 300'000 ? 3 : 1;
    for (;;) ::pause();
    return 0;
  });
  ASSERT_TRUE(within(10s, [&] { return said.ready != 0; }));
  Store beside = open(path, small_store()).value();  // reaps whom it takes for dead
  EXPECT_EQ(stats(beside).value().seats_taken, 2u);
  EXPECT_EQ(stats(beside).value().seats_dead, 0u);
  beside.put("large", std::string(300'000, 'x')).value();
  said.go = 1;
  ASSERT_TRUE(within(10s, [&] { return said.code != 0; }));
  EXPECT_EQ(said.code, 1);
  EXPECT_EQ(beside.get("after").value().str(), "2");
  daemon.kill();
  EXPECT_EQ(stats(beside).value().seats_dead, 1u);
  EXPECT_EQ(stats(open(path, small_store()).value()).value().seats_taken, 2u);
}

// As daemons of old do, without a /dev/null in their place.
TEST(Kill, a_daemon_that_closed_its_streams_prints_nothing_into_its_store) {
  const Scratch scratch(Scratch::Where::disk);
  const std::string path = scratch / "s.durra";
  const int status = run_child([&] {
    for (const int fd : {0, 1, 2}) ::close(fd);
    for (const auto how : {Mode::create_new, Mode::open}) {
      Options o = small_store();
      o.mode = how;
      Store s = open(path, o).value();
      s.put("k", "v", {.durability = Durability::power}).value();
      const std::string said(100'000, 'X');
      for (const int fd : {0, 1, 2})
        if (::write(fd, said.data(), said.size()) != -1 || errno != EBADF) return 2;
    }
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(open(path, small_store()).value().get("k").value().str(), "v");
  EXPECT_TRUE(verify(path).value().damage.empty());
}

// Its numbers are given to other files, which must not be written to when the store needs a region.
TEST(Kill, a_descriptor_that_was_closed_is_not_written_through) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra", foreign = scratch / "foreign";
  const int status = run_child([&] {
    Store s = open(path, small_store()).value();
    s.put("before", "1").value();
    ::closefrom(3);
    for (int i = 0; i < 20; ++i) EXPECT_GT(::open(foreign.c_str(), O_RDWR | O_CREAT, 0600), 2);
    EXPECT_EQ(::truncate(foreign.c_str(), 1 << 30), 0);
    const auto more = s.put("large", std::string(200'000, 'x'));
    EXPECT_TRUE(more || more.error().code == Code::io) << more.error().message();
    EXPECT_EQ(s.get("before").value().str(), "1");
    for (int i = 0; i < 100; ++i) (void)s.put(i, std::string(60'000, 'y'));
    struct stat now {};
    EXPECT_EQ(::stat(foreign.c_str(), &now), 0);
    EXPECT_EQ(now.st_blocks, 0) << "another file was written to";
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(open(path).value().get("before").value().str(), "1");
}

// As it was told to; the new handle has the numbers that the old one had, of the same file.
TEST(Kill, who_closed_all_descriptors_and_opens_again_has_a_store) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  const int status = run_child([&] {
    Store s = open(path, small_store()).value();
    s.put("before", "1").value();
    for (int round = 0; round < 3; ++round) {
      ::closefrom(3);
      s = open(path, small_store()).value();
      for (int i = 0; i < 20; ++i) EXPECT_TRUE(s.put(i, std::string(60'000, 'y'))) << round << ": " << i;
      EXPECT_EQ(s.get("before").value().str(), "1");
      const int child = run_child([&] {
        EXPECT_EQ(s.get("before").error().code, Code::forked);
        EXPECT_TRUE(open(path, small_store()));
        return 0;
      });
      EXPECT_EQ(child, 0);
      const Store beside = open(path, small_store()).value();
      EXPECT_EQ(stats(beside).value().seats_dead, 0u) << "the seat of the new handle went with the old one";
    }
    return testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(open(path).value().get("before").value().str(), "1");
}

// ---- Readers --------------------------------------------------------------------------------------------------------

TEST(Kill, a_reader_killed_while_it_holds_records_leaves_no_pin) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  const SharedPage page;
  auto& said = page.as<Said>();
  Store survivor = open(path, small_store()).value();
  for (int i = 0; i < 100; ++i) survivor.put(i, "value").value();
  Child reader([&] {
    Store s = open(path, small_store()).value();
    std::vector<Record> held;
    for (int i = 0; i < 100; ++i) held.push_back(s.get(i).value());
    const Snapshot then = s.snapshot().value();
    Records scan = then.records();
    auto at = scan.begin();
    ++at;
    said.ready = 1;
    for (;;) ::pause();
    return 0;
  });
  ASSERT_TRUE(within(10s, [&] { return said.ready != 0; }));
  const auto pins = [&] {
    std::uint64_t n = 0;
    for (const SeatInfo& p : participants(survivor).value()) n += p.pins;
    return n;
  };
  EXPECT_GE(pins(), 101u);
  reader.kill();
  const Store fresh = open(path, small_store()).value();  // reaps
  EXPECT_EQ(pins(), 0u);
  EXPECT_EQ(stats(fresh).value().seats_taken, 2u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(survivor.put(i, "more")) << i;
    EXPECT_EQ(fresh.get(i).value().str(), "more");
  }
}

// ---- Many -----------------------------------------------------------------------------------------------------------

TEST(Kill, two_hundred_short_lives_cost_no_seat_and_no_region) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  Store survivor = open(path, small_store()).value();
  for (int i = 0; i < 200; ++i) {
    const int status = run_child([&] {
      Store s = open(path, small_store()).value();
      s.put(i, "acknowledged").value();
      auto unfinished = s.draft("draft", 1'000).value();
      auto held = s.get(i).value();
      return ::raise(SIGKILL);
    });
    ASSERT_TRUE(WIFSIGNALED(status)) << i;
    ASSERT_TRUE(survivor.get(i)) << i;
  }
  const Store fresh = open(path, small_store()).value();
  const Stats now = stats(fresh).value();
  EXPECT_EQ(now.seats_taken, 2u);
  EXPECT_EQ(now.seats_dead, 0u);
  EXPECT_EQ(now.live_records, 200u);
  // 200 records and 200 unfinished drafts are 1 region's worth: it goes from hand to hand.  One is the index's, one the
  // survivor's may be.
  EXPECT_LE(now.region_count, 4u);
}

TEST(Kill, creators_race_and_nobody_loses) {
  for (int round = 0; round < 10; ++round) {
    const Scratch scratch;
    const std::string path = scratch / "s.durra";
    const SharedPage page;
    auto& said = page.as<Said>();
    std::vector<Child> creators;
    for (int i = 0; i < 6; ++i)
      creators.emplace_back([&, i] {
        while (said.go == 0) std::this_thread::yield();
        Store s = open(path, small_store()).value();
        s.put(i, "created").value();
        if (i % 2 == 0) ::raise(SIGKILL);
        return 0;
      });
    said.go = 1;
    for (int i = 0; i < 6; ++i) {
      const int status = creators[static_cast<std::size_t>(i)].wait();
      EXPECT_TRUE(i % 2 == 0 ? WIFSIGNALED(status) : status == 0) << i << ": " << status;
    }
    const Store s = open(path, small_store()).value();
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(s.get(i)) << i;
  }
}

// Openers, closers and the killed at the same time: whoever comes later finds everything, whichever way it opened.
TEST(Kill, coming_and_going_loses_nothing) {
  const Scratch scratch;
  const std::string path = scratch / "s.durra";
  const SharedPage page;
  auto& count = page.as<std::atomic<std::uint64_t>>();
  std::vector<Child> processes;
  for (int p = 0; p < 3; ++p)
    processes.emplace_back([&, p] {
      for (int i = 0; i < 25; ++i) {
        const int status = run_child([&] {
          Store s = open(path, small_store()).value();
          const std::uint64_t mine = count++;
          s.put(mine, "there").value();
          if ((i + p) % 3 == 0) ::raise(SIGKILL);
          return 0;
        });
        if (status != 0 && !WIFSIGNALED(status)) return 1;
      }
      return 0;
    });
  for (Child& p : processes) EXPECT_EQ(p.wait(), 0);
  EXPECT_EQ(count, 75u);
  const Store s = open(path, small_store()).value();
  for (std::uint64_t i = 0; i < count; ++i) EXPECT_TRUE(s.get(i)) << i;
  EXPECT_EQ(stats(s).value().seats_taken, 1u);
}

}  // namespace
}  // namespace durra::test
