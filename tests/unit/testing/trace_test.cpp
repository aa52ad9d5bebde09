// The tracer: a toy whose stores are known, each way to change a file, what it refuses.
#include <durra/testing/trace.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/support/scratch.h"

namespace durra::testing {
namespace {

using Kind = Event::Kind;

// Within recorded code, where no expectation is heard.
void require(bool holds) {
  if (!holds) throw std::runtime_error("a requirement of the test");
}

// A file of four pages in a mapping.
class Toy {
 public:
  explicit Toy(std::size_t size = 4 * 4096) : size_(size) {
    const int made = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(::ftruncate(made, static_cast<off_t>(size)), 0);
    ::close(made);
  }
  // In the child.
  volatile char* map() {
    fd = ::open(path.c_str(), O_RDWR);
    return static_cast<volatile char*>(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  }
  Result<Trace> record(const std::function<void(volatile char*)>& code) {
    volatile char* at = nullptr;
    return testing::record(path, [&] { code(at); }, {.first = [&] { at = map(); }});
  }
  test::Scratch scratch;
  std::string path = scratch / "toy";
  int fd = -1;

 private:
  std::size_t size_;
};

std::vector<Event> of(const Trace& trace, Kind kind) {
  std::vector<Event> some;
  for (const Event& e : trace.events())
    if (e.kind == kind) some.push_back(e);
  return some;
}

std::set<std::string> images(const Trace& trace) {
  std::set<std::string> all;
  for (Image i(trace); i.next();) all.insert(i.bytes());
  return all;
}

TEST(Trace, three_stores_are_three_events_and_four_images) {
  Toy toy;
  const auto trace = toy.record([](volatile char* at) {
    at[5] = 'a';
    mark("one");
    at[4097] = 'b';
    at[5] = 'c';
    mark("three");
    at[5] = 'c';
  });
  ASSERT_TRUE(trace) << trace.error().message();
  const auto& events = trace->events();
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(events[0].kind, Kind::file);
  EXPECT_EQ(events[0].bytes, std::string(4 * 4096, '\0'));
  EXPECT_EQ(events[1].offset, 5u);
  EXPECT_EQ(events[1].bytes, "a");
  EXPECT_EQ(events[2].bytes, "one");
  EXPECT_EQ(events[3].offset, 4097u);
  EXPECT_EQ(events[4].bytes, "c");
  EXPECT_EQ(events[5].bytes, "three");
  for (std::size_t i = 1; i < events.size(); ++i) EXPECT_GT(events[i].instruction, events[i - 1].instruction);
  EXPECT_GT(trace->instructions(), 10u);
  EXPECT_EQ(images(*trace).size(), 4u);
}

TEST(Trace, equal_images_have_equal_hashes_and_others_have_not) {
  Toy toy;
  const auto trace = toy.record([&](volatile char* at) {
    at[4096] = 'a';
    at[4096] = 'b';
    at[4096] = 'a';
    at[4096] = 0;
    at[9000] = 'b';
    require(::ftruncate(toy.fd, 5 * 4096 + 7) == 0);
    require(::ftruncate(toy.fd, 4 * 4096) == 0);
    require(::ftruncate(toy.fd, 5000) == 0);
    require(::ftruncate(toy.fd, 4 * 4096) == 0);
  });
  ASSERT_TRUE(trace) << trace.error().message();
  std::map<std::uint64_t, std::string> by_hash;
  std::set<std::string> all;
  for (Image i(*trace); i.next();) {
    EXPECT_EQ(by_hash.emplace(i.hash(), i.bytes()).first->second, i.bytes());
    all.insert(i.bytes());
  }
  EXPECT_EQ(by_hash.size(), all.size());
  EXPECT_GE(all.size(), 6u);
}

TEST(Trace, copies_of_every_length_are_seen_whole) {
  Toy toy;
  static char from[4096];
  for (std::size_t i = 0; i < sizeof from; ++i) from[i] = static_cast<char>(1 + i % 101);
  const auto trace = toy.record([](volatile char* at) {
    for (std::size_t n = 1; n < 4096; n = n * 3 / 2 + 1) {
      std::memcpy(const_cast<char*>(at) + n, from, n);
      std::memset(const_cast<char*>(at) + n, 0, n);
    }
  });
  ASSERT_TRUE(trace) << trace.error().message();
  EXPECT_GT(of(*trace, Kind::store).size(), 100u);
}

TEST(Trace, a_write_of_two_pages_may_stop_between_them) {
  Toy toy;
  const auto trace = toy.record([&](volatile char*) {
    const std::string text(6000, 'x');
    require(::pwrite(toy.fd, text.data(), text.size(), 1000) == 6000);
    require(::pwrite(toy.fd, text.data(), text.size(), 4 * 4096) == 6000);
  });
  ASSERT_TRUE(trace) << trace.error().message();
  const auto stores = of(*trace, Kind::store);
  ASSERT_EQ(stores.size(), 4u);
  EXPECT_EQ(stores[0].offset, 1000u);
  EXPECT_EQ(stores[0].size, 3096u);
  EXPECT_EQ(stores[0].instruction, stores[1].instruction);
  EXPECT_EQ(stores[1].offset, 4096u);
  const auto lengths = of(*trace, Kind::length);
  ASSERT_EQ(lengths.size(), 2u);
  EXPECT_EQ(lengths[1].size, 4 * 4096u + 6000);
  for (Image i(*trace); i.next();)  // the new length is not there without the new bytes
    if (i.lasts() && i.bytes().size() > 4 * 4096) {
      EXPECT_EQ(i.bytes().back(), 'x');
    }
}

TEST(Trace, flushes_that_promise_durability_are_events) {
  Toy toy;
  const auto trace = toy.record([&](volatile char* at) {
    at[4096] = 'a';
    char* const page = const_cast<char*>(at) + 4096;
    require(::msync(page, 5000, MS_SYNC) == 0);
    require(::msync(page, 5000, MS_ASYNC) == 0);
    require(::fdatasync(toy.fd) == 0);
    char text[] = "durable";
    const iovec part{text, 7};
    (void)::pwritev2(toy.fd, &part, 1, 9, RWF_DSYNC);
    (void)::fsync(-1);
  });
  ASSERT_TRUE(trace) << trace.error().message();
  const auto syncs = of(*trace, Kind::sync);
  ASSERT_EQ(syncs.size(), 3u);
  EXPECT_EQ(syncs[0].offset, 4096u);
  EXPECT_EQ(syncs[0].size, 8192u);
  EXPECT_EQ(syncs[1].size, ~0ull);
  EXPECT_EQ(syncs[2].offset, 9u);
  EXPECT_EQ(syncs[2].size, 7u);
}

TEST(Trace, a_file_may_come_later_and_be_unmapped_and_mapped_again) {
  const test::Scratch scratch;
  const std::string path = scratch / "late";
  const auto trace = record(path, [&] {
    mark("nothing yet");
    const std::string other = path + ".new";
    const int fd = ::open(other.c_str(), O_RDWR | O_CREAT, 0600);
    (void)!::ftruncate(fd, 8192);
    (void)!::rename(other.c_str(), path.c_str());
    for (int i = 0; i < 3; ++i) {
      void* const at = ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      static_cast<volatile char*>(at)[5000 + i] = 'x';
      ::munmap(at, 8192);
    }
  });
  ASSERT_TRUE(trace) << trace.error().message();
  ASSERT_EQ(trace->events().size(), 5u);
  EXPECT_EQ(trace->events()[0].kind, Kind::mark);
  EXPECT_EQ(trace->events()[1].kind, Kind::file);
  EXPECT_GT(trace->events()[1].instruction, 0u);
  EXPECT_EQ(trace->events()[4].offset, 5002u);
}

TEST(Trace, code_that_blocks_all_signals_is_followed) {
  Toy toy;
  const auto trace = toy.record([](volatile char* at) {
    sigset_t all, before;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before);
    at[0] = 'x';
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
  });
  ASSERT_TRUE(trace) << trace.error().message();
  EXPECT_EQ(of(*trace, Kind::store).size(), 1u);
}

TEST(Trace, what_it_cannot_follow_is_refused) {
  Toy toy;
  const auto code_of = [&](const std::function<void(volatile char*)>& code) {
    const auto trace = toy.record(code);
    return trace ? "ok" : name(trace.error().code);
  };
  EXPECT_STREQ(code_of([](volatile char*) { ::_exit(::fork() == 0); }), "unsupported");
  EXPECT_STREQ(code_of([](volatile char*) { throw std::runtime_error("on purpose"); }), "invalid");
  EXPECT_STREQ(code_of([](volatile char*) { ::raise(SIGTERM); }), "invalid");
  EXPECT_STREQ(code_of([](volatile char*) { ::_exit(0); }), "invalid");
  EXPECT_STREQ(code_of([&](volatile char*) { ::unlink(toy.path.c_str()); }), "invalid");
}

TEST(Trace, a_file_that_cannot_be_looked_at_is_an_error) {
  Toy toy;
  const std::string link = toy.scratch / "link";
  ASSERT_EQ(::symlink(toy.path.c_str(), link.c_str()), 0);
  const auto trace = record(link, [] {});
  ASSERT_FALSE(trace);
  EXPECT_EQ(trace.error().code, Code::io);
  EXPECT_EQ(trace.error().errno_value, ELOOP);
}

TEST(Trace, a_thread_that_it_would_not_see_is_refused) {
  Toy toy;
  const auto trace = record(toy.path, [] {}, {.first = [] { std::thread([] { ::pause(); }).detach(); }});
  ASSERT_FALSE(trace);
  EXPECT_EQ(trace.error().code, Code::unsupported);
}

TEST(Trace, code_that_never_ends_is_given_up) {
  Toy toy;
  const auto trace = record(toy.path,
                            [] {
                              for (volatile int i = 0; i >= 0;) i = i == 0;
                            },
                            {.patience = std::chrono::seconds(1)});
  ASSERT_FALSE(trace);
  EXPECT_EQ(trace.error().code, Code::timeout);
}

TEST(Trace, outside_of_a_recording_a_mark_is_nothing) { mark("nobody listens"); }

}  // namespace
}  // namespace durra::testing
