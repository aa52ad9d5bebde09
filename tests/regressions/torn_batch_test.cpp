// A disk was pulled out and put back in, in one boot: of a batch that nobody had synced one record was torn.  The
// rebuild made the batch void, as it should, but kept the doubts about the page cache, and so the next flush looked at
// every record: it took the torn one for a loss, though nothing counted on it, and from then on every sync of every
// process answered sync_lost.  Found by power cuts through real file systems.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>

#include "tests/support/disk.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

// As if it had been written in this boot, but through another mount.
void remount(const std::string& path) {
  const FileEdit file(path);
  auto identity = os::identity(os::open(path, os::Access::read).value()).value();
  identity.mount_id ^= 1;
  identity.check = format::identity_check(identity, file.seed());
  file.set(format::kControlOffset + offsetof(format::Control, identity), identity);
}

TEST(TornBatch, a_sync_in_the_boot_of_the_loss_does_not_fail_for_it) {
  const Scratch scratch;
  const TmpfsIsADisk power;
  const std::string left = scratch / "left.durra";
  {
    const std::string path = scratch / "s.durra";
    auto store = open(path, small()).value();
    store.put("a", "durable", {.durability = Durability::power}).value();
    store.put(Batch{}.put("b", std::string(9'000, 'b')).put("c", "c")).value();
    store.put("e", "behind it").value();
    std::filesystem::copy_file(path, left);
  }
  const FileEdit file(left);
  file.flip(file.find("b").payload_at + 5'000);
  remount(left);

  auto store = open(left, small()).value();
  EXPECT_EQ(stats(store).value().opened, Opened::rebuilt);
  EXPECT_EQ(shown(store.get("a")), "durable");
  EXPECT_EQ(shown(store.get("b")), "<not_found>");
  EXPECT_EQ(shown(store.get("c")), "<not_found>");
  EXPECT_EQ(shown(store.get("e")), "behind it");
  EXPECT_EQ(outcome(store.put("d", "works", {.durability = Durability::power})), "ok");
  EXPECT_EQ(outcome(store.sync()), "ok");
}

}  // namespace
}  // namespace durra::test
