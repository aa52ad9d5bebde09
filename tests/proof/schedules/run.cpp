// Exploring a scene, and telling what was wrong.
#include "tests/proof/schedules/run.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "tests/proof/schedules/judge.h"
#include "tests/proof/schedules/scheduler.h"

namespace durra::schedules {
namespace {

constexpr std::uint8_t kPreemptionsMax = 4;

class Run {
 public:
  Run(const Scene& scene, std::uint64_t seed, Outcome& out) : scene_(scene), seed_(seed), out_(out) {
    current_ = this;
    tell_of_signals();
    if (!make_world(scene_.plays, seed_)) fail("before it began");
  }

  void all() {
    if (out_.failed) return;
    if (scene_.preemptions == Explorer::kUnbounded && explore(Explorer::kUnbounded)) {
      out_.preemptions = Explorer::kUnbounded;
    } else {
      out_.preemptions = Outcome::kNotEvenNone;
      const std::uint8_t most = std::min(scene_.preemptions, kPreemptionsMax);
      for (std::uint8_t bound = 0; bound <= most && !out_.failed && explore(bound); ++bound) out_.preemptions = bound;
    }
    out_.finished = true;
  }

  void replay(const std::string& path) {
    memory.forget_contests(scene_.kills != 0);
    do explorer_.replay(path);
    while (!out_.failed && one() == End::learned);
    out_.finished = true;
  }

 private:
  // All schedules with so many preemptions.  False: too many, or a failure.
  bool explore(std::uint8_t preemptions) {
    memory.forget_contests(scene_.kills != 0);
    explorer_.begin(preemptions, scene_.kills);
    for (std::uint64_t run = 0; run < scene_.limit; ++run) {
      const End end = one();
      if (explorer_.diverged()) fail("a schedule could not be run again");
      if (out_.failed) return false;
      out_.states = std::max(out_.states, explorer_.states());
      if (end == End::learned)
        explorer_.begin(preemptions, scene_.kills);
      else if (!explorer_.next())
        return true;
    }
    return false;
  }

  static void play(unsigned player) { current_->scene_.plays[player]->run(*participants[player], player); }

  End one() {
    forget_calls();
    End end = scheduler.run(static_cast<unsigned>(scene_.plays.size()), &play, explorer_);
    ++out_.schedules;
    out_.accesses += scheduler.steps();
    out_.points = scheduler.points();
    switch (end) {
      case End::complete: end = look(); break;
      case End::endless: fail("it does not end"); break;
      case End::refused: fail("a player complains: " + told()); break;
      case End::race: fail(race()); break;
      case End::cut:
      case End::learned: break;
    }
    scheduler.rewind();
    return end;
  }

  // At what was left, and at the history.
  End look() {
    ++out_.complete;
    const std::uint64_t contests = memory.contests();
    if (const End end = scheduler.observe(look_around); end != End::complete)
      fail("afterwards: " + (end == End::refused ? told() : "it does not end"));
    else if (const std::string story = judge(); !story.empty())
      fail(story);
    return memory.contests() == contests ? End::complete : End::learned;
  }

  static std::string told() { return std::string(complaint.what) + " (" + std::to_string(complaint.detail) + ")"; }

  static std::string race() {
    const Races::Race& r = scheduler.race();
    char text[200];
    std::snprintf(text, sizeof text, "data race of players %c and %c at byte %#x of the file, code at %p and %p",
                  "abc"[r.first], "abc"[r.second], r.word * 8, r.first_place, r.second_place);
    return text;
  }

  void fail(const std::string& why) {
    if (out_.failed) return;
    out_.failed = true;
    const std::string name = scene_.name();
    std::snprintf(out_.story, sizeof out_.story, "%s: %s\n  again: --seed %llu --only '%s:%s'", name.c_str(),
                  why.c_str(), static_cast<unsigned long long>(seed_), name.c_str(), explorer_.path().c_str());
  }

  // A crash or a hang is a failure too, with its schedule.
  static void tell_of_signals() {
    static char stack[64u << 10];
    const stack_t other{stack, 0, sizeof stack};
    ::sigaltstack(&other, nullptr);
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGPROF}) {
      struct sigaction a {};
      a.sa_flags = SA_ONSTACK | SA_RESETHAND;
      a.sa_handler = [](int number) {
        arena::use(false);
        current_->fail(std::string("ended by signal: ") + ::strsignal(number));
        ::_exit(1);
      };
      ::sigaction(signal, &a, nullptr);
    }
  }

  inline static Run* current_ = nullptr;
  const Scene& scene_;
  const std::uint64_t seed_;
  Outcome& out_;
  Explorer explorer_;
};

}  // namespace

std::string Scene::name() const {
  std::string text;
  for (const Play* p : plays) text += (text.empty() ? "" : "|") + std::string(p->name);
  return text + (kills != 0 ? "/kill" : "");
}

Scene scene_named(std::string name) {
  Scene s;
  s.limit = ~0ull;
  if (name.ends_with("/kill")) s.kills = 1, name.resize(name.size() - 5);
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('|', at), name.size());
    const Play* play = play_named(name.substr(at, end - at));
    if (play == nullptr) return {};
    s.plays.push_back(play);
    at = end + 1;
  }
  if (s.plays.size() > kPlayers) return {};
  return s;
}

void explore(const Scene& scene, std::uint64_t seed, Outcome& out, const std::string& path) {
  Run run(scene, seed, out);
  if (path.empty())
    run.all();
  else
    run.replay(path);
}

}  // namespace durra::schedules
