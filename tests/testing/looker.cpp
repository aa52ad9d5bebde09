// Looks at many states of a file, in processes that may die of one.
#include "tests/testing/looker.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <system_error>

#include "tests/testing/process.h"

namespace durra::testing {
namespace {

// What a process that looks tells its parent, who may find it dead.
struct Report {
  static constexpr std::size_t kRoom = 1 << 16;
  std::uint64_t at;  // what is looked at
  std::size_t size;
  char story[kRoom];
};

class SharedReport {
 public:
  SharedReport() : memory_(::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~SharedReport() { ::munmap(memory_, sizeof(Report)); }
  SharedReport(const SharedReport&) = delete;
  Report* operator->() const noexcept { return static_cast<Report*>(memory_); }
  void tell(const std::string& story) const noexcept {
    Report& r = *static_cast<Report*>(memory_);
    r.size = std::min(story.size(), Report::kRoom);
    std::memcpy(r.story, story.data(), r.size);
  }

 private:
  void* memory_;
};

// Nothing may leave the forked process but by its end, also not the exception of who puts the file there.
std::string looked_at(const Looks& looks, std::size_t i, std::chrono::seconds patience) {
  try {
    const auto look = looks.look(i);
    end_after(patience);
    return look();
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "something was thrown";
  }
}

[[noreturn]] void look_from(std::size_t begin, const Looks& looks, std::chrono::seconds patience,
                            const SharedReport& report) {
  begin_child();
  for (std::size_t i = begin; i < looks.count; ++i) {
    report->at = i;
    const std::string story = looked_at(looks, i, patience);
    end_after({});
    if (!story.empty()) {
      report.tell(story);
      std::fflush(nullptr);
      ::_exit(1);
    }
  }
  report->at = looks.count;
  std::fflush(nullptr);
  ::_exit(0);
}

std::string end_of(int status, const SharedReport& report) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "who comes after it does not come to an end";
  if (WIFSIGNALED(status)) return std::string("who comes after it dies of ") + ::strsignal(WTERMSIG(status));
  if (report->size == 0) return "who comes after it ends the process";
  return {report->story, report->size};
}

}  // namespace

std::uint64_t look_at_all(const Looks& looks, std::chrono::seconds patience, std::uint64_t failures_max,
                          std::vector<std::string>& failures) {
  const SharedReport report;
  std::uint64_t done = 0;
  while (done < looks.count && failures.size() < std::max<std::uint64_t>(failures_max, 1)) {
    report->at = done;
    report->size = 0;
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child == 0) look_from(done, looks, patience, report);
    int status = 0;
    (void)wait_for(child, status);  // where nobody may know how it ended, its report tells
    if (report->at == looks.count && WIFEXITED(status) && WEXITSTATUS(status) == 0) return looks.count;
    const std::size_t at = std::min<std::size_t>(report->at, looks.count - 1);
    failures.push_back(looks.story(at) + end_of(status, report));
    done = at + 1;
  }
  return done;
}

std::string said(const std::vector<std::string_view>& words) {
  std::string all;
  for (const auto& w : words) all.append(", said \"").append(w).append("\"");
  return all;
}

bool has_file(const Trace& trace) {
  const auto& all = trace.events();
  return std::any_of(all.begin(), all.end(), [](const Event& e) { return e.kind == Event::Kind::file; });
}

Result<Trace> record_file(const std::string& path, const std::function<void()>& code, const TraceOptions& options) {
  auto trace = record(path, code, options);
  if (trace && !has_file(*trace)) return Error{Code::not_found, 0, 0, "the code makes no file"};
  return trace;
}

}  // namespace durra::testing
