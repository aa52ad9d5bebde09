// One call to the operating system that failed at the wrong moment, and what the store made of it (proof `faults`).
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>

#include "store/handle.h"
#include "tests/support/faults.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

using os::Call;

struct FailedCall : testing::Test {
  Scratch scratch;
  const std::string path = scratch / "s.durra";

  Options rebuilding() const {
    Options o = small();
    o.rebuild = true;
    return o;
  }
  bool is_clean(const Store& s) const {
    return shared::guarded_load(detail::handle_of(s)->space.control().clean) == format::kClean;
  }
};

// A rebuild that found no room for its index had taken a seat by then.  The open failed, and its handle closed "in
// order": it left the CLEAN mark over half an index, and the next opener did not find the other half of the records.
TEST_F(FailedCall, an_open_that_failed_in_its_rebuild_leaves_no_clean_mark) {
  constexpr int kRecords = 300;
  {
    auto store = open(path, small()).value();
    for (int i = 0; i < kRecords; ++i) store.put(i, noise(300, static_cast<std::uint64_t>(i))).value();
  }
  int failed = 0;
  for (std::uint64_t k = 1; k < 40; ++k) {
    {
      Faults faults;
      faults.fail(Call::write, ENOSPC, k, true);
      failed += !open(path, rebuilding());
    }
    const auto store = open(path, small()).value();
    for (int i = 0; i < kRecords; ++i)
      ASSERT_EQ(shown(store.get(i)), noise(300, static_cast<std::uint64_t>(i))) << i << ", call " << k;
  }
  EXPECT_GT(failed, 0);
}

// Whether somebody holds a seat could not be asked, and was taken for no: the index was rebuilt under a living writer.
TEST_F(FailedCall, a_participant_that_cannot_be_asked_about_is_no_dead_one) {
  auto living = open(path, small()).value();
  living.put("k", "v").value();
  for (std::uint64_t k = 1; k < 12; ++k) {
    Faults faults;
    faults.fail(Call::lock, EIO, k);
    EXPECT_FALSE(open(path, rebuilding())) << k;
  }
  EXPECT_EQ(shown(living.get("k")), "v");
}

// The same at the end: who could not ask left the CLEAN mark while others went on.  A power cut later it would have
// been believed.
TEST_F(FailedCall, who_cannot_ask_for_others_leaves_no_clean_mark) {
  for (std::uint64_t k = 1; k < 12; ++k) {
    auto living = open(path, small()).value();
    std::optional<Store> closing(open(path, small()).value());
    Faults faults;
    faults.fail(Call::lock, EIO, k);
    closing.reset();
    EXPECT_FALSE(is_clean(living)) << k;
  }
}

// fstat failed once while the file was opened, and for the rest of its life the handle took its own descriptors for
// somebody else's: it answered `io`, and never closed them.
TEST_F(FailedCall, an_open_whose_fstat_fails_fails_and_leaves_no_descriptor) {
  open(path, small()).value().put("k", "v").value();
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = descriptors();
  for (std::uint64_t k = 1; k < 24; ++k) {
    Faults faults;
    faults.fail(Call::stat, EIO, k);
    const auto store = open(path, small());
    if (store) {
      EXPECT_EQ(shown(store->get("k")), "v") << k;
    }
  }
  EXPECT_EQ(descriptors(), before);
}

// A file that had grown since it was opened, and whose size could not be asked for: what lay there was called damaged.
TEST_F(FailedCall, a_size_that_nobody_tells_is_no_damage) {
  const auto reader = open(path, small()).value();
  auto writer = open(path, small()).value();
  for (int i = 0; i < 300; ++i) writer.put(i, noise(1'000, static_cast<std::uint64_t>(i))).value();
  Faults faults;
  faults.fail(Call::stat, EIO, 1, true);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(shown(reader.get(i)), noise(1'000, static_cast<std::uint64_t>(i))) << i;
}

// The file ends before a region that its descriptor tells of, because a power cut took the end, and its size could not
// be asked for: the rebuild read there, and died of SIGBUS.
TEST_F(FailedCall, a_rebuild_reads_nothing_behind_an_end_that_nobody_tells) {
  const std::string cut = scratch / "cut.durra";
  {
    auto store = open(cut, small()).value();
    for (int i = 0; i < 300; ++i) store.put(i, noise(1'000, static_cast<std::uint64_t>(i))).value();
  }
  const FileEdit file(cut);
  for (std::uint64_t r = 0; file.word(r).state != format::RegionState::free; ++r)
    file.set(file.descriptor_at(r) + offsetof(format::Descriptor, synced), std::uint64_t{0});
  file.cut(file.region_at(3) + 4096);
  for (std::uint64_t k = 1; k < 60; ++k) {
    std::filesystem::copy_file(cut, path, std::filesystem::copy_options::overwrite_existing);
    Faults faults;
    faults.fail(Call::stat, EIO, k, true);
    const auto store = open(path, rebuilding());
    if (store) {
      EXPECT_EQ(shown(store->get(0)), noise(1'000, 0)) << k;
    }
  }
}

// A read that failed was taken for the end of the file: verify told of keys that are missing in the index.
TEST_F(FailedCall, verify_says_what_it_could_not_read) {
  {
    auto store = open(path, small()).value();
    for (int i = 0; i < 50; ++i) store.put(i, noise(300)).value();
  }
  int found = 0;
  for (std::uint64_t k = 1; k < 100; ++k) {
    Faults faults;
    faults.fail(Call::read, EIO, k);
    const auto verdict = verify(path);
    if (!verdict || verdict->damage.empty()) continue;
    EXPECT_EQ(verdict->damage[0].error.code, Code::io) << k;
    ++found;
  }
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace durra::test
