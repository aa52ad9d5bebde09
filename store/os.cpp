// The operating system seam: fault hook, files and their space.  Mappings, locks and identity are in os_*.cpp.
#include "store/os.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <limits>
#include <utility>

#include "store/os_call.h"

namespace durra::os {

// ---- Faults -------------------------------------------------------------------------------------------------------
namespace {
std::atomic<Faults*> faults{nullptr};
}

void set_faults(Faults* f) noexcept { faults.store(f, std::memory_order_release); }

int before(Call c) {
  Faults* f = faults.load(std::memory_order_acquire);
  return f ? f->before(c) : 0;
}

int before_read(std::uint64_t offset, std::size_t size) {
  Faults* f = faults.load(std::memory_order_acquire);
  return f ? f->before_read(offset, size) : 0;
}

bool random_by_test(void* to, std::size_t size) {
  Faults* f = faults.load(std::memory_order_acquire);
  return f != nullptr && f->random(to, size);
}

void flushed(const void* from, std::size_t size) {
  if (Faults* f = faults.load(std::memory_order_acquire)) f->flushed(from, size);
}

const char* name(Call c) noexcept {
  switch (c) {
    case Call::open: return "open";
    case Call::stat: return "stat";
    case Call::read: return "read";
    case Call::write: return "write";
    case Call::allocate: return "allocate";
    case Call::truncate: return "truncate";
    case Call::map: return "map";
    case Call::advise: return "advise";
    case Call::lock: return "lock";
    case Call::sync: return "sync";
    case Call::ask: return "ask";
    case Call::link: return "link";
    case Call::identity: return "identity";
    case Call::random: return "random";
    case Call::limit: return "limit";
    case Call::futex: return "futex";
    case Call::count_: break;
  }
  return "unknown";
}

// ---- Files --------------------------------------------------------------------------------------------------------
File& File::operator=(File&& o) noexcept {
  if (this != &o) {
    close();
    fd_ = std::exchange(o.fd_, -1);
    claim_ = o.claim_;
  }
  return *this;
}

void File::close() noexcept {
  if (fd_ < 0) return;
  const int e = errno;  // of the failure that made a caller give up
  ::close(std::exchange(fd_, -1));
  errno = e;
}

namespace {

int flags_of(Access a) { return O_CLOEXEC | (a == Access::read ? O_RDONLY : O_RDWR); }

// Not a number that somebody closed a standard stream of: what he prints would be written over the store.
int above_streams(int fd) noexcept {
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int above = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int why = errno;
  ::close(fd);
  errno = why;
  return above;
}

File open_fd(const char* path, int flags, mode_t mode = 0) {
  return File(above_streams(attempt(Call::open, [&] { return ::open(path, flags, mode); })));
}

const char* refusal(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return nullptr;
    case S_IFDIR: return "is a directory";
    case S_IFLNK: return "is a symbolic link";
    case S_IFIFO: return "is a FIFO";
    case S_IFSOCK: return "is a socket";
    default: return "is a device";
  }
}

}  // namespace

