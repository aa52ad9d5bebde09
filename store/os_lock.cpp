// Locks of open file descriptions, and what a forked child must not keep of them.
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "store/os.h"
#include "store/os_call.h"

namespace durra::os {

// ---- Bytes --------------------------------------------------------------------------------------------------------
namespace {

struct flock lock_of(short type, std::uint64_t byte, std::uint64_t count) {
  struct flock l {};
  l.l_type = type;
  l.l_whence = SEEK_SET;
  l.l_start = static_cast<off_t>(byte);
  l.l_len = static_cast<off_t>(count);
  return l;
}

short type_of(Lock l) { return l == Lock::shared ? F_RDLCK : F_WRLCK; }

}  // namespace

Result<std::uint8_t> try_lock(const File& f, std::uint64_t byte, Lock kind) {
  auto l = lock_of(type_of(kind), byte, 1);
  if (attempt(Call::lock, [&] { return ::fcntl(f.fd(), F_OFD_SETLK, &l); }) == 0) return 1;
  if (errno == EAGAIN || errno == EACCES) return 0;
  return io("fcntl(F_OFD_SETLK)");
}

void unlock(const File& f, std::uint64_t byte) noexcept {
  auto l = lock_of(F_UNLCK, byte, 1);
  ::fcntl(f.fd(), F_OFD_SETLK, &l);
}

Result<std::uint8_t> is_held(const File& f, std::uint64_t byte, std::uint64_t count, Lock kind) {
  if (count == 0) return 0;  // to the kernel it would mean: to the end
  auto l = lock_of(type_of(kind), byte, count);
  if (attempt(Call::lock, [&] { return ::fcntl(f.fd(), F_OFD_GETLK, &l); }) != 0) return io("fcntl(F_OFD_GETLK)");
  return l.l_type != F_UNLCK;
}

// ---- Fork ---------------------------------------------------------------------------------------------------------
namespace {

struct Watched {
  int fd;
  std::uint64_t claim, device, inode;
};

struct Watchlist {
  std::mutex mutex;
  std::vector<Watched> list;
};
Watchlist& watchlist() {
  static Watchlist& w = *new Watchlist;  // never destroyed: a child can be forked while the process exits
  return w;
}
thread_local bool gate_is_ours = false;
thread_local bool gate_is_the_forks = false;

// Not by fstat: it asks for the times too, and from Linux 6.13 on whoever writes after somebody has seen a file's times
// changes them, which makes each flush one of the file system's journal.
bool is_still(const Watched& w) {
  struct statx s;
  if (::statx(w.fd, "", AT_EMPTY_PATH, STATX_INO, &s) != 0) return false;
  return makedev(s.stx_dev_major, s.stx_dev_minor) == w.device && s.stx_ino == w.inode;
}

void before_fork() {
  gate_is_the_forks = !gate_is_ours;
  if (gate_is_the_forks) watchlist().mutex.lock();
}
void in_parent() {
  if (gate_is_the_forks) watchlist().mutex.unlock();
}
// In the child of a process with threads: only what is async-signal-safe.
void in_child() {
  const int nothing = ::open("/", O_PATH | O_CLOEXEC);
  for (const Watched& w : watchlist().list) {
    if (is_still(w) && (nothing < 0 || ::dup3(nothing, w.fd, O_CLOEXEC) < 0)) ::close(w.fd);
  }
  if (nothing >= 0) ::close(nothing);
  watchlist().list.clear();
  in_parent();
}

}  // namespace

ForkGate::ForkGate() : outer_(!gate_is_ours) {
  if (!outer_) return;
  static const int registered = ::pthread_atfork(before_fork, in_parent, in_child);
  if (registered != 0) throw std::bad_alloc();  // its only reason
  gate_is_ours = true;  // first, so that a signal handler that forks between the two does not wait for its own thread
  watchlist().mutex.lock();
}

ForkGate::~ForkGate() {
  if (!outer_) return;
  watchlist().mutex.unlock();
  gate_is_ours = false;
}

Result<void> watch(const File& f) {
  const auto i = info(f);
  if (!i) return i.error();
  const ForkGate gate;
  auto& list = watchlist().list;
  std::erase_if(list, [&](const Watched& w) { return w.fd == f.fd(); });  // who had the number has lost it
  list.push_back({f.fd(), f.claim(), i->device, i->inode});
  return {};
}

void unwatch(const File& f) noexcept {
  const ForkGate gate;
  std::erase_if(watchlist().list, [&](const Watched& w) { return w.fd == f.fd() && w.claim == f.claim(); });
}

bool still_ours(const File& f) noexcept {
  if (!f.has_number()) return false;
  const ForkGate gate;
  const auto& list = watchlist().list;
  const auto it = std::find_if(list.begin(), list.end(), [&](const Watched& w) { return w.fd == f.fd(); });
  return it == list.end() || is_still(*it);
}

void close_watched(File& f) noexcept {
  const ForkGate gate;
  const bool ours = still_ours(f);
  unwatch(f);
  if (ours) f.close();
  f.release();
}

// ---- HeldByte -----------------------------------------------------------------------------------------------------
// The gate is shut all the time: no child inherits the descriptor before it is watched, nor the page before madvise.
Result<HeldByte> HeldByte::take(const File& like, const std::string& path, std::uint64_t byte, std::uint64_t map_offset,
                                Access access, Lock kind) {
  const ForkGate gate;
  HeldByte held;
  const auto lock = [&]() -> Result<std::uint8_t> {
    auto again = reopen(like, path, access);
    if (!again) return again.error();
    held.file_ = std::move(*again);
    if (auto ok = watch(held.file_); !ok) return ok.error();
    return try_lock(held.file_, byte, kind);
  };
  auto locked = lock();
  if (!locked) return locked.error();
  if (!*locked) return HeldByte{};
  auto page = map_apart(held.file_, map_offset, 1, access);
  if (!page) return page.error();
  held.page_ = std::move(*page);
  const auto fs = file_system(like);
  if (!fs) return fs.error();
  if (fs->locks_by_descriptor) return held;  // not tested: somebody else's lock could be taken for ours
  close_watched(held.file_);
  const auto lives = is_held(like, byte);
  if (!lives) return lives.error();
  if (*lives) return held;
  locked = lock();
  if (!locked) return locked.error();
  return *locked ? std::move(held) : HeldByte{};
}

HeldByte& HeldByte::operator=(HeldByte&& o) noexcept {
  if (this != &o) {
    release();
    page_ = std::move(o.page_);
    file_ = std::move(o.file_);
  }
  return *this;
}

bool HeldByte::is_lost() const noexcept { return file_ && !still_ours(file_); }

void HeldByte::release() noexcept {
  if (file_ && still_ours(file_)) {
    auto everything = lock_of(F_UNLCK, 0, 0);  // at once, even if a raw clone of this process has the descriptor too
    ::fcntl(file_.fd(), F_OFD_SETLK, &everything);
  }
  if (file_) close_watched(file_);
  page_ = Mapping{};
}

void HeldByte::forget() noexcept {
  if (file_) close_watched(file_);
  page_.forget();
}

}  // namespace durra::os
