// The store that a schedule begins with, the operations that participants do in it, and what they noted of them.
#pragma once
#include <durra/block.h>
#include <durra/care.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/handle.h"
#include "tests/proof/schedules/memory.h"

namespace durra::schedules {

// Keys that lie in one leaf of the index.  A and B are there at first, with the values 1 and 2; C is not; T was erased;
// G, where the leaf is full, does not fit in.
enum KeyName : std::uint8_t { kA, kB, kC, kT, kG, kKeys };

// One operation as the participant saw it.  Plain data, for it is noted in the middle of a schedule.
struct Call {
  struct Change {
    KeyName key;
    std::uint32_t value;  // 0: erased
    bool conditional;
    std::uint32_t expected;
    bool must_exist;
  };
  struct Seen {
    KeyName key;
    std::uint32_t value;  // 0: absent
  };
  std::uint8_t changes = 0, seen = 0;
  std::array<Change, 3> change{};
  std::array<Seen, kKeys> saw{};
  bool done = true;
  bool answered = false;
  std::uint32_t invoked = 0, responded = 0;

  Call& puts(KeyName k, std::uint32_t v) { return changes_to({k, v, false, 0, false}); }
  Call& puts_if(KeyName k, std::uint32_t v, std::uint32_t seen_value) {
    return changes_to({k, v, true, seen_value, false});
  }
  Call& erases(KeyName k) { return changes_to({k, 0, false, 0, true}); }
  void sees(KeyName k, std::uint32_t v) { saw[seen++] = {k, v}; }

 private:
  Call& changes_to(const Change& c) {
    change[changes++] = c;
    return *this;
  }
};
inline constexpr unsigned kCallsMax = 3;
struct Calls {
  unsigned count = 0;
  std::array<Call, kCallsMax> call;
};
// Of the players; behind them, of somebody who died before it all began.
extern std::array<Calls, kPlayers + 1> calls;

// What a participant has.  Lies in the arena.
struct Participant {
  unsigned number = 0;
  std::optional<Store> store;
  std::optional<Tail> tail;
  std::optional<Snapshot> snapshot;
  std::array<Stamp, kKeys> stamps{};  // of the first versions
  detail::Handle& handle() { return *detail::handle_of(*store); }
};
extern std::array<Participant*, kFibers + 1> participants;
extern std::array<std::string, kKeys> keys;

// What kind of a store an operation needs.
struct Needs {
  bool full_leaf = false;       // G does not fit
  bool cold = false;            // the participant has no region to write to
  bool partial = false;         // and there is one to be had
  bool blocks = false;          // there is a region of blocks, with room
  bool retired = false;         // a region is RETIRED
  bool twice = false;           // A is there twice, and can be moved on
  const char* ghost = nullptr;  // somebody died at this step, of a batch of A and B or of a put of A
};
struct Play {
  const char* name;
  Needs needs;
  void (*prepare)(Participant&);  // null: nothing
  void (*run)(Participant&, unsigned player);
};
const std::vector<Play>& plays();
const Play* play_named(const std::string&);

// Makes the store and the participants; the seed chooses its name, hence where keys lie.  False: a participant
// complains.
bool make_world(const std::vector<const Play*>&, std::uint64_t seed);

// The name of a player's block; of somebody's from before.
std::string block_of(unsigned player);

// What a participant did that it must not: told by `complain`, which ends the schedule.
[[noreturn]] void complain(const char* what, std::uint64_t detail = 0);
struct Complaint {
  const char* what = nullptr;
  std::uint64_t detail = 0;
};
extern Complaint complaint;

// Values are numbers of 8 bytes.
Result<Stamp> put(Store&, KeyName, std::uint32_t value);
std::uint32_t value_of(const Result<Record>&);  // 0: absent; complains of any other error

}  // namespace durra::schedules
