// The only place that talks to the operating system.  Every call can be made to fail by a test (Faults), and nothing
// of Boost.Interprocess or of the kernel's types passes this edge.
//
// Errors are `io` with errno and the call's name in `what`, unless a function says otherwise.
#pragma once
#include <durra/result.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "format/head.h"

namespace durra::os {

// ---- Faults: for tests --------------------------------------------------------------------------------------------
enum class Call : std::uint8_t {
  open,
  stat,
  read,
  write,
  allocate,
  truncate,
  map,
  advise,
  lock,
  sync,
  ask,
  link,
  identity,
  random,
  limit,
  futex,
  count_
};
struct Faults {
  virtual ~Faults() = default;
  virtual int before(Call) = 0;  // 0: make the call; else fail with this errno instead
  // The same of a read of these bytes, after before(Call::read).
  virtual int before_read(std::uint64_t /*offset*/, std::size_t /*size*/) { return 0; }
  // These bytes of a mapping were just made durable; null: all of a file.
  virtual void flushed(const void* /*from*/, std::size_t /*size*/) {}
  // True: these are the random bytes, so that a test may be repeated; false: the kernel's.
  virtual bool random(void* /*to*/, std::size_t /*size*/) { return false; }
};
void set_faults(Faults*) noexcept;  // null: none.  For one test at a time
// For tests only: a tmpfs counts as a disk, on which everything takes no time.
void trust_tmpfs(bool) noexcept;
const char* name(Call) noexcept;

// For tests only: from now on all handles of this process that map the same file read-write share one mapping, because
// ThreadSanitizer sees nothing across two mappings.
void share_mappings(bool) noexcept;

// ---- Files --------------------------------------------------------------------------------------------------------
// Which File got a descriptor's number last: a count of Files, kept for each number (0: nobody keeps it).  Lock-free,
// for children that are forked at any time.
std::uint64_t claim_number(int fd) noexcept;
std::uint64_t last_to_claim(int fd) noexcept;

// An open file description of our own: locks belong to it.  Move-only; closes.
class File {
 public:
  File() = default;
  explicit File(int fd) noexcept : fd_(fd), claim_(claim_number(fd)) {}
  File(File&& o) noexcept : fd_(std::exchange(o.fd_, -1)), claim_(o.claim_) {}
  File& operator=(File&&) noexcept;
  ~File() { close(); }
  void close() noexcept;
  int release() noexcept { return std::exchange(fd_, -1); }  // gives the descriptor up without closing it
  int fd() const noexcept { return fd_; }
  // False: somebody closed it behind our back, as closefrom() does, and another File has its number now.
  bool has_number() const noexcept { return last_to_claim(fd_) == claim_; }
  std::uint64_t claim() const noexcept { return claim_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
  std::uint64_t claim_ = 0;
};

enum class Access : std::uint8_t { read, read_write };

// O_NOFOLLOW, O_CLOEXEC, never blocks on a FIFO.  Regular files only: a directory, FIFO, device, socket or symlink is
// `unsupported` and says which.  `not_found` when there is none; EACCES, EPERM and EROFS are `io` with that errno.
Result<File> open(const std::string& path, Access);
// Another open file description of the same inode (through /proc/self/fd, else by path with device and inode compared).
Result<File> reopen(const File&, const std::string& path, Access);

// A new file that has no name until `publish`: O_TMPFILE where the file system has it, else a random temporary name in
// the same directory that is removed by publish or by the destructor.  Permissions are exact, whatever the umask.  On
// btrfs NOCOW is set.
class NewFile {
 public:
  static Result<NewFile> create(const std::string& path, unsigned permissions);
  NewFile(NewFile&&) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();
  const File& file() const noexcept { return file_; }
  // Gives it its name, atomically: `busy` (errno EEXIST) if the name is taken.  fsyncs the file before and the
  // directory after (a file system that cannot sync a directory is no error).
  Result<void> publish();

