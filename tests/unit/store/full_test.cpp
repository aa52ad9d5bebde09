// Full: of max_size, of the disk, of what the process may write, of addresses.  An answer with numbers, never a signal;
// what was there stays readable and can be erased, and the store goes on when there is room again.
#include <durra/care.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "store/os.h"
#include "store/step.h"
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

// Puts keys 0, 1, … of `size` bytes until the store is full; how many there are.
int fill(Store& store, std::size_t size, Result<Stamp>* last = nullptr) {
  for (int i = 0;; ++i) {
    auto done = store.put(i, noise(size, static_cast<std::uint64_t>(i)));
    if (done) continue;
    EXPECT_EQ(outcome(done), "full");
    if (last != nullptr) *last = done;
    return i;
  }
}
void check(const Store& store, int n, std::size_t size) {
  for (int i = 0; i < n; ++i) ASSERT_EQ(shown(store.get(i)), noise(size, static_cast<std::uint64_t>(i))) << i;
}

struct Full : testing::Test {
  test::Scratch scratch;
  const std::string path = scratch / "s.durra";
};

// ---- max_size -------------------------------------------------------------------------------------------------------
TEST_F(Full, max_size_is_an_answer_with_numbers) {
  auto store = open(path, small(1_MiB)).value();
  Result<Stamp> refused = absent;
  const int n = fill(store, 5'000, &refused);
  EXPECT_GT(n, 100);
  EXPECT_EQ(refused.error().available, 1_MiB);
  EXPECT_EQ(refused.error().detail, 64_KiB);
  EXPECT_STREQ(refused.error().what, "max_size is reached");
  check(store, n, 5'000);
  EXPECT_EQ(shown(store.get(n)), "<not_found>");
  EXPECT_EQ(stats(store).value().live_records, static_cast<std::uint64_t>(n));
}

TEST_F(Full, readers_and_snapshots_do_not_notice) {
  auto store = open(path, small(1_MiB)).value();
  store.put("k", "1").value();
  const auto snapshot = store.snapshot().value();
  const auto record = store.get("k").value();
  store.put("k", "2").value();
  fill(store, 30'000);
  EXPECT_EQ(shown(snapshot.get("k")), "1");
  EXPECT_EQ(record.text(), "1");
  EXPECT_EQ(shown(store.get("k")), "2");
  EXPECT_EQ(shown(store.snapshot().value().get("k")), "2");
  EXPECT_TRUE(store.records().status());
  EXPECT_EQ(shown(open(path, small(Mode::read_only)).value().get("k")), "2");
}

TEST_F(Full, a_refused_change_leaves_the_version_that_was_there) {
  auto store = open(path, small(1_MiB)).value();
  const Stamp stamp = store.put("k", "kept").value();
  fill(store, 30'000);
  EXPECT_EQ(outcome(store.put("k", noise(60'000))), "full");
  EXPECT_EQ(outcome(store.put_if("k", noise(60'000), stamp)), "full");
  EXPECT_EQ(outcome(store.update("k", [](const Record*) { return noise(60'000); })), "full");
  EXPECT_EQ(outcome(store.draft("k", 60'000)), "full");
  EXPECT_EQ(outcome(store.draft("k", 200'000)), "full");
  EXPECT_EQ(shown(store.get("k")), "kept");
  EXPECT_EQ(store.get("k").value().stamp(), stamp);
}

TEST_F(Full, a_key_can_still_be_erased) {
  auto store = open(path, small(1_MiB)).value();
  const int n = fill(store, 30'000);
  for (int i = 0; i < n; ++i) ASSERT_EQ(outcome(store.erase(i)), "ok") << i;
  EXPECT_EQ(stats(store).value().live_records, 0u);
  for (int i = 0; i < n; ++i) EXPECT_EQ(shown(store.get(i)), "<not_found>");
}

TEST_F(Full, a_small_record_still_fits_where_a_large_one_did_not) {
  auto store = open(path, small(1_MiB)).value();
  fill(store, 40'000);
  int more = 0;
  while (store.put("small " + std::to_string(more), "x")) ++more;
  EXPECT_GT(more, 10);
  for (int i = 0; i < more; ++i) ASSERT_EQ(shown(store.get("small " + std::to_string(i))), "x");
}

// It held the old record while it put the new one, and so kept the room that this one needed.
TEST_F(Full, an_update_does_not_hold_the_room_that_it_needs) {
  for (const int keys : {600, 660, 680, 700, 720}) {
    auto store = open(scratch / std::to_string(keys), small(1_MiB)).value();
    for (int i = 0; i < keys; ++i) store.put(i, noise(1'000, static_cast<std::uint64_t>(i))).value();
    for (int round = 0; round < 5; ++round)
      for (int i = 0; i < keys; ++i) {
        const auto done =
            store.update(i, [](const Record* old) { return noise(1'000) + std::string(1, old->text()[0]); });
        ASSERT_EQ(outcome(done), "ok") << keys << " keys, round " << round << ": " << i;
      }
  }
}

// New keys until not even the reserve has room for the index: every one that was acknowledged is there, before and
// after a rebuild, and a full store opens.
TEST_F(Full, a_store_of_small_records_that_is_full_to_the_brim_survives_a_rebuild) {
  int erased_of_all = 0;
  for (const std::uint64_t max : {512_KiB, 1_MiB, 2_MiB, 4_MiB}) {
    const std::string file = scratch / std::to_string(max);
    int n = 0, erased = 0;
    {
      auto store = open(file, small(max)).value();
      n = fill(store, 8);
      while (erased < n && store.erase(erased)) ++erased;
      erased_of_all += erased;  // of one store possibly none: its index may have grown into the last byte
      for (int i = 0; i < n; ++i)
        ASSERT_EQ(shown(store.get(i)), i < erased ? "<not_found>" : noise(8, static_cast<std::uint64_t>(i)));
    }
    Options o = small(max);
    o.rebuild = true;
    const auto rebuilt = open(file, o);
    ASSERT_EQ(outcome(rebuilt), "ok") << max << " " << rebuilt.error().message();
    for (int i = 0; i < n; ++i)
      ASSERT_EQ(shown(rebuilt->get(i)), i < erased ? "<not_found>" : noise(8, static_cast<std::uint64_t>(i)));
    EXPECT_EQ(stats(*rebuilt).value().live_records, static_cast<std::uint64_t>(n - erased));
  }
  EXPECT_GT(erased_of_all, 0);
}

// Small records of random keys until the store is full; the keys.
std::vector<std::uint64_t> fill_by_turns(std::vector<Store>& stores, std::mt19937_64& random) {
  std::vector<std::uint64_t> keys;
  const std::string payload(random() % 20, 'x');
  for (std::size_t i = 0, refused = 0; refused < 30; ++i) {
    const std::uint64_t key = random();
    if (stores[i % stores.size()].put(key, payload))
      keys.push_back(key);
    else
      ++refused;
  }
  return keys;
}

// The index of a rebuild grows in another order than the first one did: where the reserve was used up by erases it once
// found no room, and the store could not be opened any more.
TEST_F(Full, whatever_filled_a_store_it_can_be_rebuilt) {
  std::mt19937_64 random(20);
  for (int round = 0; round < 60; ++round) {
    const std::string file = scratch / std::to_string(round);
    Options o = small((8 + random() % 50) * 64_KiB);
    std::vector<std::uint64_t> keys;
    std::size_t erased = 0;
    {
      std::vector<Store> stores;
      for (int i = 0; i < 3; ++i) stores.push_back(open(file, o).value());
      keys = fill_by_turns(stores, random);
      while (erased < keys.size() && stores[0].erase(keys[erased])) ++erased;
    }
    o.rebuild = true;
    const auto rebuilt = open(file, o);
    ASSERT_EQ(outcome(rebuilt), "ok") << round << ": " << rebuilt.error().message();
    for (std::size_t i = 0; i < keys.size(); ++i)
      ASSERT_EQ(static_cast<bool>(rebuilt->get(keys[i])), i >= erased) << round << ": " << i;
    std::filesystem::remove(file);
  }
}

// Who makes room in a full store dies in the middle of it: versions that it had moved are there twice, also where the
// rebuild finds no room for an index that grows.
TEST_F(Full, whoever_died_making_room_it_can_be_rebuilt) {
  std::mt19937_64 random(20);
  int rebuilt_ones = 0;
  for (int round = 0; round < 60; ++round) {
    static std::string file, killed;
    static int moved;
    file = scratch / std::to_string(round), killed = file + ".killed", moved = 0;
    const Options o = small((8 + random() % 50) * 64_KiB);
    {
      std::vector<Store> stores;
      for (int i = 0; i < 3; ++i) stores.push_back(open(file, o).value());
      const auto keys = fill_by_turns(stores, random);
      step_hook = [](const char* step) {
        if (std::string_view(step) == "compact.swing" && ++moved == 20) std::filesystem::copy_file(file, killed);
      };
      for (std::size_t i = 0; i < keys.size() && stores[0].erase(keys[i]);) ++i;
      step_hook = nullptr;
    }
    std::filesystem::remove(file);
    if (moved < 20) continue;
    const auto rebuilt = open(killed, o);
    ASSERT_EQ(outcome(rebuilt), "ok") << round << ": " << rebuilt.error().message();
    std::set<std::uint64_t> seen;
    for (const Record& r : rebuilt->records()) ASSERT_TRUE(seen.insert(r.id()).second) << round << ": twice";
    EXPECT_EQ(stats(*rebuilt).value().live_records, seen.size());
    EXPECT_TRUE(verify(killed).value().damage.empty());
    std::filesystem::remove(killed);
    ++rebuilt_ones;
  }
  EXPECT_GT(rebuilt_ones, 5);
}

// ---- The disk -------------------------------------------------------------------------------------------------------
// In a child with mounts of its own: the body finds 8 MiB of disk at scratch/disk.
int on_a_small_disk(const test::Scratch& scratch, const std::function<void(const std::string&)>& body) {
  const std::string disk = scratch / "disk";
  std::filesystem::create_directory(disk);
  const int status = test::run_with_own_mounts([&] {
    if (::mount("none", disk.c_str(), "tmpfs", 0, "size=8m") != 0) return test::kNoMounts;
    body(disk);
    return 0;
  });
  if (WIFEXITED(status) && WEXITSTATUS(status) == test::kNoMounts) return test::kNoMounts;
  EXPECT_EQ(status, 0);
  return status;
}
#define DURRA_NEEDS_MOUNTS(status) \
  if ((status) == test::kNoMounts) GTEST_SKIP() << "this machine lets a test mount nothing"

TEST_F(Full, a_full_disk_is_an_answer_and_room_made_is_used) {
  const int status = on_a_small_disk(scratch, [](const std::string& disk) {
    auto store = open(disk + "/s.durra", small(64_MiB)).value();
    Result<Stamp> refused = absent;
    const int n = fill(store, 5'000, &refused);
    EXPECT_GT(n, 500);
    EXPECT_GT(refused.error().detail, 0u);
    EXPECT_LT(refused.error().available, 64_KiB);
    check(store, n, 5'000);
    EXPECT_EQ(outcome(store.draft("large", 1'000'000)), "full");
    check(store, n, 5'000);
    ASSERT_EQ(::mount("none", disk.c_str(), nullptr, MS_REMOUNT, "size=12m"), 0);
    EXPECT_EQ(outcome(store.put(n, noise(5'000, static_cast<std::uint64_t>(n)))), "ok");
    EXPECT_EQ(outcome(store.put("large", noise(1'000'000))), "ok");
    check(store, n + 1, 5'000);
    EXPECT_TRUE(verify(disk + "/s.durra").value().damage.empty());
  });
  DURRA_NEEDS_MOUNTS(status);
}

TEST_F(Full, a_store_on_a_full_disk_can_be_opened_read_and_rebuilt) {
  const int status = on_a_small_disk(scratch, [](const std::string& disk) {
    const std::string there = disk + "/s.durra";
    int n = 0;
    {
      auto store = open(there, small(64_MiB)).value();
      for (; n < 300; ++n) store.put(n, noise(5'000, static_cast<std::uint64_t>(n))).value();
    }
    std::ofstream filler(disk + "/filler", std::ios::binary);
    while (filler << noise(4096) << std::flush) {
    }
    {
      const auto store = open(there, small());
      ASSERT_EQ(outcome(store), "ok");
      check(*store, n, 5'000);
    }
    Options o = small();
    o.rebuild = true;
    const auto rebuilt = open(there, o);
    EXPECT_TRUE(rebuilt || rebuilt.error().code == Code::full) << rebuilt.error().message();
    filler.close();
    std::filesystem::remove(disk + "/filler");
    if (!rebuilt) {
      const auto again = open(there, small());
      ASSERT_EQ(outcome(again), "ok");
      check(*again, n, 5'000);
    } else {
      check(*rebuilt, n, 5'000);
    }
  });
  DURRA_NEEDS_MOUNTS(status);
}

TEST_F(Full, a_store_cannot_be_created_on_a_full_disk_and_leaves_nothing) {
  const int status = on_a_small_disk(scratch, [](const std::string& disk) {
    std::ofstream filler(disk + "/filler", std::ios::binary);
    while (filler << noise(4096) << std::flush) {
    }
    EXPECT_EQ(outcome(open(disk + "/s.durra", small())), "full");
    EXPECT_FALSE(std::filesystem::exists(disk + "/s.durra"));
    filler.close();
    std::filesystem::remove(disk + "/filler");
    EXPECT_EQ(outcome(open(disk + "/s.durra", small())), "ok");
  });
  DURRA_NEEDS_MOUNTS(status);
}

// Memory that cannot be had is a signal to who looks through a mapping: the first opener looked at seats, a rebuild at
// the headers of regions that had been given back.
TEST_F(Full, whatever_is_left_of_a_disk_in_memory_an_open_is_no_signal) {
  int opened = 0;
  for (int pages = 0; pages < 130; ++pages) {
    const int status = on_a_small_disk(scratch, [&](const std::string& disk) {
      {
        std::ofstream filler(disk + "/filler", std::ios::binary);
        while (filler << noise(4096) << std::flush) {
        }
      }
      const auto filled = std::filesystem::file_size(disk + "/filler") / 4096 * 4096;
      std::filesystem::resize_file(disk + "/filler", filled - static_cast<std::uint64_t>(pages) * 4096);
      const auto store = open(disk + "/s.durra", small(8_MiB, 256));
      ASSERT_TRUE(store || store.error().code == Code::full) << outcome(store);
    });
    DURRA_NEEDS_MOUNTS(status);
    ASSERT_EQ(status, 0) << pages;
    ++opened;
  }
  EXPECT_EQ(opened, 130);
}

TEST_F(Full, a_rebuild_of_a_store_that_gave_space_back_to_a_full_disk_in_memory) {
  const int status = on_a_small_disk(scratch, [](const std::string& disk) {
    const std::string there = disk + "/s.durra";
    {
      auto store = open(there, small(64_MiB)).value();
      for (int i = 0; i < 600; ++i) store.put(i, noise(8'000)).value();
      for (int i = 100; i < 600; ++i) store.erase(i).value();
      EXPECT_GT(compact(store, {.keep_erased = std::chrono::milliseconds(0)}).value().bytes_freed, 1'000'000u);
    }
    std::ofstream filler(disk + "/filler", std::ios::binary);
    while (filler << noise(4096) << std::flush) {
    }
    filler.close();
    Options o = small();
    o.rebuild = true;
    const auto rebuilt = open(there, o);
    if (!rebuilt) {
      EXPECT_EQ(outcome(rebuilt), "full");
      return;
    }
    for (int i = 0; i < 100; ++i) ASSERT_EQ(shown(rebuilt->get(i)), noise(8'000));
  });
  DURRA_NEEDS_MOUNTS(status);
}

// Of a file that is hostile: a run over so many regions that their descriptors take more memory than there is.
TEST_F(Full, a_run_beyond_all_bounds_is_no_signal) {
  const int status = on_a_small_disk(scratch, [](const std::string& disk) {
    const std::string there = disk + "/s.durra";
    { open(there, small(8ull << 30)).value().put("k", "v").value(); }
    {
      const test::FileEdit edit(there);
      const auto first = edit.find("k").region;
      const auto old = edit.get<format::RegionHeader>(edit.region_at(first));
      edit.set(edit.region_at(first),
               format::make_region_header(edit.seed(), first, old.generation, static_cast<format::RegionType>(old.type),
                                          edit.super().region_count - first, old.birth_ns));
    }
    Options o = small();
    o.rebuild = true;
    EXPECT_EQ(outcome(open(there, o)), "full");
  });
  DURRA_NEEDS_MOUNTS(status);
}

TEST_F(Full, a_backup_to_a_full_disk_leaves_nothing) {
  const int status = on_a_small_disk(scratch, [this](const std::string& disk) {
    auto store = open(path, small(64_MiB)).value();
    for (int i = 0; i < 3'000; ++i) store.put(i, noise(5'000)).value();
    EXPECT_EQ(outcome(backup(store, disk + "/copy")), "full");
    EXPECT_EQ(outcome(recover(path, disk + "/copy")), "full");
    EXPECT_TRUE(std::filesystem::is_empty(disk));
    EXPECT_EQ(outcome(store.put("k", "v")), "ok");
  });
  DURRA_NEEDS_MOUNTS(status);
}

// ---- Limits of the process ------------------------------------------------------------------------------------------
TEST_F(Full, a_limit_on_file_sizes_is_an_answer_and_no_signal) {
  const int status = test::run_child([&] {
    auto store = open(path, small(64_MiB)).value();
    store.put("k", "v").value();
    const rlimit limit{4 << 20, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    const int n = fill(store, 5'000);
    EXPECT_GT(n, 300);
    EXPECT_LT(n, 1'000);
    check(store, n, 5'000);
    EXPECT_EQ(outcome(store.draft("large", 4'000'000)), "full");
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return 3;
    EXPECT_EQ(outcome(store.put("more", "v")), "ok");
    return 0;
  });
  EXPECT_EQ(status, 0);
}

TEST_F(Full, too_few_addresses_are_an_answer_that_says_what_to_do) {
  const int status = test::run_child([&] {
    const rlimit limit{48 * 1024_GiB, RLIM_INFINITY};  // a sanitizer takes 20 TiB for itself
    if (::setrlimit(RLIMIT_AS, &limit) != 0) return 2;
    Options o = small(60 * 1024_GiB);
    o.region_size = 1_GiB;
    const auto refused = open(path, o);
    EXPECT_EQ(outcome(refused), "io");
    EXPECT_EQ(refused.error().errno_value, ENOMEM);
    EXPECT_NE(refused.error().message().find("max_size"), std::string::npos);
    EXPECT_EQ(outcome(open(scratch / "small", small())), "ok");
    return 0;
  });
  EXPECT_EQ(status, 0);
}

// ---- Every call that asks for space ---------------------------------------------------------------------------------
TEST_F(Full, whichever_call_finds_no_space_the_store_goes_on_afterwards) {
  for (const os::Call call : {os::Call::write, os::Call::advise}) {
    const std::string file = scratch / os::name(call);
    auto store = open(file, small(64_MiB)).value();
    test::Faults faults;
    int full = 0, n = 0;
    for (; n < 200; ++n) {
      if (n % 3 == 2) faults.fail(call, call == os::Call::advise ? EFAULT : ENOSPC);
      const std::size_t size = n % 2 ? 30'000 : 90'000;
      const auto done = store.put(n, noise(size, static_cast<std::uint64_t>(n)));
      faults.heal();
      if (!done) {
        ASSERT_EQ(outcome(done), "full") << done.error().message();
        ++full;
        EXPECT_EQ(shown(store.get(n)), "<not_found>");
        for (const RegionInfo& r : regions(store).value()) EXPECT_NE(std::string(r.state), "claimed") << r.number;
        ASSERT_EQ(outcome(store.put(n, noise(size, static_cast<std::uint64_t>(n)))), "ok");
      }
    }
    EXPECT_GT(faults.failed(), 0u) << os::name(call);
    EXPECT_GT(full, 0) << os::name(call);
    for (int i = 0; i < n; ++i)
      ASSERT_EQ(shown(store.get(i)), noise(i % 2 ? 30'000 : 90'000, static_cast<std::uint64_t>(i)));
    EXPECT_TRUE(verify(file).value().damage.empty());
  }
}

}  // namespace
}  // namespace durra
