// The crash runner: the states of a trace, a process that looks at one after the other, and its own end.
#include <durra/testing/crash.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <new>

namespace durra::testing {
namespace {

struct State {
  Death death;
  std::size_t events;  // after so many of the trace
};

// The different states, in the order in which they were first.
std::vector<State> states_of(const Trace& trace, const std::vector<std::string_view>& said_before) {
  std::vector<State> states;
  std::map<std::pair<std::uint64_t, std::size_t>, std::size_t> known;
  std::vector<std::string_view> said = said_before;
  std::uint64_t begun = 0;  // with which instruction the present state begins
  Image image(trace);
  const auto add = [&](std::size_t events, std::uint64_t until) {
    const auto [at, fresh] = known.emplace(std::pair(image.hash(), said.size()), states.size());
    if (fresh) states.push_back({{states.size(), begun, 0, image.exists(), said}, events});
    states[at->second].death.instructions += until - begun;
    begun = until;
  };
  const auto& events = trace.events();
  const auto begins = [&](std::size_t i) { return i < events.size() ? events[i].instruction : trace.instructions(); };
  if (begins(0) > 0) add(0, begins(0));
  while (image.next()) {
    if (image.event().kind == Event::Kind::mark) said.push_back(image.event().bytes);
    if (image.lasts()) add(image.index() + 1, begins(image.index() + 1));
  }
  return states;
}

// What a process that looks tells its parent, who may find it dead.
struct Report {
  static constexpr std::size_t kRoom = 1 << 16;
  std::uint64_t at;  // the state that is looked at
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

std::string looked_at(const Look& look, const Death& death) {
  try {
    return look(death);
  } catch (const std::exception& e) {
    return e.what();
  }
}

// One process's work: all states from `begin` on, until one is wrong.
class Looker {
 public:
  Looker(const std::string& path, const Trace& trace, const std::vector<State>& states, const Look& look,
         const KillOptions& options)
      : trace_(trace), states_(states), look_(look), options_(options), placer_(path, trace) {}

  void look_at_all(Deaths& deaths) {
    for (std::size_t next = 0; next < states_.size() && deaths.failures.size() < options_.failures_max;) {
      const std::string story = run(next, deaths.looks);
      if (!story.empty()) deaths.failures.push_back(story);
    }
  }

 private:
  bool wanted(const State& s) const { return !options_.wanted || options_.wanted(s.death); }

  [[noreturn]] void look_from(std::size_t begin) {
    ::signal(SIGALRM, SIG_DFL);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    Image image(trace_);
    std::size_t events = 0;
    for (std::size_t i = begin; i < states_.size(); ++i) {
      if (!wanted(states_[i])) continue;
      report_->at = i;
      for (; events < states_[i].events; ++events) image.next();
      placer_.place(image.exists(), image.bytes());
      ::alarm(static_cast<unsigned>(options_.patience.count()));
      const std::string story = looked_at(look_, states_[i].death);
      ::alarm(0);
      if (!story.empty()) {
        report_.tell(story);
        std::fflush(nullptr);
        ::_exit(1);
      }
    }
    report_->at = states_.size();
    std::fflush(nullptr);
    ::_exit(0);
  }

  // What was wrong, or ""; `next` moves on.
  std::string run(std::size_t& next, std::uint64_t& looks) {
    report_->at = next;
    report_->size = 0;
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw std::bad_alloc();
    if (child == 0) look_from(next);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    const std::size_t at = report_->at;
    looks += static_cast<std::uint64_t>(
        std::count_if(states_.begin() + static_cast<std::ptrdiff_t>(next),
                      states_.begin() + static_cast<std::ptrdiff_t>(std::min(at + 1, states_.size())),
                      [&](const State& s) { return wanted(s); }));
    next = at + 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
    return story_of(at, status);
  }

  std::string story_of(std::size_t at, int status) const {
    const Death& d = states_[at].death;
    std::string story = "killed after instruction " + std::to_string(d.instruction) + " of " +
                        std::to_string(trace_.instructions()) + " (state " + std::to_string(d.number) + " of " +
                        std::to_string(states_.size()) + (d.exists ? "" : ", no file");
    for (const auto& words : d.said) story.append(", said \"").append(words).append("\"");
    story += "): ";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return story + "who comes after it does not come to an end";
    if (WIFSIGNALED(status)) return story + "who comes after it dies of " + ::strsignal(WTERMSIG(status));
    if (report_->size == 0) return story + "who comes after it ends the process";
    return story.append(report_->story, report_->size);
  }

  const Trace& trace_;
  const std::vector<State>& states_;
  const Look& look_;
  const KillOptions& options_;
  Placer placer_;
  SharedReport report_;
};

Result<Trace> recorded(const std::string& path, const std::function<void()>& code, const TraceOptions& options) {
  auto trace = record(path, code, options);
  const auto is_file = [](const Event& e) { return e.kind == Event::Kind::file; };
  if (trace && std::none_of(trace->events().begin(), trace->events().end(), is_file))
    return Error{Code::not_found, 0, 0, "the code makes no file"};
  return trace;
}

}  // namespace

Result<Deaths> kill_everywhere(const std::string& path, const std::function<void()>& code, const Look& look,
                               const KillOptions& options) {
  const auto trace = recorded(path, code, options.trace);
  if (!trace) return trace.error();
  return kill_everywhere(path, *trace, look, options);
}

Deaths kill_everywhere(const std::string& path, const Trace& trace, const Look& look, const KillOptions& options) {
  const auto states = states_of(trace, {});
  Deaths deaths{.points = trace.instructions(), .images = states.size(), .failures = {}};
  Looker(path, trace, states, look, options).look_at_all(deaths);
  return deaths;
}

Result<Deaths> kill_twice(const std::string& path, const std::function<void()>& code,
                          const std::function<void()>& recovery, const LookTwice& look, const KillOptions& options) {
  const auto trace = recorded(path, code, options.trace);
  if (!trace) return trace.error();
  return kill_twice(path, *trace, recovery, look, options);
}

Deaths kill_twice(const std::string& path, const Trace& trace, const std::function<void()>& recovery,
                  const LookTwice& look, const KillOptions& options) {
  const auto states = states_of(trace, {});
  Deaths deaths{.points = trace.instructions(), .failures = {}};
  Placer placer(path, trace);
  Image image(trace);
  std::size_t events = 0;
  KillOptions inner = options;
  inner.wanted = nullptr;
  for (const State& s : states) {
    if (deaths.failures.size() >= options.failures_max) break;
    if (options.wanted && !options.wanted(s.death)) continue;
    for (; events < s.events; ++events) image.next();
    placer.place(image.exists(), image.bytes());
    const std::string first = "first killed after instruction " + std::to_string(s.death.instruction) + ", then ";
    const auto cleaning = recorded(path, recovery, {.patience = options.trace.patience});
    if (!cleaning) {
      deaths.failures.push_back(first + "the recovery cannot be recorded: " + cleaning.error().message());
      continue;
    }
    const auto seconds = states_of(*cleaning, s.death.said);
    const std::size_t failures_before = deaths.failures.size();
    const Look look_again = [&](const Death& second) { return look(s.death, second); };
    Looker(path, *cleaning, seconds, look_again, inner).look_at_all(deaths);
    for (std::size_t i = failures_before; i < deaths.failures.size(); ++i) deaths.failures[i].insert(0, first);
    deaths.images += seconds.size();
    deaths.pairs += s.death.instructions * cleaning->instructions();
  }
  return deaths;
}

}  // namespace durra::testing