 private:
  NewFile() = default;
  File file_;
  std::string path_, temporary_;
};

struct FileInfo {
  std::uint64_t size, disk_bytes, device, inode, mtime_ns;
};
Result<FileInfo> info(const File&);

// All of it or an error; past the end of the file: `damaged` with the offset where it ended.
Result<void> read_at(const File&, std::uint64_t offset, void* to, std::size_t size);
Result<void> write_at(const File&, std::uint64_t offset, const void* from, std::size_t size);

// ---- Space: the whole difference between a full disk and SIGBUS -----------------------------------------------------
// `full` (detail = bytes needed, available = bytes left as statvfs tells) for ENOSPC, EDQUOT, EFBIG and RLIMIT_FSIZE,
// which is compared first so that no SIGXFSZ is raised.
// Fills [offset, offset + size) with written zeros, in aligned pieces of at most `piece` bytes.
Result<void> write_zeros(const File&, std::uint64_t offset, std::uint64_t size, std::uint64_t piece = 2ull << 20);
// Reserves without changing what is there; raw fallocate, never posix_fallocate.  EOPNOTSUPP: `unsupported`.
Result<void> allocate(const File&, std::uint64_t offset, std::uint64_t size);
// Gives disk blocks back: the range reads as zeros from now on, the file keeps its length.
Result<void> punch(const File&, std::uint64_t offset, std::uint64_t size);
// Makes the pages of a mapping present and writable without changing them: after it a store cannot raise SIGBUS for
// want of space.  `full` where the kernel says EFAULT.
Result<void> populate(void* address, std::size_t size);
Result<std::uint64_t> space_left(const File&);
// The first place from `offset` on where the file may hold something else than zeros; ~0: there is none.
Result<std::uint64_t> next_data(const File&, std::uint64_t offset);
// Where the first byte is from `offset` on that has no block, or one that was never written; the end of the file
// counts.
Result<std::uint64_t> next_hole(const File&, std::uint64_t offset);

// ---- Mappings -----------------------------------------------------------------------------------------------------
// Shared, not inherited by fork, not in core files.  A boost::interprocess::mapped_region inside.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&&) noexcept;
  Mapping& operator=(Mapping&&) noexcept;
  ~Mapping();  // unmaps
  std::byte* base() const noexcept { return base_; }
  std::size_t size() const noexcept { return size_; }
  // In a forked child the pages are not there: forget them without unmapping what may lie at their addresses now.
  void forget() noexcept;
  explicit operator bool() const noexcept { return base_ != nullptr; }

 private:
  friend Result<Mapping> map(const File&, std::uint64_t, std::uint64_t, Access);
  friend Result<Mapping> map_apart(const File&, std::uint64_t, std::uint64_t, Access);
  struct Region;
  std::shared_ptr<Region> region_;
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
};
// May reach beyond the end of the file.  The address is congruent to `offset` modulo 2 MiB when size is at least 2 MiB.
// Too little address space: `io` ENOMEM, and `what` says to create the store with a smaller max_size.
Result<Mapping> map(const File&, std::uint64_t offset, std::uint64_t size, Access);

// ---- Locks: open file description locks on single bytes -------------------------------------------------------------
enum class Lock : std::uint8_t { shared, exclusive };
// True when taken, false when another open file description holds it.  Never waits.
Result<std::uint8_t> try_lock(const File&, std::uint64_t byte, Lock = Lock::exclusive);
void unlock(const File&, std::uint64_t byte) noexcept;
// Whether some *other* open file description holds a byte of [byte, byte + count) in a way that excludes `Lock`.
Result<std::uint8_t> is_held(const File&, std::uint64_t byte, std::uint64_t count = 1, Lock = Lock::exclusive);

// A lock that lives exactly as long as this process can store through a mapping of its own open file: the byte is
// locked, one page is mapped (not inherited by fork), the descriptor closed.  Where the lock does not live with the
// mapping (overlayfs; found by a self-test) the descriptor stays open.
class HeldByte {
 public:
  // False in the result's value (an empty HeldByte) when somebody else holds it.
  static Result<HeldByte> take(const File& like, const std::string& path, std::uint64_t byte, std::uint64_t map_offset,
                               Access, Lock = Lock::exclusive);
  HeldByte() = default;
  HeldByte(HeldByte&&) noexcept = default;
  HeldByte& operator=(HeldByte&&) noexcept;
  ~HeldByte() { release(); }
  explicit operator bool() const noexcept { return static_cast<bool>(page_); }
  bool by_descriptor() const noexcept { return static_cast<bool>(file_); }  // overlayfs: lost if somebody closes it
  bool is_lost() const noexcept;                                            // somebody did
  void release() noexcept;                                                  // unlocks at once
  void forget() noexcept;                                                   // in a forked child

