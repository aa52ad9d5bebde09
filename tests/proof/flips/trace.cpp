// Follows reads of a file through its mappings and through pread.
#include "tests/proof/flips/trace.h"

#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <string>

namespace durra::test {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kAccess = 64;
constexpr std::size_t kLongest = 3;  // pages that one instruction may need at once

// Memory that holds bytes of the file.
struct Range {
  std::uint64_t begin = 0, end = 0;  // addresses; 0: none
  std::uint64_t file_offset = 0;     // of `begin`
  int protection = 0;                // what the code asked for
  bool contains(std::uint64_t a) const { return a >= begin && a < end; }
};

// One at a time: the handlers find it here.
struct Tracer {
  std::array<Range, 64> ranges{};
  std::array<std::pair<std::uint64_t, int>, kLongest> open{};  // pages given back until the next trap
  std::size_t open_count = 0;
  Words* read = nullptr;
  bool into_buffers = true;
  dev_t device = 0;
  ino_t inode = 0;
};
Tracer tracer;
bool armed = false;

void protect(std::uint64_t begin, std::uint64_t end, int how) {
  if (::mprotect(reinterpret_cast<void*>(begin), end - begin, how) != 0) ::abort();
}

void note(std::uint64_t offset, std::uint64_t size) {
  const std::uint64_t end = std::min<std::uint64_t>((offset + size + 7) / 8, tracer.read->size());
  for (std::uint64_t w = offset / 8; w < end; ++w) (*tracer.read)[w] = true;
}

void forget(std::uint64_t begin, std::uint64_t end, bool give_back) {
  for (Range& r : tracer.ranges) {
    if (r.begin == 0 || r.begin >= end || begin >= r.end) continue;
    // What was freed meanwhile may not be there any more.
    if (give_back) ::mprotect(reinterpret_cast<void*>(r.begin), r.end - r.begin, r.protection);
    r = {};
  }
}

void take_away(const Range& range) {
  forget(range.begin, range.end, false);
  for (Range& r : tracer.ranges) {
    if (r.begin != 0) continue;
    r = range;
    return protect(r.begin, r.end, PROT_NONE);
  }
  ::abort();
}

void on_fault(int, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uint64_t>(info->si_addr);
  const auto range =
      std::find_if(tracer.ranges.begin(), tracer.ranges.end(), [&](const Range& r) { return r.contains(address); });
  if (info->si_code != SEGV_ACCERR || range == tracer.ranges.end() || tracer.open_count == kLongest) {
    ::signal(SIGSEGV, SIG_DFL);  // a fault of the code's own: it comes again
    return;
  }
  note(range->file_offset + (address - range->begin), kAccess);
  const std::uint64_t page = address & ~(kPage - 1);
  protect(page, page + kPage, range->protection);
  tracer.open[tracer.open_count++] = {page, range->protection};
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] |= 0x100;
}

void on_trap(int, siginfo_t*, void* context) {
  for (; tracer.open_count > 0; --tracer.open_count) {
    const std::uint64_t page = tracer.open[tracer.open_count - 1].first;
    protect(page, page + kPage, PROT_NONE);
  }
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~0x100ll;
}

bool is_traced(int fd) {
  if (!armed || fd < 0) return false;
  struct stat s {};
  return ::fstat(fd, &s) == 0 && s.st_dev == tracer.device && s.st_ino == tracer.inode;
}

class Handlers {
 public:
  Handlers() {
    stack_t alternative{};
    alternative.ss_sp = stack_.data();
    alternative.ss_size = stack_.size();
    ::sigaltstack(&alternative, &old_stack_);
    struct sigaction action {};
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    action.sa_sigaction = on_fault;
    ::sigaction(SIGSEGV, &action, &old_fault_);
    action.sa_sigaction = on_trap;
    ::sigaction(SIGTRAP, &action, &old_trap_);
  }
  ~Handlers() {
    ::sigaction(SIGSEGV, &old_fault_, nullptr);
    ::sigaction(SIGTRAP, &old_trap_, nullptr);
    ::sigaltstack(&old_stack_, nullptr);
  }
  Handlers(const Handlers&) = delete;

 private:
  std::array<char, 64 << 10> stack_{};
  stack_t old_stack_{};
  struct sigaction old_fault_ {
  }, old_trap_{};
};

}  // namespace

bool can_trace() noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

void trace_reads(const std::string& path, Words& read, bool into_buffers, const std::function<void()>& body) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) throw std::runtime_error("no file " + path);
  ::mallopt(M_MMAP_THRESHOLD, 64 << 10);  // a large buffer gets pages of its own
  const Handlers handlers;
  tracer = {};
  tracer.read = &read;
  tracer.into_buffers = into_buffers;
  tracer.device = s.st_dev;
  tracer.inode = s.st_ino;
  armed = true;
  body();
  armed = false;
  forget(0, ~0ull, true);
}

}  // namespace durra::test

// ---- In the place of libc's: the library's calls come by here -------------------------------------------------------
using durra::test::armed;
using durra::test::kPage;

extern "C" {

void* mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  auto* p = reinterpret_cast<void*>(::syscall(SYS_mmap, address, size, protection, flags, fd, offset));
  if (!armed || p == MAP_FAILED) return p;
  const auto begin = reinterpret_cast<std::uint64_t>(p), end = begin + (size + kPage - 1) / kPage * kPage;
  durra::test::forget(begin, end, false);  // a buffer was freed here
  if (durra::test::is_traced(fd)) durra::test::take_away({begin, end, static_cast<std::uint64_t>(offset), protection});
  return p;
}

int munmap(void* address, std::size_t size) noexcept {
  const auto begin = reinterpret_cast<std::uint64_t>(address);
  if (armed) durra::test::forget(begin, begin + size, false);
  return static_cast<int>(::syscall(SYS_munmap, address, size));
}

// The kernel populates only what may be accessed; it does not read what is there.
int madvise(void* address, std::size_t size, int advice) noexcept {
  const auto begin = reinterpret_cast<std::uint64_t>(address), end = begin + (size + kPage - 1) / kPage * kPage;
  const durra::test::Range* of = nullptr;
  if (armed && (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE))
    for (const auto& r : durra::test::tracer.ranges)
      if (r.contains(begin)) of = &r;
  if (of != nullptr) durra::test::protect(begin, end, of->protection);
  const int done = static_cast<int>(::syscall(SYS_madvise, address, size, advice));
  if (of != nullptr) durra::test::protect(begin, end, PROT_NONE);
  return done;
}

ssize_t pread(int fd, void* to, std::size_t size, off_t offset) {
  const auto begin = reinterpret_cast<std::uint64_t>(to);
  if (armed) durra::test::forget(begin, begin + size, true);
  const auto n = static_cast<ssize_t>(::syscall(SYS_pread64, fd, to, size, offset));
  if (n <= 0 || !durra::test::is_traced(fd)) return n;
  const std::uint64_t end = begin + static_cast<std::uint64_t>(n), at = static_cast<std::uint64_t>(offset);
  const std::uint64_t first = (begin + kPage - 1) & ~(kPage - 1), last = end & ~(kPage - 1);
  if (first >= last || !durra::test::tracer.into_buffers) return durra::test::note(at, end - begin), n;
  durra::test::note(at, first - begin);
  durra::test::note(at + (last - begin), end - last);
  durra::test::take_away({first, last, at + (first - begin), PROT_READ | PROT_WRITE});
  return n;
}
}
