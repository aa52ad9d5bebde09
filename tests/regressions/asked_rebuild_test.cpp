// A rebuild was asked for in a store that had been closed in order, and the power failed in it.  The kernel had written
// back the emptied root of the index, but not yet that the store was CLEAN no more: the next open trusted an index
// without keys, and what was durable was not found.  Found by simulated power cuts within the recovery.
#include <durra/care.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <string>

#include "store/step.h"
#include "tests/support/disk.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"
#include "tests/support/stores.h"

namespace durra::test {
namespace {

namespace fs = std::filesystem;

// What is on the disk: the file as it was when all of it was flushed last.
class Flushed final : public os::Faults {
 public:
  Flushed(std::string live, std::string disk) : live_(std::move(live)), disk_(std::move(disk)) {
    flushed(nullptr, 0);
    os::set_faults(this);
  }
  ~Flushed() override { os::set_faults(nullptr); }
  int before(os::Call) override { return 0; }
  void flushed(const void* from, std::size_t) override {
    if (from == nullptr) fs::copy_file(live_, disk_, fs::copy_options::overwrite_existing);
  }

 private:
  const std::string live_, disk_;
};

class AskedRebuild : public testing::Test {
 protected:
  static inline std::string live_, left_, disk_;
  // The power fails; of all that was not flushed only the root of the index was written back.
  static void cut(const char* step) {
    if (std::string_view(step) != "rebuild.2") return;
    fs::copy_file(disk_, left_, fs::copy_options::overwrite_existing);
    const FileEdit live(live_), left(left_);
    left.write(format::kRootOffset, live.read(format::kRootOffset, 8 * live.super().root_words));
  }
};

TEST_F(AskedRebuild, a_clean_mark_does_not_outlive_its_index) {
  const Scratch scratch;
  const TmpfsIsADisk power;
  live_ = scratch / "s.durra", left_ = scratch / "left.durra", disk_ = scratch / "disk";
  { open(live_, small()).value().put("k", "durable").value(); }
  {
    const Flushed flushed(live_, disk_);
    step_hook = cut;
    Options o = small();
    o.rebuild = true;
    (void)open(live_, o);
    step_hook = nullptr;
  }
  // The same file, after a reboot.
  const FileEdit left(left_);
  constexpr std::uint64_t kIdentity = format::kControlOffset + offsetof(format::Control, identity);
  const auto stored = left.get<format::Identity>(kIdentity);
  if (stored.check == format::identity_check(stored, left.seed())) {
    auto now = os::identity(os::open(left_, os::Access::read).value()).value();
    now.boot_id[0] ^= 1;
    now.check = format::identity_check(now, left.seed());
    left.set(kIdentity, now);
  }
  fs::last_write_time(left_, fs::file_time_type::clock::now() - std::chrono::hours(1));

  auto store = open(left_, small()).value();
  EXPECT_EQ(shown(store.get("k")), "durable");
  EXPECT_EQ(stats(store).value().opened, Opened::rebuilt);
}

}  // namespace
}  // namespace durra::test