 private:
  Mapping page_;
  File file_;
};

// ---- Durability ---------------------------------------------------------------------------------------------------
Result<void> sync(const File&);  // fsync
// What these pages of a shared mapping hold, and whatever it takes to read it again after a power cut.
Result<void> flush(void* address, std::size_t size);
Result<void> sync_directory_of(const std::string& path);  // of the name itself

// An open file beside the one that flushes.  The kernel tells each open file once of a write-back that failed
// (errseq_t), also of one that some other open file has been told of.
class Witness {
 public:
  // Errors: those of open; `unsupported` on overlayfs, where it would be told nothing.
  static Result<Witness> open(const File& like, const std::string& path);
  Witness() = default;
  Witness(Witness&&) noexcept = default;
  Witness& operator=(Witness&&) noexcept;
  ~Witness();
  explicit operator bool() const noexcept { return static_cast<bool>(file_); }
  // Flushes nothing, and waits for nothing.  An error where a write-back of this file has failed since it was asked
  // last, or opened.  False: it cannot be asked, for somebody closed it or filters system calls.
  Result<std::uint8_t> ask() const;

 private:
  File file_;
};

// ---- Identity -----------------------------------------------------------------------------------------------------
// Everything but `check`.  What this kernel or file system cannot tell is zero.
Result<format::Identity> identity(const File&);
struct FileSystem {
  std::string name;  // "ext4"
  bool supported;    // DESIGN.md §2b: ext4, xfs, btrfs, tmpfs, overlayfs (ext2/3 count as ext4; ramfs is refused)
  bool volatile_;    // tmpfs: nothing survives a power cut
  bool locks_by_descriptor;  // overlayfs
};
Result<FileSystem> file_system(const File&);

// ---- This process -------------------------------------------------------------------------------------------------
// Differs in a process and in every child of its forks (also raw clone): a word in a page that fork wipes.  Never 0.
// Inline, because every operation asks: two loads.
inline std::atomic<std::atomic<std::uint64_t>*> cookie_page{nullptr};
std::uint64_t new_fork_cookie() noexcept;
inline std::uint64_t fork_cookie() noexcept {
  const std::atomic<std::uint64_t>* page = cookie_page.load(std::memory_order_acquire);
  const std::uint64_t cookie = page != nullptr ? page->load(std::memory_order_relaxed) : 0;
  return cookie != 0 ? cookie : new_fork_cookie();
}

std::uint64_t now_ns() noexcept;         // UTC since 1970
std::uint64_t coarse_now_ns() noexcept;  // the same at the kernel's tick, a few ns to read
std::uint64_t steady_ns() noexcept;
std::uint32_t pid() noexcept;
std::uint32_t tid() noexcept;
std::array<char, 16> command() noexcept;
// Signals that may be blocked are, in this thread and in those it starts, while one lives.
class SignalsBlocked {
 public:
  SignalsBlocked() noexcept;
  ~SignalsBlocked();
  SignalsBlocked(const SignalsBlocked&) = delete;

 private:
  std::array<std::uint64_t, 16> before_;
};
void name_thread(const char* name) noexcept;  // this one; at most 15 characters
Result<void> random(void* to, std::size_t size);
void nap(std::chrono::nanoseconds) noexcept;

// ---- Sleeping on a word of the file ---------------------------------------------------------------------------------
// Sleeps while the word holds `value`: until somebody wakes it, a signal comes or the patience (not negative) is over.
// Says nothing about why it ended, and may end at once: the caller looks at what it waits for, and at the time.
// The mapping may be read-only.
void futex_wait(const std::uint32_t* word, std::uint32_t value, std::chrono::nanoseconds patience) noexcept;
// Wakes all who sleep on the word, in all processes.  A fault is a wake-up that is lost.
void futex_wake_all(const std::uint32_t* word) noexcept;

// ---- This machine ---------------------------------------------------------------------------------------------------
const char* check_machine() noexcept;  // null, or why durra cannot run here (not 64-bit little-endian Linux >= 5.14)

}  // namespace durra::os
