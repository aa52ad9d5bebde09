// The power runner: cuts by chance, each put at the path as a new file and looked at.
#include <durra/testing/power.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>
#include <tuple>

#include "tests/testing/cutter.h"
#include "tests/testing/looker.h"

namespace durra::testing {
namespace {

void check(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

// Puts new files at a path.  The recorded one, where it is there, is held until the end: none of them gets its inode.
class Replacer {
 public:
  Replacer(const std::string& path, const Trace& trace) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    check(fd_ >= 0 || errno == ENOENT, "open " + path);
    changed_ = {static_cast<time_t>(trace.changed_ns() / 1'000'000'000),
                static_cast<long>(trace.changed_ns() % 1'000'000'000)};
  }
  ~Replacer() {
    if (fd_ >= 0) ::close(fd_);
  }
  Replacer(const Replacer&) = delete;

  void place(bool exists, std::string_view bytes) const {
    check(::unlink(path_.c_str()) == 0 || errno == ENOENT, "unlink " + path_);
    if (!exists) return;
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    check(fd >= 0, "open " + path_);
    const bool good = written(fd, bytes);
    const int why = errno;
    ::close(fd);
    errno = why;
    check(good, "write " + path_);
  }

 private:
  bool written(int fd, std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd, bytes.data(), bytes.size());
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    const timespec times[2] = {changed_, changed_};  // nobody has touched it since
    return ::futimens(fd, times) == 0;
  }

  const std::string path_;
  const int fd_;
  timespec changed_;
};

struct Planned {
  Cut cut;
  std::size_t events;  // so many have happened
  Writeback how;
  Chance chance;  // as it is before the cut
};

// Files as cuts leave them.
class Disk {
 public:
  explicit Disk(const Trace& trace) : cutter_(trace) {}
  // Rises; then what a cut there leaves.
  void advance(std::size_t events) { cutter_.advance(events); }
  std::string_view cut(const Writeback& how, Chance chance) {
    exists_ = cutter_.exists() || (cutter_.has_name() && chance.one_in(2));
    return exists_ ? cutter_.cut(how, chance) : std::string_view();
  }
  bool exists() const { return exists_; }
  std::uint64_t hash() const { return exists_ ? cutter_.hash() : 0; }

 private:
  Cutter cutter_;
  bool exists_ = false;
};

// Places behind the words of marks: there something was acknowledged.
std::vector<std::size_t> behind_marks(const Trace& trace) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < trace.events().size(); ++i)
    if (trace.events()[i].kind == Event::Kind::mark) all.push_back(i + 1);
  return all;
}

// The cuts whose files, or words, are different.
std::vector<Planned> planned(const Trace& trace, const CutOptions& options) {
  std::vector<Planned> plan;
  std::set<std::tuple<bool, std::uint64_t, std::size_t>> known;
  const auto& events = trace.events();
  if (options.images == 0) return plan;
  Chance chance(options.seed);
  auto places = places_by_chance(trace, options.images, behind_marks(trace), chance);
  const bool made = events[0].kind != Event::Kind::file || events[0].instruction != 0;
  if (made) places[0] = 0;  // before there is anything
  Disk disk(trace);
  std::vector<std::string_view> said;
  std::size_t at = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (; at < places[i]; ++at)
      if (events[at].kind == Event::Kind::mark) said.push_back(events[at].bytes);
    disk.advance(at);
    const Writeback how = Writeback::by_chance(chance);
    const Chance before(chance.next());
    disk.cut(how, before);
    if (!known.emplace(disk.exists(), disk.hash(), said.size()).second) continue;
    const std::uint64_t instruction = at == 0 ? 0 : events[at - 1].instruction;
    plan.push_back({{i, instruction, disk.exists(), said, disk.exists() ? how.words() : "no file"}, at, how, before});
  }
  return plan;
}

std::string story_of(const Planned& p, const Trace& trace, const CutOptions& options) {
  return "power cut after instruction " + std::to_string(p.cut.instruction) + " of " +
         std::to_string(trace.instructions()) + " (seed " + std::to_string(options.seed) + ", cut " +
         std::to_string(p.cut.number) + " of " + std::to_string(options.images) + ", event " +
         std::to_string(p.events) + " of " + std::to_string(trace.events().size()) + ", " + p.cut.how +
         said(p.cut.said) + "): ";
}

}  // namespace

Result<Cuts> cut_everywhere(const std::string& path, const std::function<void()>& code, const LookAtCut& look,
                            const CutOptions& options) {
  const auto trace = record_file(path, code, options.trace);
  if (!trace) return trace.error();
  return cut_everywhere(path, *trace, look, options);
}

Cuts cut_everywhere(const std::string& path, const Trace& trace, const LookAtCut& look, const CutOptions& options) {
  if (!has_file(trace)) throw std::invalid_argument("cut_everywhere: the trace has no file");
  const auto plan = planned(trace, options);
  Cuts cuts{.images = options.images, .different = plan.size(), .failures = {}};
  const Replacer replacer(path, trace);
  Disk disk(trace);
  Looks looks;
  looks.count = plan.size();
  looks.look = [&](std::size_t i) {
    disk.advance(plan[i].events);
    const std::string_view bytes = disk.cut(plan[i].how, plan[i].chance);
    replacer.place(disk.exists(), bytes);
    return [&look, &cut = plan[i].cut] { return look(cut); };
  };
  looks.story = [&](std::size_t i) { return story_of(plan[i], trace, options); };
  cuts.looks = look_at_all(looks, options.patience, options.failures_max, cuts.failures);
  return cuts;
}

}  // namespace durra::testing
