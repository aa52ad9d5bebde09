// Power cuts, simulated: programs are traced, store by store and flush by flush; after a chosen event each block of 8
// to 4,096 bytes has on the disk any version that it had since its last flush, and the file any length.  The production
// code opens it as after a reboot, and must keep every promise.  In a sample the cut comes once more, inside the
// rebuild.
#include <durra/testing/trace.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <unordered_set>

#include "format/head.h"
#include "format/leaf.h"
#include "tests/proof/power/checker.h"
#include "tests/proof/power/programs.h"
#include "tests/support/dice.h"
#include "tests/support/proof.h"
#include "tests/support/scratch.h"
#include "tests/support/workers.h"
#include "tests/testing/cutter.h"

namespace durra::test {
namespace {

using testing::Chance;
using testing::Cutter;
using testing::places_by_chance;
using testing::Writeback;

// What is looked at just now, for those who break or never end.
char now_at[256];
void broke(int signal) {
  char text[320];
  const int size = std::snprintf(text, sizeof text, "FAILED: signal %d at %s\n", signal, now_at);
  if (::write(STDOUT_FILENO, text, static_cast<std::size_t>(size)) < 0) ::_exit(4);
  ::_exit(3);
}

struct Amount {
  std::uint64_t images;  // of a program
  std::uint64_t nested;  // rebuilds that are cut, of a program
  std::uint64_t within;  // images of each
};

class Bench {
 public:
  Bench(Workers& workers, Proof& proof, std::string folder)
      : workers_(workers), proof_(proof), folder_(std::move(folder)) {
    void* const at = ::mmap(nullptr, sizeof(Codes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    codes_ = static_cast<Codes*>(at);
    for (const int s : {SIGSEGV, SIGBUS, SIGABRT, SIGALRM, SIGFPE, SIGILL}) ::signal(s, broke);
  }

  void work(Plan& plan, const Amount& amount) {
    plan_ = &plan;
    chance_ = Chance(plan.program.seed);
    if (plan.splits) crowd(plan.program, folder_ + "/crowd");
    const auto trace = traced();
    if (!trace) return;
    if (plan.splits && !is_split(*trace)) failure("no leaf was split");
    ++workers_["programs"];
    workers_["instructions"] += trace->instructions();
    ::alarm(120);
    const Promises promises(plan.program, moments_, plan.first);
    Checker checker(folder_ + "/cut", plan.program);
    Cutter cutter(*trace);
    std::unordered_set<std::uint64_t> seen;
    const auto places = places_by_chance(*trace, amount.images, done_, chance_);
    std::size_t next_recovery = places.size() / amount.nested / 2;
    for (std::size_t i = 0; i < places.size(); ++i) {
      cutter.advance(places[i]);
      if (!cutter.exists()) continue;
      const Writeback how = Writeback::by_chance(chance_);
      const std::string_view image = cutter.cut(how, chance_);
      ++workers_["images"];
      if (!seen.insert(cutter.hash() ^ Chance(acknowledged_[places[i]]).next()).second) continue;
      ++workers_["distinct"];
      describe(places[i], trace->events().size(), how);
      judge(checker, promises, image, places[i]);
      if (failures_here_ == 5) break;  // more of the same
      if (i < next_recovery) continue;
      next_recovery += places.size() / amount.nested;
      cut_again(std::string(image), checker, amount.within);
    }
    failures_here_ = 0;
    ::alarm(0);
  }

 private:
  struct Codes {
    std::array<int, 256> codes;
  };

  void describe(std::size_t at, std::size_t of, const Writeback& how) {
    std::snprintf(now_at, sizeof now_at, "[--only %s, program %llu] event %zu of %zu, %s", plan_->name.c_str(),
                  static_cast<unsigned long long>(plan_->program.seed), at, of, how.words().c_str());
  }
  void failure(const std::string& what) {
    proof_.failure(what + "; " + now_at);
    ++failures_here_;
  }

  Result<testing::Trace> traced() {
    const Program& p = plan_->program;
    const std::string path = folder_ + "/traced";
    ::unlink(path.c_str());
    codes_->codes.fill(Moment::kNothing);
    std::optional<Execution> execution;
    const auto note = [&](unsigned op, int code) { codes_->codes[op] = code; };
    const auto say = [](const char* what, unsigned op) {
      char words[24];
      testing::mark({words, static_cast<std::size_t>(std::snprintf(words, sizeof words, "%s%u", what, op))});
    };
    const auto part = [&](unsigned from, unsigned to) {
      const std::string wrong = execution->run(from, to);
      if (!wrong.empty()) throw std::runtime_error(wrong);
    };
    os::trust_tmpfs(true);
    const Dice dice(p.seed);
    auto trace =
        testing::record(path,
                        [&] {
                          part(plan_->first, static_cast<unsigned>(p.ops.size()));
                          execution.reset();
                        },
                        {.first = [&] {
                          execution.emplace(path, p,
                                            Observer{[&](unsigned op) { say("begun ", op); },
                                                     [&](unsigned op, int code) { note(op, code), say("done ", op); }});
                          part(0, plan_->first);
                        }});
    os::trust_tmpfs(false);
    ::unlink(path.c_str());
    std::snprintf(now_at, sizeof now_at, "[--only %s, program %llu]", plan_->name.c_str(),
                  static_cast<unsigned long long>(p.seed));
    if (!trace) failure("the program: " + trace.error().message());
    if (trace) read_marks(*trace);
    return trace;
  }
  static bool is_split(const testing::Trace& trace) {
    testing::Image last(trace);
    while (last.next()) {
    }
    format::Superblock super;
    std::memcpy(static_cast<void*>(&super), last.bytes().data(), sizeof super);
    for (std::uint32_t i = 0; i < super.root_words; ++i) {
      std::uint64_t word;
      std::memcpy(&word, last.bytes().data() + format::kRootOffset + i * 8ull, sizeof word);
      if (format::unpack_node(word).inner) return true;
    }
    return false;
  }
  // When, in events, operations were begun and done; those before the trace at 0.
  void read_marks(const testing::Trace& trace) {
    const std::size_t count = plan_->program.ops.size();
    moments_.assign(count, Moment{});
    for (std::size_t i = 0; i < plan_->first; ++i) moments_[i] = {0, 0, codes_->codes[i]};
    acknowledged_.assign(trace.events().size() + 1, 0);
    done_.clear();
    for (std::size_t i = 0; i < trace.events().size(); ++i) {
      const auto& e = trace.events()[i];
      acknowledged_[i + 1] = acknowledged_[i];
      if (e.kind != testing::Event::Kind::mark) continue;
      const auto op = std::stoul(std::string(e.bytes.substr(e.bytes.find(' '))));
      if (e.bytes[0] == 'b') {
        moments_[op].begun = i + 1;
      } else {
        moments_[op].done = i + 1;
        moments_[op].code = codes_->codes[op];
        ++acknowledged_[i + 1];
        done_.push_back(i + 1);
      }
    }
  }

  void judge(Checker& checker, const Promises& promises, std::string_view image, std::size_t at) {
    if ((++checks_ & 255) == 0) ::alarm(60);
    checker.place(image);
    if (const std::string why = checker.open(); !why.empty()) return checker.close(), failure(why);
    ++workers_[checker.opened_clean() ? "clean" : "rebuilt"];
    const bool tail = plan_->has_tail && chance_.one_in(4);
    const Found found = look(checker.store(), plan_->program, tail);
    const auto verdict = promises.judge(found, at);
    count(verdict.what);
    const std::uint64_t good = failures_here_;
    if (verdict.what != Broken::nothing) failure(verdict.story + (checker.opened_clean() ? " (clean)" : " (rebuilt)"));
    if (chance_.one_in(8)) use(checker);
    if (chance_.one_in(64)) verified(checker);
    if (failures_here_ != good) keep(image);
    checker.close();
    if (verdict.what == Broken::nothing && chance_.one_in(8)) again(checker, found);
  }
  // With DURRA_PROOF_KEEP=FOLDER what is found wanting is kept there.
  void keep(std::string_view image) {
    const char* folder = std::getenv("DURRA_PROOF_KEEP");
    if (folder == nullptr) return;
    const std::string path = std::string(folder) + "/" + plan_->name + "." + std::to_string(checks_);
    std::ofstream(path, std::ios::binary).write(image.data(), static_cast<std::streamsize>(image.size()));
  }
  void count(Broken what) {
    if (what == Broken::lost) ++workers_["durable lost"];
    if (what == Broken::torn || what == Broken::half_a_batch) ++workers_["torn"];
    if (what == Broken::feed) ++workers_["feeds broken"];
  }
  void use(Checker& checker) {
    Store& s = checker.store();
    if (const auto put = s.put(kAfterwards, "works", {.durability = Durability::power}); !put)
      failure("a put afterwards: " + put.error().message());
    if (const auto got = s.get(kAfterwards); !got || got->text() != "works") failure("a get afterwards");
  }
  void verified(Checker& checker) {
    const auto seen = verify(checker.path());
    if (!seen) return failure("verify: " + seen.error().message());
    if (!seen->damage.empty())
      failure("verify finds damage: " + seen->damage[0].error.message() + ", " + seen->damage[0].what);
  }
  // A rebuild of what was recovered finds the same.
  void again(Checker& checker, const Found& first) {
    if (const std::string why = checker.open(true); !why.empty()) return checker.close(), failure("again: " + why);
    const Found second = look(checker.store(), plan_->program, false);
    if (second.ops != first.ops || !second.wrong.empty()) failure("a second rebuild differs: " + second.wrong);
    checker.close();
  }

  // The power fails once more, within the recovery of `image` or just after it: what was found must be the same.
  void cut_again(const std::string& image, Checker& checker, std::uint64_t images) {
    checker.place(image);
    if (!checker.open().empty()) return checker.close();
    const Found whole = look(checker.store(), plan_->program, false);
    checker.close();
    const std::string path = folder_ + "/again";
    if (std::FILE* f = std::fopen(path.c_str(), "wb")) {
      std::fwrite(image.data(), 1, image.size(), f);
      std::fclose(f);
    }
    os::share_mappings(false);
    const auto trace = testing::record(path, [&] {
      Options o = plan_->program.options;
      o.mode = Mode::open;
      auto store = durra::open(path, o).value();
      testing::mark("opened");
      store.put(kAfterwards, "works", {.durability = Durability::power}).value();
      testing::mark("put");
    });
    os::share_mappings(true);
    ::unlink(path.c_str());
    if (!trace) return failure("traced recovery: " + trace.error().message());
    std::size_t put_at = trace->events().size() + 1;
    for (std::size_t i = 0; i < trace->events().size(); ++i)
      if (trace->events()[i].kind == testing::Event::Kind::mark && trace->events()[i].bytes == "put") put_at = i + 1;
    ++workers_["recoveries"];
    Cutter cutter(*trace);
    std::unordered_set<std::uint64_t> seen;
    for (const std::size_t at : places_by_chance(*trace, images, {}, chance_)) {
      cutter.advance(at);
      if (!cutter.exists()) continue;
      const Writeback how = Writeback::by_chance(chance_);
      const std::string_view again = cutter.cut(how, chance_);
      ++workers_["images"];
      ++workers_["in recovery"];
      if (!seen.insert(cutter.hash() ^ (at >= put_at ? 1 : 0)).second) continue;
      ++workers_["distinct"];
      if ((++checks_ & 255) == 0) ::alarm(60);
      describe(at, trace->events().size(), how);
      checker.place(again);
      if (const std::string why = checker.open(); !why.empty()) {
        failure("cut again at " + std::to_string(at) + ": " + why);
      } else {
        const Found found = look(checker.store(), plan_->program, false);
        if (found.ops != whole.ops || !found.wrong.empty())
          failure("cut again at " + std::to_string(at) + ", found something else: " + found.wrong);
        if (at >= put_at && !checker.store().get(kAfterwards)) failure("cut again: a durable put is lost");
      }
      checker.close();
    }
  }

  Workers& workers_;
  Proof& proof_;
  const std::string folder_;
  const Plan* plan_ = nullptr;
  Codes* codes_;
  Chance chance_{0};
  std::vector<Moment> moments_;
  std::vector<std::uint64_t> acknowledged_;  // operations done, by event
  std::vector<std::size_t> done_;
  std::uint64_t checks_ = 0, failures_here_ = 0;
};

// A third of the scenes, by turns, and what is random.
void some_of(std::vector<Plan>& plans, std::uint64_t seed) {
  std::uint64_t n = 0;
  std::erase_if(plans, [&](const Plan& p) { return p.name != "random" && n++ % 3 != seed % 3; });
}

int prove(Proof& proof) {
  const Scratch scratch;
  if (const auto able = testing::record(scratch / "able", [] {}); !able) Proof::skip(able.error().message());
  Workers workers(proof, {"images", "distinct", "in recovery", "recoveries", "programs", "clean", "rebuilt", "torn",
                          "durable lost", "feeds broken", "instructions"});
  const Amount amount = proof.brief() ? Amount{1'500, 1, 300} : Amount{104'000, 2, 2'000};
  for (std::uint64_t seed = proof.seed();; ++seed) {
    auto plans = all_plans(seed, proof.brief() ? 1 : 40, proof.only());
    if (proof.brief() && proof.only().empty()) some_of(plans, seed);
    workers.run(proof.jobs(), [&] {
      const std::string folder = scratch / std::to_string(::getpid());
      if (::mkdir(folder.c_str(), 0700) != 0) throw std::runtime_error("mkdir");
      Bench bench(workers, proof, folder);
      for (std::uint64_t n = workers.next(); n < plans.size(); n = workers.next()) bench.work(plans[n], amount);
    });
    if (!proof.goes_on()) break;
  }
  workers.report();
  return proof.finish();
}

}  // namespace
}  // namespace durra::test

int main(int argc, char** argv) {
  // A copy of some KiB by `rep movsb` is an instruction a byte, and says no more than one by vectors.
  if (::setenv("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=16777216", 0) == 0 &&
      ::getenv("DURRA_TUNED") == nullptr) {
    ::setenv("DURRA_TUNED", "1", 1);
    ::execv("/proc/self/exe", argv);
  }
  durra::test::Proof proof(argc, argv, "power cuts at every granularity, also inside recovery");
  return durra::test::prove(proof);
}
