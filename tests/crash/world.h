// A small store with known content, operations to interrupt in it, and what must hold afterwards.
#pragma once
#include <durra/care.h>

#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/crash.h"

namespace durra::test {

// What was acknowledged.  "#7" is the integer key 7.
using Model = std::map<std::string, std::string>;
Key key_of(const std::string& name);
std::string name_of(const Record&);

Options small_store();

struct World {
  Scratch scratch;
  std::string path = scratch / "s.durra";
  Model model;
};

// Something that a child does and that is interrupted.
struct Operation {
  std::string name;
  std::function<void(World&, Store&)> prepare;  // before, by a process that lives on or closes in order
  std::function<void(const World&)> run;        // in the child, which opens the store and arms itself
  std::string key;                              // what it changes; "": nothing
  std::optional<std::string> after;             // to this
  std::optional<std::uint32_t> crowded{};       // it changes this crowded_key instead
  bool alone = false;                           // nobody else may have the store open
  bool from_nothing = false;                    // there is no store before
  Model acknowledged{};                         // what the child puts before it arms itself
  // A batch: what else it changes, all together with `key` or not at all.
  std::map<std::string, std::optional<std::string>> also{};
};
// A child that opens the store, owns a region, and then does one thing while it is armed.
Operation simple(const std::string& name, const std::string& key, std::optional<std::string> after,
                 std::function<void(Store&)> act);
std::vector<Operation> batches();
std::vector<Operation> blocks();                     // block_test.cpp looks at the blocks themselves
std::string key_of(const Operation&, const Store&);  // what it changes
inline void PrintTo(const Operation& op, std::ostream* out) { *out << op.name; }  // in names of tests
std::vector<Operation> operations();
Operation operation(const std::string& name);

// Creates and fills the store, with what the operation's child will have put before it armed itself in the model.
std::optional<Store> make(World&, const Operation&);

// Keys that all go to one leaf, from the first slot on: the 15th makes it grow, the 33rd splits it.
std::string crowded_key(const Store&, std::uint32_t i);

// A put that takes regions of its own.
std::string large_value();

// What must hold.  Failures are the current test's.
std::optional<std::string> look(const Store&, const std::string& key);
void expect_content(const Store&, const Model&);
// The key may be put, read and erased at once, and is what it was in the end.
void expect_usable(Store&, const std::string& key);
// No seat, no claimed region, no region of a run that belongs to nobody, nothing open without a living owner, nothing
// sealed that holds nothing (but for a torn record).
void expect_nothing_left(const Store&, const std::string& path);
void expect_undamaged(const std::string& path);
Store reopen(const std::string& path, bool rebuild = false);

// Those who look at the store after an operation was interrupted, one after the other.
class Aftermath {
 public:
  Aftermath(const Operation& op, World& w) : op_(op), w_(w) {}

  // The first who looks decides whether the operation was done: whole or absent, and all others must agree.
  void first_look(const Store&);
  void first_glance(const Store&);  // at its key only
  void works(Store&);
  void agrees(const Store&);  // a fresh opener, who has reaped

 private:
  void decide(Store&);
  const Operation& op_;
  World& w_;
};

}  // namespace durra::test
