// The crash runner: the states of a trace, looked at one after the other, and the deaths of who looks.
#include <durra/testing/crash.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "tests/testing/looker.h"

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

std::string story_of(const Trace& trace, const std::vector<State>& states, const Death& d) {
  return "killed after instruction " + std::to_string(d.instruction) + " of " + std::to_string(trace.instructions()) +
         " (state " + std::to_string(d.number) + " of " + std::to_string(states.size()) +
         (d.exists ? "" : ", no file") + said(d.said) + "): ";
}

// Adds to the failures and to the looks.
void look_at_states(const std::string& path, const Trace& trace, const std::vector<State>& states, const Look& look,
                    const KillOptions& options, Deaths& deaths) {
  std::vector<const State*> wanted;
  for (const State& s : states)
    if (!options.wanted || options.wanted(s.death)) wanted.push_back(&s);
  Placer placer(path, trace);
  Image image(trace);
  std::size_t events = 0;
  Looks looks;
  looks.count = wanted.size();
  looks.look = [&](std::size_t i) {
    for (; events < wanted[i]->events; ++events) image.next();
    placer.place(image.exists(), image.bytes());
    return [&look, &death = wanted[i]->death] { return look(death); };
  };
  looks.story = [&](std::size_t i) { return story_of(trace, states, wanted[i]->death); };
  deaths.looks += look_at_all(looks, options.patience, options.failures_max, deaths.failures);
}

}  // namespace

Result<Deaths> kill_everywhere(const std::string& path, const std::function<void()>& code, const Look& look,
                               const KillOptions& options) {
  const auto trace = record_file(path, code, options.trace);
  if (!trace) return trace.error();
  return kill_everywhere(path, *trace, look, options);
}

Deaths kill_everywhere(const std::string& path, const Trace& trace, const Look& look, const KillOptions& options) {
  if (!has_file(trace)) throw std::invalid_argument("kill_everywhere: the trace has no file");
  const auto states = states_of(trace, {});
  Deaths deaths{.points = trace.instructions(), .images = states.size(), .failures = {}};
  look_at_states(path, trace, states, look, options, deaths);
  return deaths;
}

Result<Deaths> kill_twice(const std::string& path, const std::function<void()>& code,
                          const std::function<void()>& recovery, const LookTwice& look, const KillOptions& options) {
  const auto trace = record_file(path, code, options.trace);
  if (!trace) return trace.error();
  return kill_twice(path, *trace, recovery, look, options);
}

Deaths kill_twice(const std::string& path, const Trace& trace, const std::function<void()>& recovery,
                  const LookTwice& look, const KillOptions& options) {
  if (!has_file(trace)) throw std::invalid_argument("kill_twice: the trace has no file");
  const auto states = states_of(trace, {});
  Deaths deaths{.points = trace.instructions(), .failures = {}};
  Placer placer(path, trace);
  Image image(trace);
  std::size_t events = 0;
  KillOptions inner = options;
  inner.wanted = nullptr;
  TraceOptions again = options.trace;
  again.first = nullptr;
  for (const State& s : states) {
    if (deaths.failures.size() >= std::max<std::uint64_t>(options.failures_max, 1)) break;
    if (options.wanted && !options.wanted(s.death)) continue;
    for (; events < s.events; ++events) image.next();
    placer.place(image.exists(), image.bytes());
    const std::string first = "first killed after instruction " + std::to_string(s.death.instruction) + ", then ";
    const auto cleaning = record_file(path, recovery, again);
    if (!cleaning) {
      deaths.failures.push_back(first + "the recovery cannot be recorded: " + cleaning.error().message());
      continue;
    }
    const auto seconds = states_of(*cleaning, s.death.said);
    const std::size_t failures_before = deaths.failures.size();
    const Look look_again = [&](const Death& second) { return look(s.death, second); };
    look_at_states(path, *cleaning, seconds, look_again, inner, deaths);
    for (std::size_t i = failures_before; i < deaths.failures.size(); ++i) deaths.failures[i].insert(0, first);
    deaths.images += seconds.size();
    deaths.pairs += s.death.instructions * cleaning->instructions();
  }
  return deaths;
}

}  // namespace durra::testing
