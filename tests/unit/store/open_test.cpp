// open: modes, what is refused, read-only handles.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "format/seat.h"
#include "store/os.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using namespace std::chrono_literals;
using test::outcome;
using test::shown;
using test::small;

struct Open : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
};

TEST_F(Open, create_makes_what_is_absent_and_opens_what_is_there) {
  {
    auto store = open(path, small()).value();
    EXPECT_EQ(stats(store).value().opened, Opened::created);
    store.put("k", "v").value();
  }
  const auto store = open(path, small()).value();
  EXPECT_NE(stats(store).value().opened, Opened::created);
  EXPECT_EQ(shown(store.get("k")), "v");
}

TEST_F(Open, each_way_of_it_has_a_name) {
  EXPECT_STREQ(name(Opened::created), "created");
  EXPECT_STREQ(name(Opened::warm), "warm");
  EXPECT_STREQ(name(Opened::clean), "clean");
  EXPECT_STREQ(name(Opened::same_boot), "same_boot");
  EXPECT_STREQ(name(Opened::rebuilt), "rebuilt");
}

TEST_F(Open, open_needs_the_file) {
  EXPECT_EQ(outcome(open(path, small(Mode::open))), "not_found");
  EXPECT_EQ(outcome(open(path, small(Mode::read_only))), "not_found");
  { const auto made = open(path, small()).value(); }
  EXPECT_EQ(outcome(open(path, small(Mode::open))), "ok");
}

TEST_F(Open, create_new_needs_its_absence) {
  { const auto made = open(path, small(Mode::create_new)).value(); }
  EXPECT_EQ(outcome(open(path, small(Mode::create_new))), "conflict");
  EXPECT_EQ(outcome(open(path, small(Mode::open))), "ok");
}

TEST_F(Open, geometry_is_the_creators) {
  { const auto made = open(path, small(8_MiB)).value(); }
  const auto store = open(path, {}).value();  // other sizes are asked for, and ignored
  EXPECT_EQ(stats(store).value().region_size, 64_KiB);
  EXPECT_EQ(stats(store).value().seat_count, 16u);
}

TEST_F(Open, permissions_are_exact_whatever_the_umask) {
  const auto old = ::umask(077);
  Options o = small();
  o.permissions = 0664;
  { const auto made = open(path, o).value(); }
  ::umask(old);
  struct stat s;
  ASSERT_EQ(::stat(path.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 07777, 0664u);
}

TEST_F(Open, what_is_not_a_store_is_not_touched) {
  std::ofstream(path) << "hello, this is a text of more than a few bytes";
  EXPECT_EQ(outcome(open(path, small())), "unsupported");
  std::string text;
  std::getline(std::ifstream(path), text);
  EXPECT_EQ(text, "hello, this is a text of more than a few bytes");
  std::ofstream(scratch / "empty").flush();
  EXPECT_EQ(outcome(open(scratch / "empty", small())), "unsupported");
}

TEST_F(Open, a_truncated_head_is_damage) {
  { const auto made = open(path, small()).value(); }
  for (const off_t size : {200'000, 100'000, 255, 100}) {
    ASSERT_EQ(::truncate(path.c_str(), size), 0);
    EXPECT_EQ(outcome(open(path, small())), "damaged") << size;
    EXPECT_EQ(outcome(verify(path)), "damaged") << size;
  }
}

TEST_F(Open, many_threads_that_create_at_once_open_one_store) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      auto store = open(path, small());
      ASSERT_EQ(outcome(store), "ok");
      store->put(i, "here").value();
    });
  for (auto& t : threads) t.join();
  const auto store = open(path, small()).value();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(shown(store.get(i)), "here");
}

// ---- patience -------------------------------------------------------------------------------------------------------
TEST_F(Open, open_waits_for_another_opener_as_long_as_asked) {
  { const auto made = open(path, small()).value(); }
  const auto file = os::open(path, os::Access::read_write).value();
  auto recover = os::HeldByte::take(file, path, format::kLockRecover, 0, os::Access::read_write).value();
  Options o = small();
  for (const auto patience : {0ms, 30ms, -5ms}) {
    o.patience = patience;
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(outcome(open(path, o)), "busy");
    const auto waited = std::chrono::steady_clock::now() - begun;
    EXPECT_GE(waited, patience);
    EXPECT_LT(waited, 5s);
  }
  std::thread later([&] {
    std::this_thread::sleep_for(30ms);
    recover.release();
  });
  o.patience = std::chrono::milliseconds::max();
  EXPECT_EQ(outcome(open(path, o)), "ok");
  later.join();
}

// ---- read-only ------------------------------------------------------------------------------------------------------
struct ReadOnly : Open {
  ReadOnly() {
    auto store = open(path, small()).value();
    for (int i = 0; i < 100; ++i) store.put(i, std::to_string(i)).value();
    store.put("erased", "x").value();
    store.erase("erased").value();
  }
};

