// Single steps by the trap flag (Intel's manual, volume 3, 17.3.1.4): the processor raises SIGTRAP after each
// instruction, and the handler, on a stack of its own, looks at what the instruction did and what the next one may do.
#include "tests/testing/stepper.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "tests/testing/decode.h"
#include "tests/testing/watched.h"

namespace durra::testing {

#if defined(__x86_64__) && defined(__linux__)
namespace {

constexpr std::uint64_t kLookAtAll = 1024;  // instructions between two comparisons of everything: none is missed

struct Call {
  std::uint64_t number, arguments[6];
  std::uint64_t address;  // of the instruction
};

// What is known between two instructions.  One recording a process.
struct Stepper {
  Watched file;
  Log& log;
  std::uint64_t instruction = 0;
  Operand next{};
  Call call{};
  std::uint64_t mask = 0;       // of a call that blocks signals, without SIGTRAP
  const char* words = nullptr;  // to be marked
  std::size_t words_size = 0;
};
Stepper* stepper = nullptr;

Registers registers_of(const mcontext_t& m) noexcept {
  const auto& g = m.gregs;
  constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  Registers r;
  for (int i = 0; i < 16; ++i) r.general[i] = static_cast<std::uint64_t>(g[kOrder[i]]);
  return r;
}

// What cannot be followed ends the recording before it happens; a mask that would block SIGTRAP, and so kill the
// process at the next instruction, is replaced by one that does not.
void before_call(Stepper& s, mcontext_t& m) noexcept {
  const auto value = [&](int r) { return static_cast<std::uint64_t>(m.gregs[r]); };
  s.call = {value(REG_RAX),
            {value(REG_RDI), value(REG_RSI), value(REG_RDX), value(REG_R10), value(REG_R8), value(REG_R9)},
            value(REG_RIP)};
  switch (s.call.number) {
    case SYS_fork:
    case SYS_vfork:
    case SYS_clone:
    case SYS_clone3:
    case SYS_execve:
    case SYS_execveat: give_up(s.log, Ended::forks, s.call.address);
    case SYS_rt_sigprocmask:
      if (s.call.arguments[1] == 0 || s.call.arguments[0] == SIG_UNBLOCK) return;
      std::memcpy(&s.mask, reinterpret_cast<const void*>(s.call.arguments[1]), sizeof s.mask);
      s.mask &= ~(std::uint64_t{1} << (SIGTRAP - 1));
      m.gregs[REG_RSI] = reinterpret_cast<greg_t>(&s.mask);
      return;
    default: return;
  }
}

void note_mappings(Stepper& s, const Call& c) noexcept {
  if (!s.file.is_there()) return;
  const auto& a = c.arguments;
  const bool of_a_file = c.number == SYS_mmap && (a[3] & MAP_ANONYMOUS) == 0;
  if (of_a_file || s.file.may_be_mapped_at(a[0], a[1])) s.file.find_mappings();
}

void note_flush(Stepper& s, const Call& c) noexcept {
  const auto& a = c.arguments;
  const auto fd = static_cast<int>(a[0]);
  switch (c.number) {
    case SYS_msync:
      if ((a[2] & MS_SYNC) != 0) s.file.flushed_memory(a[0], a[1], s.instruction);
      break;
    case SYS_fsync:
    case SYS_fdatasync: s.file.flushed_file(fd, s.instruction); break;
    case SYS_sync:
    case SYS_syncfs: s.file.flushed_file(-1, s.instruction); break;
    default: break;
  }
}

// After its bytes are logged.
void note_flushing_write(Stepper& s, const Call& c, std::uint64_t written) noexcept {
  const auto& a = c.arguments;
  if (c.number == SYS_pwritev2 && (a[5] & (RWF_DSYNC | RWF_SYNC)) != 0)
    s.file.flushed_range(static_cast<int>(a[0]), a[3], written, s.instruction);
}

void after_call(Stepper& s, mcontext_t& m) noexcept {
  const Call& c = s.call;
  if (c.number == SYS_rt_sigprocmask) m.gregs[REG_RSI] = static_cast<greg_t>(c.arguments[1]);  // the code's own mask
  const auto result = m.gregs[REG_RAX];
  const bool failed = result < 0 && result > -4096;
  if (!s.file.is_there())
    s.file.look_for_file(s.instruction);
  else
    s.file.compare_all(s.instruction);
  if (failed) return;
  switch (c.number) {
    case SYS_mmap:
    case SYS_munmap:
    case SYS_mremap: return note_mappings(s, c);
    case SYS_pwritev2: return note_flushing_write(s, c, static_cast<std::uint64_t>(result));
    default: return note_flush(s, c);
  }
}

void take_mark(Stepper& s) noexcept {
  if (s.words == nullptr) return;
  const LoggedEvent e{Event::Kind::mark, s.instruction, 0, s.words_size, s.words_size};
  if (!s.log.append(e, s.words)) give_up(s.log, Ended::too_large);
  s.words = nullptr;
}

void on_trap(int, siginfo_t*, void* context) noexcept {
  const int errno_before = errno;
  Stepper& s = *stepper;
  mcontext_t& m = static_cast<ucontext_t*>(context)->uc_mcontext;
  ++s.instruction;
  if (s.next.syscall) after_call(s, m);
  if (s.file.is_there()) {
    if (s.next.size != 0) s.file.compare(s.next.from, s.next.size, s.instruction);
    if (s.instruction % kLookAtAll == 0 && s.file.compare_bytes(s.instruction))
      give_up(s.log, Ended::missed, static_cast<std::uint64_t>(m.gregs[REG_RIP]));
  }
  take_mark(s);
  s.next = decode(reinterpret_cast<const std::uint8_t*>(m.gregs[REG_RIP]), registers_of(m));
  if (s.next.syscall) before_call(s, m);
  errno = errno_before;
}

// The red zone below the stack pointer is the caller's.
void set_trap_flag() noexcept {
  asm volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::: "memory", "cc");
}
void clear_trap_flag() noexcept {
  asm volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; lea 128(%%rsp), %%rsp" ::
                   : "memory", "cc");
}

