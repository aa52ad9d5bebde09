// What is killed: operations with what they change, on a small store.
#pragma once
#include <durra/care.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/proof/kill/model.h"

namespace durra::test {

// The process that will be killed, and what it holds.
struct Victim {
  std::string path;
  Options options;
  std::optional<Store> store, second;
  std::optional<Snapshot> snapshot;
  std::optional<Record> record;
  std::optional<Tail> tail;
};

// One call, and what is there when it has returned.
struct Act {
  std::function<void(Victim&)> run;
  std::function<void(Model&)> then;  // null: it changes nothing
};

struct Scenario {
  std::string name;
  std::function<void(Store&, Model&)> prepare{};  // before, by another process
  // After that: what another death leaves.
  std::function<void(const std::string& path, const Options&, Model&)> dies_before{};
  std::function<void(Victim&)> first{};       // by the victim; not killed
  std::function<void(Model&)> after_first{};  // null: it changes nothing
  std::vector<Act> acts{};

  bool alone = false;         // needs the store for itself
  bool from_nothing = false;  // there is no file before
  bool locks = false;         // it opens or closes, so nobody could have opened the store in the middle of it
  bool rebuilds = false;      // after a death in it a rebuild may be needed
  bool heavy = false;         // it takes some hundred thousand instructions
  std::uint64_t one_in = 1;   // of its many states so many are looked at, chosen by the seed
  bool on_disk = false;       // the memory that the file lies in counts as a disk
};

Options small_options();

// Content that every scenario begins with, and its parts.
void fill(Store&, Model&);
void put(Store&, Model&, const std::string& key, const std::string& value);
std::string text(const std::string& what, std::size_t size);
// Mostly zeros, as the file's new bytes are: large, and few states.
std::string sparse(const std::string& what, std::size_t size);
// Opens the store and owns a region.
void open_and_warm_up(Victim&);
void warm(Model&);

std::vector<Scenario> operations();  // of records
std::vector<Scenario> batches();
std::vector<Scenario> meetings();            // with what a dead one left undecided
std::vector<Scenario> space();               // claims, growth, compaction, sync
std::vector<Scenario> comings_and_goings();  // create, open, close, rebuild, tails
Scenario mixture(std::uint64_t seed);        // some calls at random
std::vector<Scenario> scenarios();           // all of them, without mixtures

}  // namespace durra::test