TEST_F(ReadOnly, reads_work) {
  const auto reader = open(path, small(Mode::read_only)).value();
  EXPECT_EQ(stats(reader).value().opened, Opened::clean);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(shown(reader.get(i)), std::to_string(i));
  EXPECT_EQ(shown(reader.get("erased")), "<not_found>");
  const std::vector<Key> keys{Key(1), Key(1000)};
  const auto found = reader.get_many(keys);
  EXPECT_EQ(shown(found[0]), "1");
  EXPECT_EQ(shown(found[1]), "<not_found>");
  int n = 0;
  auto records = reader.records();
  for (Record& r : records) n += r.text() == std::to_string(r.id());
  EXPECT_EQ(n, 100);
  EXPECT_TRUE(records.status());
}

TEST_F(ReadOnly, changes_are_refused) {
  auto reader = open(path, small(Mode::read_only)).value();
  EXPECT_EQ(outcome(reader.put("k", "v")), "read_only");
  EXPECT_EQ(outcome(reader.put_if("k", "v", absent)), "read_only");
  EXPECT_EQ(outcome(reader.erase(1)), "read_only");
  EXPECT_EQ(outcome(reader.erase_if(1, absent)), "read_only");
  EXPECT_EQ(outcome(reader.draft("k", 1)), "read_only");
  EXPECT_EQ(outcome(reader.put_with("k", 1, [](auto) { FAIL(); })), "read_only");
  EXPECT_EQ(outcome(reader.update("k", [](const Record*) { return std::string(); })), "read_only");
  EXPECT_EQ(outcome(reader.snapshot()), "read_only");
}

TEST_F(ReadOnly, nothing_in_the_file_is_written) {
  const auto bytes = [&] {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string before = bytes();
  {
    const auto reader = open(path, small(Mode::read_only)).value();
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(reader.get(i));
    for (Record& r : reader.records()) EXPECT_TRUE(r.intact());
    EXPECT_TRUE(stats(reader));
    EXPECT_TRUE(regions(reader));
    EXPECT_TRUE(participants(reader));
  }
  EXPECT_EQ(bytes() == before, true);
}

TEST_F(ReadOnly, a_reader_sees_what_a_living_writer_puts) {
  auto writer = open(path, small()).value();
  const auto reader = open(path, small(Mode::read_only)).value();
  EXPECT_EQ(stats(reader).value().opened, Opened::warm);
  writer.put("k", "v").value();
  EXPECT_EQ(shown(reader.get("k")), "v");
  EXPECT_EQ(participants(writer).value().size(), 1u);  // it takes no seat
}

TEST_F(ReadOnly, an_index_that_must_be_rebuilt_is_refused) {
  Options o = small(Mode::read_only);
  o.rebuild = true;
  EXPECT_EQ(outcome(open(path, o)), "read_only");
  EXPECT_EQ(outcome(open(path, small(Mode::read_only))), "ok");
}

TEST_F(ReadOnly, nobody_rebuilds_under_a_reader) {
  const auto reader = open(path, small(Mode::read_only)).value();
  Options o = small();
  o.rebuild = true;
  EXPECT_EQ(outcome(open(path, o)), "busy");
  EXPECT_EQ(shown(reader.get(5)), "5");
  EXPECT_EQ(outcome(open(path, small())), "ok");
}

// Its byte told of a reader before it knew whether it might read: a rebuild was `busy` for the sake of openers that
// waited for that very rebuild, or that were refused.
TEST_F(ReadOnly, who_waits_or_is_refused_is_no_reader) {
  const auto file = os::open(path, os::Access::read_write).value();
  auto recover = os::HeldByte::take(file, path, format::kLockRecover, 0, os::Access::read_write).value();
  Options patient = small(Mode::read_only);
  patient.patience = 10s;
  std::thread waits([&] { EXPECT_EQ(outcome(open(path, patient)), "ok"); });
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(os::is_held(file, format::kLockReader).value(), 0);
  recover.release();
  waits.join();

  patient.rebuild = true;
  EXPECT_EQ(outcome(open(path, patient)), "read_only");
  EXPECT_EQ(os::is_held(file, format::kLockReader).value(), 0);
}

// It changed the time of the file, so that the next opener took it for one that somebody had restored in place.
TEST_F(ReadOnly, an_opener_who_is_refused_leaves_the_file_alone) {
  struct stat before, after;
  Options o = small();
  o.rebuild = true;
  const auto reader = open(path, small(Mode::read_only)).value();
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(outcome(open(path, o)), "busy");
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  EXPECT_EQ(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

TEST_F(ReadOnly, a_record_of_a_reader_outlives_it) {
  auto reader = open(path, small(Mode::read_only)).value();
  auto record = reader.get(5).value();
  { const Store closed = std::move(reader); }
  EXPECT_EQ(record.text(), "5");
}

TEST_F(ReadOnly, a_file_without_write_permission_can_be_read) {
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  const int status = test::run_child([&] {
    if (::getuid() == 0 &&
        (::chmod(scratch.path().c_str(), 0755) != 0 || ::chmod(path.c_str(), 0444) != 0 || ::setuid(65534) != 0))
      return 2;
    const auto writer = open(path, small());
    EXPECT_EQ(outcome(writer), "io");
    EXPECT_EQ(writer.error().errno_value, EACCES);
    EXPECT_EQ(shown(open(path, small(Mode::read_only)).value().get(5)), "5");
    return 0;
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace durra
