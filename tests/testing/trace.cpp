// Recording: the child that is stepped through, its end, its log.
#include <durra/testing/trace.h>

#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include <cerrno>
#include <cstdio>
#include <exception>

#include "tests/testing/log.h"
#include "tests/testing/process.h"
#include "tests/testing/stepper.h"

namespace durra::testing {
namespace {

std::shared_ptr<Log> make_log() {
  void* const memory =
      ::mmap(nullptr, Log::kCapacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  return {static_cast<Log*>(memory), [](Log* log) { ::munmap(log, Log::kCapacity); }};
}

[[noreturn]] void be_recorded(const std::string& path, const std::function<void()>& code, const TraceOptions& options,
                              Log& log) {
  begin_child();
  end_after(options.patience);
  try {
    if (options.first) options.first();
    step_through(path, code, options.size_max, log);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: the recorded code threw: %s\n", path.c_str(), e.what());
    log.ended = Ended::threw;
  } catch (...) {
    log.ended = Ended::threw;
  }
  std::fflush(nullptr);
  ::_exit(0);
}

Result<void> verdict(const Log& log, int status) {
  if (WIFSIGNALED(status)) {
    if (WTERMSIG(status) == SIGALRM) return Error{Code::timeout, 0, 0, "the code does not end"};
    return Error{Code::invalid, 0, static_cast<std::uint64_t>(WTERMSIG(status)), "the code died of a signal"};
  }
  switch (log.ended) {
    case Ended::done: return {};
    case Ended::threw: return Error{Code::invalid, 0, 0, "the code threw"};
    case Ended::forks: return Error{Code::unsupported, 0, log.where, "the code forks or starts a thread or a program"};
    case Ended::other_file: return Error{Code::invalid, 0, 0, "the path does not name the same file any more"};
    case Ended::too_large: return Error{Code::too_large, 0, 0, "the file, or the record of what happened to it"};
    case Ended::missed:
      return Error{Code::unsupported, 0, log.where, "an instruction that stores elsewhere than it says"};
    case Ended::no_access:
      return Error{Code::io, static_cast<std::uint16_t>(log.where), 0, "the file cannot be opened, or is a link"};
    case Ended::threads:
      return Error{Code::unsupported, 0, log.where, "`first` left a thread behind, whose stores nobody would see"};
    case Ended::unsupported: return Error{Code::unsupported, 0, 0, "tracing needs x86-64 Linux and /proc"};
    case Ended::running: break;
  }
  return Error{Code::invalid, 0, 0, "the code ended the process"};
}

std::vector<Event> events_of(const Log& log) {
  std::vector<Event> events;
  const std::byte* at = log.events();
  for (const std::byte* const end = at + log.used; at < end;) {
    const auto* const e = reinterpret_cast<const LoggedEvent*>(at);
    const auto* const bytes = reinterpret_cast<const char*>(e + 1);
    events.push_back({e->kind, e->instruction, e->offset, e->size, {bytes, e->bytes}});
    at += (sizeof *e + e->bytes + 7) / 8 * 8;
  }
  return events;
}

std::uint64_t nanoseconds(const struct timespec& t) {
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

std::uint64_t last_change(const std::string& path) {
  struct stat s;
  if (::stat(path.c_str(), &s) == 0) return nanoseconds(s.st_mtim);
  struct timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now);
}

}  // namespace

Result<Trace> record(const std::string& path, const std::function<void()>& code, const TraceOptions& options) {
  const auto log = make_log();
  if (!log) return Error{Code::io, static_cast<std::uint16_t>(errno), 0, "mmap of the log"};
  Trace trace;
  trace.changed_ns_ = last_change(path);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return Error{Code::io, static_cast<std::uint16_t>(errno), 0, "fork"};
  if (child == 0) be_recorded(path, code, options, *log);
  int status = 0;
  if (!wait_for(child, status)) return Error{Code::io, static_cast<std::uint16_t>(errno), 0, "waitpid"};
  if (auto good = verdict(*log, status); !good) return good.error();
  trace.instructions_ = log->instructions;
  trace.events_ = events_of(*log);
  trace.memory_ = log;
  return trace;
}

}  // namespace durra::testing
