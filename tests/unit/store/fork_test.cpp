// fork: the parent's handle answers `forked` in the child, its destructors do nothing there, and the child may open.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra {
namespace {

using test::outcome;
using test::run_child;
using test::shown;
using test::small;

struct Fork : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
  std::optional<Store> store = open(path, small()).value();
};

TEST_F(Fork, every_operation_answers_forked_in_the_child) {
  store->put("k", "v").value();
  const auto snapshot = store->snapshot().value();
  auto draft = store->draft("d", 1).value();
  auto records = store->records();
  auto tail = Tail::open(*store, "tail").value();
  const int status = run_child([&] {
    EXPECT_EQ(outcome(store->get("k")), "forked");
    EXPECT_EQ(outcome(store->put("k", "w")), "forked");
    EXPECT_EQ(outcome(store->put_if("k", "w", absent)), "forked");
    EXPECT_EQ(outcome(store->erase("k")), "forked");
    EXPECT_EQ(outcome(store->draft("k", 1)), "forked");
    EXPECT_EQ(outcome(store->snapshot()), "forked");
    EXPECT_EQ(outcome(store->update("k", [](const Record*) { return std::string(); })), "forked");
    EXPECT_EQ(outcome(store->append("log", "1")), "forked");
    EXPECT_EQ(outcome(Tail::open(*store, "other")), "forked");
    EXPECT_EQ(outcome(Tail::from_now(*store)), "forked");
    EXPECT_EQ(outcome(tail.next(std::chrono::seconds(0))), "forked");
    EXPECT_EQ(outcome(tail.save()), "forked");
    EXPECT_EQ(outcome(store->records().status()), "forked");
    const std::vector<Key> keys{Key("k"), Key("j")};
    for (const auto& r : store->get_many(keys)) EXPECT_EQ(outcome(r), "forked");
    EXPECT_EQ(outcome(snapshot.get("k")), "forked");
    for (Record& r : records) ADD_FAILURE() << r.key();
    EXPECT_EQ(outcome(records.status()), "forked");
    for (Record& r : snapshot.records()) ADD_FAILURE() << r.key();
    EXPECT_EQ(outcome(std::move(draft).publish()), "forked");
    EXPECT_EQ(outcome(stats(*store)), "forked");
    EXPECT_EQ(outcome(regions(*store)), "forked");
    EXPECT_EQ(outcome(participants(*store)), "forked");
    EXPECT_EQ(outcome(backup(*store, scratch / "copy")), "forked");
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(shown(store->get("k")), "v");
  EXPECT_EQ(outcome(std::move(draft).publish()), "ok");
}

TEST_F(Fork, destructors_in_the_child_do_nothing) {
  store->put("k", "v").value();
  std::optional<Record> record = store->get("k").value();
  std::optional<Snapshot> snapshot = store->snapshot().value();
  std::optional<Draft> draft = store->draft("d", 100).value();
  std::optional<Draft> large = store->draft("l", 200'000).value();
  std::optional<Records> records = store->records();
  const int status = run_child([&] {
    record.reset();
    snapshot.reset();
    draft.reset();
    large.reset();
    records.reset();
    store.reset();
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(record->text(), "v");
  EXPECT_EQ(shown(snapshot->get("k")), "v");
  EXPECT_EQ(outcome(std::move(*draft).publish()), "ok");
  EXPECT_EQ(outcome(std::move(*large).publish()), "ok");
  std::uint64_t pins = 0;
  for (const SeatInfo& s : participants(*store).value()) pins += s.pins;
  EXPECT_EQ(pins, 3u);
}

TEST_F(Fork, the_child_opens_the_store_again) {
  store->put("k", "v").value();
  const int status = run_child([&] {
    {
      auto mine = open(path, small()).value();
      EXPECT_EQ(stats(mine).value().opened, Opened::warm);
      EXPECT_EQ(shown(mine.get("k")), "v");
      mine.put("child", "was here").value();
    }
    store.reset();
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(shown(store->get("child")), "was here");
}

TEST_F(Fork, a_child_that_lives_on_holds_no_seat_of_its_dead_parent) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  pid_t grandchild = -1;
  {
    test::Child parent([&] {
      auto mine = open(path, small()).value();
      mine.put("parent", "v").value();
      const pid_t child = ::fork();
      if (child == 0) {
        ::pause();
        ::_exit(0);
      }
      if (::write(ready[1], &child, sizeof child) != sizeof child) return 2;
      ::pause();
      return 0;
    });
    ASSERT_EQ(::read(ready[0], &grandchild, sizeof grandchild), static_cast<ssize_t>(sizeof grandchild));
    EXPECT_EQ(stats(*store).value().seats_taken, 2u);
    parent.kill();
  }
  EXPECT_EQ(stats(*store).value().seats_dead, 1u);
  EXPECT_EQ(shown(store->get("parent")), "v");
  ::kill(grandchild, SIGKILL);
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace durra