// Traps are the thread's own: what another one stores would be told of a wrong instruction, or missed.
std::uint64_t other_threads() {
  std::uint64_t all = 0;
  for ([[maybe_unused]] const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) ++all;
  return all - 1;
}

bool handle_traps() noexcept {
  constexpr std::size_t kStack = 256 << 10;
  void* const stack = ::mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) return false;
  const stack_t alternate{stack, 0, kStack};
  struct sigaction action {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigfillset(&action.sa_mask);
  ::sigdelset(&action.sa_mask, SIGALRM);
  sigset_t trap;
  ::sigemptyset(&trap);
  ::sigaddset(&trap, SIGTRAP);
  ::sigprocmask(SIG_UNBLOCK, &trap, nullptr);
  return ::sigaltstack(&alternate, nullptr) == 0 && ::sigaction(SIGTRAP, &action, nullptr) == 0;
}

}  // namespace

void step_through(const std::string& path, const std::function<void()>& code, std::uint64_t size_max, Log& log) {
  if (const std::uint64_t others = other_threads()) give_up(log, Ended::threads, others);
  static Stepper s{.file = {path.c_str(), size_max, log}, .log = log};
  s.file.look_for_file(0);
  stepper = &s;
  if (!handle_traps()) give_up(log, Ended::unsupported);
  set_trap_flag();
  code();
  clear_trap_flag();
  stepper = nullptr;
  if (s.instruction == 0) give_up(log, Ended::unsupported);  // nothing traps here
  log.instructions = s.instruction;
  if (s.file.is_there() && s.file.compare_all(s.instruction)) give_up(log, Ended::missed);
  log.ended = !s.file.is_there() || s.file.still_has_its_name() ? Ended::done : Ended::other_file;
}

// The words are taken by the trap after the store to `words`.
void mark(std::string_view words) noexcept {
  if (stepper == nullptr) return;
  stepper->words_size = words.size();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  *const_cast<const char* volatile*>(&stepper->words) = words.empty() ? "" : words.data();
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

#else

void step_through(const std::string&, const std::function<void()>&, std::uint64_t, Log& log) {
  give_up(log, Ended::unsupported);
}
void mark(std::string_view) noexcept {}

#endif

}  // namespace durra::testing
