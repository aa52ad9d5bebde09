// Those who come after a death, and what they must find: the state, and that they can go on at once.
#pragma once
#include <durra/testing/crash.h>

#include <set>
#include <string>
#include <vector>

#include "tests/proof/kill/scenario.h"

namespace durra::test {

// A scenario in a file of its own.
struct Case {
  Case(const Scenario&, std::string path, bool company);
  const Scenario& scenario;
  const std::string path;
  const bool company;  // somebody else has the store open all the time
  Options options = small_options();
  std::vector<Model> states;   // after none of the acts, the first, the second ...
  std::set<std::string> keys;  // of all of them
  std::optional<Store> companion;

  // The interrupted act was done (the greater) or not.
  std::size_t before(const testing::Death& d) const { return d.said.size(); }
  std::size_t after(const testing::Death& d) const { return std::min(d.said.size() + 1, states.size() - 1); }
  std::string name() const { return scenario.name + (company ? " in company" : ""); }

  // Of the victim's process: what comes before the recording, and what is recorded.
  void first(Victim&) const;
  void code(Victim&) const;
};

enum class Who : std::uint8_t {
  opens,     // somebody who opens the store after the death, reaps, works, closes; then others who do the same
  rebuilds,  // who does not trust the index
  works,     // somebody who had it open before the death, and does not open again; then as above
  looks,     // the same, who only reads
  together,  // two to four of these, at once, in processes of their own
};
const char* name(Who) noexcept;

// Throws what is wrong.
void judge(const Case&, const testing::Death&, Who);

// For the second of two deaths: as `opens`, without repetitions.
void judge_briefly(const Case&, const testing::Death&);

// Which of states[from] to states[to] the store holds.
std::size_t decide(const Case&, const Store&, std::size_t from, std::size_t to);
// The keys that the interrupted act may have changed, and some others, can be worked on.
void require_usable(const Case&, Store&, const testing::Death&);

// A store that is opened as if the dead were still alive: their seats' bytes are held meanwhile.
Store open_beside_the_dead(const std::string& path, const Options&);

// `together`: the state that all agree on.
std::size_t survive_together(const Case&, const testing::Death&, unsigned processes);

}  // namespace durra::test
