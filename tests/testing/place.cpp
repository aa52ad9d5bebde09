// Putting a state of a trace into its file: the same inode, only the pages that differ, the old modification time.
#include <durra/testing/crash.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>

namespace durra::testing {
namespace {

constexpr std::size_t kPage = 4096, kSizeMax = std::size_t{1} << 36;

void check(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

}  // namespace

// A second name keeps the inode while the file is not to be there.
struct Placer::Kept {
  std::string path, name;
  timespec changed{};
  int fd = -1;
  bool has_name = false;
  struct stat file {};
  const std::byte* view = nullptr;

  Kept() = default;
  Kept(const Kept&) = delete;
  ~Kept() {
    if (view != nullptr) ::munmap(const_cast<std::byte*>(view), kSizeMax);
    if (fd >= 0) ::close(fd);
    if (has_name) ::unlink(name.c_str());
  }
  bool is_at_path() const {
    struct stat now;
    return ::stat(path.c_str(), &now) == 0 && now.st_ino == file.st_ino && now.st_dev == file.st_dev;
  }
  void give_name() const {
    if (is_at_path()) return;
    ::unlink(path.c_str());
    check(::link(name.c_str(), path.c_str()) == 0, "link " + path);
  }
  void copy(std::string_view bytes) const {
    struct stat now;
    check(::fstat(fd, &now) == 0, "fstat " + path);
    if (static_cast<std::size_t>(now.st_size) != bytes.size())
      check(::ftruncate(fd, static_cast<off_t>(bytes.size())) == 0, "ftruncate " + path);
    for (std::size_t at = 0; at < bytes.size(); at += kPage) {
      const std::size_t size = std::min(kPage, bytes.size() - at);
      // Written, not stored: a full disk is an error then, and no signal.
      if (std::memcmp(view + at, bytes.data() + at, size) != 0)
        check(::pwrite(fd, bytes.data() + at, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size),
              "write " + path);
    }
    const timespec times[2] = {changed, changed};
    check(::futimens(fd, times) == 0, "futimens " + path);
  }
};

Placer::Placer(std::string path, const Trace& trace) : kept_(std::make_unique<Kept>()) {
  static std::atomic<unsigned> count{0};
  Kept& k = *kept_;
  k.name = path + ".kept" + std::to_string(::getpid()) + "-" + std::to_string(count++);
  k.path = std::move(path);
  k.changed = {static_cast<time_t>(trace.changed_ns() / 1'000'000'000),
               static_cast<long>(trace.changed_ns() % 1'000'000'000)};
  k.fd = ::open(k.path.c_str(), O_RDWR | O_CLOEXEC);
  check(k.fd >= 0 && ::fstat(k.fd, &k.file) == 0, "open " + k.path);
  k.has_name = ::link(k.path.c_str(), k.name.c_str()) == 0;
  check(k.has_name, "link " + k.name);
  void* const view = ::mmap(nullptr, kSizeMax, PROT_READ, MAP_SHARED, k.fd, 0);
  check(view != MAP_FAILED, "mmap " + k.path);
  k.view = static_cast<const std::byte*>(view);
}

Placer::~Placer() = default;

void Placer::place(bool exists, std::string_view bytes) {
  if (!exists) {
    ::unlink(kept_->path.c_str());
    return;
  }
  kept_->give_name();
  kept_->copy(bytes);
}

}  // namespace durra::testing
