// Who the file is, what it lies on, and what this process is.
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "store/os.h"
#include "store/os_call.h"

namespace durra::os {

// ---- The file -----------------------------------------------------------------------------------------------------
namespace {

constexpr unsigned kStatxMountIdUnique = 0x4000u;  // STATX_MNT_ID_UNIQUE, Linux 6.8; older kernels ignore it

// "5f0c…-…\n" as bytes; zeros where it cannot be read.
std::array<std::uint8_t, 16> boot_id() {
  std::array<std::uint8_t, 16> id{};
  char text[64];
  const File f(attempt(Call::identity, [] { return ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC); }));
  if (!f) return id;
  const ssize_t n = attempt(Call::identity, [&] { return ::read(f.fd(), text, sizeof text); });
  std::size_t digits = 0;
  for (ssize_t i = 0; i < n && digits < 32; ++i) {
    const char c = text[i];
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (value < 0) continue;
    id[digits / 2] = static_cast<std::uint8_t>(id[digits / 2] << 4 | value);
    ++digits;
  }
  return digits == 32 ? id : std::array<std::uint8_t, 16>{};
}

}  // namespace

Result<format::Identity> identity(const File& f) {
  format::Identity id{};
  struct statx s;
  if (attempt(Call::identity, [&] {
        return ::statx(f.fd(), "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME | kStatxMountIdUnique, &s);
      }) != 0) {
    return io("statx");
  }
  // The field is there since Linux 5.8, behind the names that older headers have: stx_mnt_id at byte 0x90.
  if (s.stx_mask & kStatxMountIdUnique) {
    std::memcpy(&id.mount_id, reinterpret_cast<const std::byte*>(&s) + 0x90, sizeof id.mount_id);
  }
  id.device = makedev(s.stx_dev_major, s.stx_dev_minor);
  id.inode = s.stx_ino;
  if (s.stx_mask & STATX_BTIME) {
    id.birth_ns = static_cast<std::uint64_t>(s.stx_btime.tv_sec) * 1'000'000'000u + s.stx_btime.tv_nsec;
  }
  id.boot_id = boot_id();
  if (id.boot_id == std::array<std::uint8_t, 16>{}) id.mount_id = 0;  // unique within a boot: no boot, no witness

  alignas(struct file_handle) std::byte room[sizeof(struct file_handle) + sizeof id.handle];
  auto* handle = reinterpret_cast<struct file_handle*>(room);
  handle->handle_bytes = sizeof id.handle;
  int mount = 0;
  if (attempt(Call::identity, [&] { return ::name_to_handle_at(f.fd(), "", handle, &mount, AT_EMPTY_PATH); }) == 0) {
    id.handle_type = static_cast<std::uint32_t>(handle->handle_type);
    id.handle_size = handle->handle_bytes;
    std::memcpy(id.handle.data(), handle->f_handle, handle->handle_bytes);
  }
  return id;
}

namespace {
std::atomic<bool> tmpfs_is_a_disk{false};
}

void trust_tmpfs(bool on) noexcept { tmpfs_is_a_disk.store(on); }

Result<FileSystem> file_system(const File& f) {
  struct statfs s;
  if (attempt(Call::identity, [&] { return ::fstatfs(f.fd(), &s); }) != 0) return io("fstatfs");
  return file_system_of(static_cast<std::uint32_t>(s.f_type));
}

FileSystem file_system_of(std::uint32_t magic) {
  struct Known {
    std::uint32_t magic;
    const char* name;
    bool supported = false, volatile_ = false, locks_by_descriptor = false;
  };
  static constexpr Known kKnown[] = {
      {EXT4_SUPER_MAGIC, "ext4", true},
      {XFS_SUPER_MAGIC, "xfs", true},
      {BTRFS_SUPER_MAGIC, "btrfs", true},
      {TMPFS_MAGIC, "tmpfs", true, true},
      {OVERLAYFS_SUPER_MAGIC, "overlayfs", true, false, true},
      {RAMFS_MAGIC, "ramfs", false, true},
      {HUGETLBFS_MAGIC, "hugetlbfs", false, true},
      {PROC_SUPER_MAGIC, "proc", false, true},
      {SYSFS_MAGIC, "sysfs", false, true},
      {NFS_SUPER_MAGIC, "nfs"},
      {V9FS_MAGIC, "9p"},
      {FUSE_SUPER_MAGIC, "fuse"},
      {SMB_SUPER_MAGIC, "smb"},
      {CIFS_SUPER_MAGIC, "smb"},
      {SMB2_SUPER_MAGIC, "smb"},
      {CEPH_SUPER_MAGIC, "ceph"},
      {F2FS_SUPER_MAGIC, "f2fs"},
      {MSDOS_SUPER_MAGIC, "vfat"},
      {EXFAT_SUPER_MAGIC, "exfat"},
      {SQUASHFS_MAGIC, "squashfs"},
      {EROFS_SUPER_MAGIC_V1, "erofs"},
      {ISOFS_SUPER_MAGIC, "iso9660"},
      {ECRYPTFS_SUPER_MAGIC, "ecryptfs"},
      {0x2fc12fc1, "zfs"},
      {0xca451a4e, "bcachefs"},
      {0x7366746e, "ntfs"},
  };
  for (const Known& k : kKnown) {
    const bool is_volatile = k.volatile_ && !(k.magic == TMPFS_MAGIC && tmpfs_is_a_disk.load());
    if (k.magic == magic) return {k.name, k.supported, is_volatile, k.locks_by_descriptor};
  }
  char hex[16];
  std::snprintf(hex, sizeof hex, "0x%x", magic);
  return {hex, false, false, false};
}

// ---- Fork cookie --------------------------------------------------------------------------------------------------
namespace {

using Word = std::atomic<std::uint64_t>;
// Inherited: so what a child takes from it no ancestor has had.
std::atomic<std::uint64_t> last_cookie{0};

Word* make_cookie_page() {
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  if (before(Call::map) != 0) return nullptr;
  void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  if (attempt(Call::advise, [&] { return ::madvise(p, size, MADV_WIPEONFORK); }) != 0) {
    ::munmap(p, size);
    return nullptr;
  }
  Word* fresh = static_cast<Word*>(p);  // a page of zeros is an array of zero words
  Word* expected = nullptr;
  if (cookie_page.compare_exchange_strong(expected, fresh)) return fresh;
  ::munmap(p, size);
  return expected;
}

}  // namespace

std::uint64_t new_fork_cookie() noexcept {
  Word* page = cookie_page.load(std::memory_order_acquire);
  if (!page) page = make_cookie_page();
  if (!page) return std::uint64_t{1} << 63 | pid();  // slower, and as right as process numbers are unique
  std::uint64_t now = 0;
  const std::uint64_t fresh = last_cookie.fetch_add(1) + 1;
  return page->compare_exchange_strong(now, fresh) ? fresh : now;
}

// ---- This process -------------------------------------------------------------------------------------------------
namespace {

std::uint64_t clock_ns(clockid_t clock) noexcept {
  struct timespec t;
  ::clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

}  // namespace

std::uint64_t now_ns() noexcept { return clock_ns(CLOCK_REALTIME); }
std::uint64_t coarse_now_ns() noexcept { return clock_ns(CLOCK_REALTIME_COARSE); }
std::uint64_t steady_ns() noexcept { return clock_ns(CLOCK_MONOTONIC); }
SignalsBlocked::SignalsBlocked() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  static_assert(sizeof(sigset_t) <= sizeof before_);
  ::pthread_sigmask(SIG_SETMASK, &all, reinterpret_cast<sigset_t*>(&before_));
}
SignalsBlocked::~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, reinterpret_cast<sigset_t*>(&before_), nullptr); }

