// A disk that takes nothing any more, below a real file system: whoever flushes is told, and every other open file too.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "store/os.h"
#include "tests/support/scratch.h"

namespace durra::test {
namespace {

// A file system of 400 MiB on a loop device, whose file lies where there is room for 24 MiB.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& folder) : below_(folder + "/below"), above_(folder + "/above") {
    const auto run = [](const std::string& command) {
      return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
    };
    if (!run("mkdir " + below_ + " " + above_) || ::mount("none", below_.c_str(), "tmpfs", 0, "size=24M") != 0) return;
    is_below_ = true;
    const std::string image = below_ + "/image";
    is_above_ = run("truncate -s 400M " + image) && run("mkfs.ext4 -q " + image) &&
                run("mount -o loop " + image + " " + above_);
  }
  ~SmallDisk() {
    if (is_above_) ::umount(above_.c_str());
    if (is_below_) ::umount2(below_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  explicit operator bool() const { return is_above_; }
  std::string operator/(const std::string& name) const { return above_ + "/" + name; }

 private:
  const std::string below_, above_;
  bool is_below_ = false, is_above_ = false;
};

TEST(Witness, is_told_of_what_another_open_file_was_told_of) {
  const Scratch scratch;
  const SmallDisk disk(scratch.path());
  if (!disk) GTEST_SKIP() << "this machine lets a test mount no loop device";
  const std::string path = disk / "file";
  constexpr std::size_t kSize = 32 << 20;
  std::ofstream(path).put('\0');
  auto file = os::open(path, os::Access::read_write).value();
  os::allocate(file, 0, kSize).value();
  auto map = os::map(file, 0, kSize, os::Access::read_write).value();
  const auto early = os::Witness::open(file, path).value();
  EXPECT_EQ(early.ask().value(), 1);
  std::memset(map.base(), 1, kSize);
  EXPECT_FALSE(os::flush(map.base(), kSize));
  EXPECT_FALSE(early.ask()) << "though the flush was told";
  EXPECT_EQ(early.ask().value(), 1) << "once";
  const auto late = os::Witness::open(file, path).value();
  EXPECT_EQ(late.ask().value(), 1) << "so whoever comes beside a flush must doubt";
}

// overlayfs keeps the pages in a file below: a descriptor of the file above said that all was well.
TEST(Witness, there_is_none_where_it_would_be_told_nothing) {
  on_overlayfs([](const std::string& folder) {
    const std::string path = folder + "/file";
    std::ofstream(path).put('\0');
    const auto file = os::open(path, os::Access::read_write).value();
    const auto witness = os::Witness::open(file, path);
    ASSERT_FALSE(witness);
    EXPECT_EQ(witness.error().code, Code::unsupported);
  });
}

}  // namespace
}  // namespace durra::test
