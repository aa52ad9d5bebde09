// Opens what power cuts left.
#include "tests/proof/power/checker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "format/checksum.h"
#include "format/decide.h"
#include "store/handle.h"

namespace durra::test {
namespace {

constexpr std::uint64_t kPage = 4096;

void need(bool good, const char* what) {
  if (!good) throw std::runtime_error(what);
}

}  // namespace

Checker::Checker(std::string path, const Program& program) : path_(std::move(path)), program_(program) {
  os::trust_tmpfs(true);
  os::share_mappings(true);
  file_ = os::File(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  need(bool(file_), "a file to check in");
  identity_ = os::identity(file_).value();
  identity_.boot_id[0] ^= 0xff;  // whatever was written was written in another boot
}

Checker::~Checker() {
  store_.reset();
  map_ = os::Mapping();
  os::share_mappings(false);
  os::trust_tmpfs(false);
  ::unlink(path_.c_str());
}

// The whole of what a store may become, as the store maps it: so it finds this mapping instead of making one.
void Checker::map(std::string_view image) {
  format::Superblock super{};
  need(image.size() >= sizeof super, "an image without a superblock");
  std::memcpy(static_cast<void*>(&super), image.data(), sizeof super);
  need(format::check(super).verdict == format::SuperblockVerdict::valid, "an image without a valid superblock");
  map_ = os::map(file_, 0, format::file_size_max(super), os::Access::read_write).value();
}

void Checker::place(std::string_view image) {
  struct stat s;
  need(::fstat(file_.fd(), &s) == 0, "fstat");
  size_ = static_cast<std::uint64_t>(s.st_size);
  if (size_ != image.size()) need(::ftruncate(file_.fd(), static_cast<off_t>(image.size())) == 0, "ftruncate");
  if (!map_) map(image);
  for (std::uint64_t at = 0; at < image.size(); at += kPage) {
    const std::uint64_t size = std::min(kPage, image.size() - at);
    if (std::memcmp(map_.base() + at, image.data() + at, size) != 0)
      std::memcpy(map_.base() + at, image.data() + at, size);
  }
  reboot();
  const struct timespec long_ago[2] = {{0, 0}, {0, 0}};  // nobody has touched it since
  need(::futimens(file_.fd(), long_ago) == 0, "futimens");
}

// The file would still be the same inode.
void Checker::reboot() {
  format::Identity stored{};
  std::byte* const at = map_.base() + format::kControlOffset + offsetof(format::Control, identity);
  std::memcpy(static_cast<void*>(&stored), at, sizeof stored);
  format::Superblock super{};
  std::memcpy(static_cast<void*>(&super), map_.base(), sizeof super);
  const std::uint64_t seed = format::store_seed(super.uuid);
  if (stored.check != format::identity_check(stored, seed)) return;
  stored = identity_;
  stored.check = format::identity_check(stored, seed);
  std::memcpy(at, &stored, sizeof stored);
}

std::string Checker::open(bool rebuild) {
  Options o = program_.options;
  o.mode = Mode::open;
  o.durability = Durability::process;
  o.rebuild = rebuild;
  auto opened = durra::open(path_, o);
  if (!opened) return "open: " + opened.error().message();
  store_.emplace(*std::move(opened));
  const auto how = detail::handle_of(*store_)->opened;
  clean_ = how == Opened::clean;
  if (how == Opened::clean || how == Opened::rebuilt) return "";
  return std::string("opened after a power cut by trusting the index: ") + name(how);
}

}  // namespace durra::test