void name_thread(const char* name) noexcept { ::prctl(PR_SET_NAME, name); }

std::uint32_t pid() noexcept { return static_cast<std::uint32_t>(::getpid()); }
std::uint32_t tid() noexcept { return static_cast<std::uint32_t>(::syscall(SYS_gettid)); }

std::array<char, 16> command() noexcept {
  std::array<char, 16> name{};
  ::prctl(PR_GET_NAME, name.data());
  return name;
}

Result<void> random(void* to, std::size_t size) {
  if (random_by_test(to, size)) return {};
  auto* p = static_cast<std::byte*>(to);
  while (size > 0) {
    const ssize_t n = attempt(Call::random, [&] { return ::getrandom(p, size, 0); });
    if (n < 0) return io("getrandom");
    p += n;
    size -= static_cast<std::size_t>(n);
  }
  return {};
}

void nap(std::chrono::nanoseconds d) noexcept {
  if (d.count() <= 0) return;
  const struct timespec t {
    static_cast<time_t>(d.count() / 1'000'000'000), static_cast<long>(d.count() % 1'000'000'000)
  };
  ::nanosleep(&t, nullptr);
}

bool recent_enough(const char* release) noexcept {
  char* end = nullptr;
  const long major = std::strtol(release, &end, 10);
  const long minor = *end == '.' ? std::strtol(end + 1, nullptr, 10) : 0;
  return major > 5 || (major == 5 && minor >= 14);
}

const char* check_machine() noexcept {
  if constexpr (sizeof(void*) != 8) return "durra needs a 64-bit processor";
  if constexpr (std::endian::native != std::endian::little) return "durra needs a little-endian processor";
  if (::sysconf(_SC_PAGESIZE) > 65536) return "durra needs memory pages of at most 64 KiB";
  struct utsname u;
  if (::uname(&u) != 0 || !recent_enough(u.release)) return "durra needs Linux 5.14 or newer";
  return nullptr;
}

}  // namespace durra::os