// In two steps, because to open a device can act on it, and to open a FIFO can wait.
Result<File> open(const std::string& path, Access access) {
  const File place = open_fd(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (!place && errno == ENOENT) return Error{Code::not_found, ENOENT, 0, "open", 0};
  if (!place) return io("open");
  struct stat s;
  if (attempt(Call::stat, [&] { return ::fstat(place.fd(), &s); }) != 0) return io("fstat");
  if (const char* why = refusal(s.st_mode)) return Error{Code::unsupported, 0, 0, why, 0};
  return reopen(place, path, access);
}

Result<File> reopen(const File& like, const std::string& path, Access access) {
  File again = open_fd(name_of(like).c_str(), flags_of(access));
  if (again) return again;
  if (errno != ENOENT && errno != ENOTDIR) return io("open");
  // No /proc here.
  again = open_fd(path.c_str(), flags_of(access) | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!again) return io("open");
  const auto a = info(like), b = info(again);
  if (!a) return a.error();
  if (!b) return b.error();
  if (a->device != b->device || a->inode != b->inode) return io("the path leads to another file now", ESTALE);
  return again;
}

Result<FileInfo> info(const File& f) {
  struct stat s;
  if (attempt(Call::stat, [&] { return ::fstat(f.fd(), &s); }) != 0) return io("fstat");
  return FileInfo{
      static_cast<std::uint64_t>(s.st_size), static_cast<std::uint64_t>(s.st_blocks) * 512,
      static_cast<std::uint64_t>(s.st_dev), static_cast<std::uint64_t>(s.st_ino),
      static_cast<std::uint64_t>(s.st_mtim.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(s.st_mtim.tv_nsec)};
}

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// ---- A new file ---------------------------------------------------------------------------------------------------
namespace {

// Without it each first store to a page after a snapshot or reflink could need space that populate did not reserve.
Result<void> set_nocow_on_btrfs(const File& f) {
  struct statfs s;
  if (attempt(Call::open, [&] { return ::fstatfs(f.fd(), &s); }) != 0) return io("fstatfs");
  if (static_cast<std::uint32_t>(s.f_type) != BTRFS_SUPER_MAGIC) return {};
  int flags = 0;
  if (attempt(Call::open, [&] { return ::ioctl(f.fd(), FS_IOC_GETFLAGS, &flags); }) != 0) return io("FS_IOC_GETFLAGS");
  flags |= FS_NOCOW_FL;
  if (attempt(Call::open, [&] { return ::ioctl(f.fd(), FS_IOC_SETFLAGS, &flags); }) != 0) return io("FS_IOC_SETFLAGS");
  return {};
}

}  // namespace

Result<NewFile> NewFile::create(const std::string& path, unsigned permissions) {
  const std::string folder = folder_of(path);
  NewFile n;
  n.path_ = path;
  n.file_ = open_fd(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (!n.file_) {
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) return io("open");
    std::uint64_t r;
    if (auto ok = random(&r, sizeof r); !ok) return ok.error();
    char name[32];
    std::snprintf(name, sizeof name, "/.durra-%016llx", static_cast<unsigned long long>(r));
    n.file_ = open_fd((folder + name).c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
    if (!n.file_) return io("open");
    n.temporary_ = folder + name;
  }
  if (attempt(Call::open, [&] { return ::fchmod(n.file_.fd(), static_cast<mode_t>(permissions)); }) != 0) {
    return io("fchmod");
  }
  if (auto ok = set_nocow_on_btrfs(n.file_); !ok) return ok.error();
  return n;
}

NewFile::NewFile(NewFile&& o) noexcept
    : file_(std::move(o.file_)), path_(std::move(o.path_)), temporary_(std::exchange(o.temporary_, {})) {}

NewFile::~NewFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> NewFile::publish() {
  if (auto ok = sync(file_); !ok) return ok;
  const int r = attempt(Call::link, [&] {
    if (!temporary_.empty()) {
      return ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE);
    }
    const int linked = ::linkat(AT_FDCWD, name_of(file_).c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW);
    // No /proc here; this way needs a capability.
    return linked == 0 || errno != ENOENT ? linked : ::linkat(file_.fd(), "", AT_FDCWD, path_.c_str(), AT_EMPTY_PATH);
  });
  const char* call = temporary_.empty() ? "linkat" : "renameat2";
  if (r != 0 && errno == EEXIST) return Error{Code::busy, EEXIST, 0, "the name is taken", 0};
  if (r != 0) return io(call);
  temporary_.clear();
  return sync_directory_of(path_);
}

// ---- Reading and writing ------------------------------------------------------------------------------------------
Result<void> read_at(const File& f, std::uint64_t offset, void* to, std::size_t size) {
  auto* p = static_cast<std::byte*>(to);
  while (size > 0) {
    const ssize_t n = attempt(Call::read, [&]() -> ssize_t {
      const int fault = before_read(offset, size);
      if (fault == 0) return ::pread(f.fd(), p, size, static_cast<off_t>(offset));
      return errno = fault, -1;
    });
    if (n < 0) return io("pread");
    if (n == 0) return Error{Code::damaged, 0, offset, "the file ends here", 0};
    p += n;
    offset += static_cast<std::uint64_t>(n);
    size -= static_cast<std::size_t>(n);
  }
  return {};
}

// ---- Space --------------------------------------------------------------------------------------------------------
namespace {

bool is_full(int e) { return e == ENOSPC || e == EDQUOT || e == EFBIG; }

Error full(const File& f, const char* what, int e, std::uint64_t needed) {
  const auto left = space_left(f);
  return {Code::full, static_cast<std::uint16_t>(e), needed, what, left ? *left : 0};
}

// How far this process may write; beyond it the kernel raises SIGXFSZ.
Result<std::uint64_t> size_limit() {
  struct rlimit r;
  if (attempt(Call::limit, [&] { return ::getrlimit(RLIMIT_FSIZE, &r); }) != 0) return io("getrlimit");
  return static_cast<std::uint64_t>(r.rlim_cur);
}

Error over_limit(std::uint64_t offset, std::uint64_t size, std::uint64_t limit) {
  return {Code::full, EFBIG, size, "RLIMIT_FSIZE", limit > offset ? limit - offset : 0};
}

}  // namespace

Result<std::uint64_t> space_left(const File& f) {
  struct statvfs s;
  if (attempt(Call::stat, [&] { return ::fstatvfs(f.fd(), &s); }) != 0) return io("fstatvfs");
  if (s.f_blocks == 0) return std::numeric_limits<std::uint64_t>::max();  // a tmpfs without a limit
  return static_cast<std::uint64_t>(s.f_bavail) * s.f_frsize;
}

Result<std::uint64_t> next_data(const File& f, std::uint64_t offset) {
  const off_t at = attempt(Call::stat, [&] { return ::lseek(f.fd(), static_cast<off_t>(offset), SEEK_DATA); });
  if (at >= 0) return static_cast<std::uint64_t>(at);
  if (errno == ENXIO) return ~std::uint64_t{0};
  return io("lseek(SEEK_DATA)");
}

Result<std::uint64_t> next_hole(const File& f, std::uint64_t offset) {
  const off_t at = attempt(Call::stat, [&] { return ::lseek(f.fd(), static_cast<off_t>(offset), SEEK_HOLE); });
  return at >= 0 ? Result<std::uint64_t>(static_cast<std::uint64_t>(at)) : io("lseek(SEEK_HOLE)");
}

Result<void> write_at(const File& f, std::uint64_t offset, const void* from, std::size_t size) {
  const auto limit = size_limit();
  if (!limit) return limit.error();
  if (size > *limit || offset > *limit - size) return over_limit(offset, size, *limit);
  auto* p = static_cast<const std::byte*>(from);
  while (size > 0) {
    const ssize_t n = attempt(Call::write, [&] { return ::pwrite(f.fd(), p, size, static_cast<off_t>(offset)); });
    if (n < 0) return is_full(errno) ? full(f, "pwrite", errno, size) : io("pwrite");
    p += n;
    offset += static_cast<std::uint64_t>(n);
    size -= static_cast<std::size_t>(n);
  }
  return {};
}

Result<void> write_zeros(const File& f, std::uint64_t offset, std::uint64_t size, std::uint64_t piece) {
  static std::byte zeros[2u << 20];  // never stored to: the kernel's one page of zeros, many times over
  piece = std::clamp<std::uint64_t>(piece, 1, sizeof zeros);
  const std::uint64_t end = offset + size;
  while (offset < end) {
    const std::uint64_t n = std::min(piece - offset % piece, end - offset);
    if (auto ok = write_at(f, offset, zeros, n); !ok) {
      Error e = ok.error();
      if (e.code == Code::full) e.detail += end - offset - n;
      return e;
    }
    offset += n;
  }
  return {};
}

Result<void> allocate(const File& f, std::uint64_t offset, std::uint64_t size) {
  const auto limit = size_limit();
  if (!limit) return limit.error();
  if (size > *limit || offset > *limit - size) {
    const auto now = info(f);  // what others have made longer may be used all the same
    if (!now) return now.error();
    if (offset + size > now->size) return over_limit(offset, size, *limit);
  }
  // A signal makes tmpfs undo the whole of a call: smaller calls get done between two signals.
  std::uint64_t piece = size;
  while (size > 0) {
    const std::uint64_t n = std::min(piece, size);
    const int fault = before(Call::allocate);
    if (fault != 0) errno = fault;
    if (fault != 0 || ::fallocate(f.fd(), 0, static_cast<off_t>(offset), static_cast<off_t>(n)) != 0) {
      if (errno == EOPNOTSUPP || errno == ENOSYS) {
        return Error{Code::unsupported, static_cast<std::uint16_t>(errno), 0, "fallocate", 0};
      }
      if (errno != EINTR) return is_full(errno) ? full(f, "fallocate", errno, size) : io("fallocate");
      piece = std::max<std::uint64_t>(n / 2, 64u << 10);
      continue;
    }
    offset += n;
    size -= n;
  }
  return {};
}

Result<void> punch(const File& f, std::uint64_t offset, std::uint64_t size) {
  constexpr int kHow = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  const auto call = [&] { return ::fallocate(f.fd(), kHow, static_cast<off_t>(offset), static_cast<off_t>(size)); };
  if (attempt(Call::allocate, call) != 0) return io("fallocate(PUNCH_HOLE)");
  return {};
}

Result<void> populate(void* address, std::size_t size) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address) & ~(page - 1);
  const std::size_t whole = reinterpret_cast<std::uintptr_t>(address) + size - begin;  // the kernel rounds this up
  const auto populated = [&] { return ::madvise(reinterpret_cast<void*>(begin), whole, MADV_POPULATE_WRITE); };
  if (attempt(Call::advise, populated) == 0) return {};
  if (errno == EFAULT) return Error{Code::full, EFAULT, size, "madvise(MADV_POPULATE_WRITE)", 0};
  return io("madvise(MADV_POPULATE_WRITE)");
}

// ---- Durability ---------------------------------------------------------------------------------------------------
Result<void> sync(const File& f) {
  if (attempt(Call::sync, [&] { return ::fsync(f.fd()); }) != 0) return io("fsync");
  flushed(nullptr, 0);
  return {};
}

// msync goes to the pages of this range alone (vfs_fsync_range), with the file system's journal and a flush of the
// drive.  Measured beside pwritev2(RWF_DSYNC) of the same bytes onto themselves: as fast, and it stores nothing.
Result<void> flush(void* address, std::size_t size) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address) & ~(page - 1);
  const std::size_t whole = reinterpret_cast<std::uintptr_t>(address) + size - begin;
  if (attempt(Call::sync, [&] { return ::msync(reinterpret_cast<void*>(begin), whole, MS_SYNC); }) != 0)
    return io("msync");
  flushed(reinterpret_cast<void*>(begin), (whole + page - 1) & ~(page - 1));
  return {};
}

Result<void> sync_directory_of(const std::string& path) {
  const File folder = open_fd(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!folder) return io("open");
  if (auto ok = sync(folder); !ok && ok.error().errno_value != EINVAL && ok.error().errno_value != EOPNOTSUPP)
    return ok;
  return {};
}

}  // namespace durra::os
