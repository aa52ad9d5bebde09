// Whether what several participants saw of a store could have been one after the other: linearizability (Herlihy and
// Wing, TOPLAS 1990), of put, erase, put_if, get, batches and snapshots.
//
//   using namespace durra::testing;
//   Clock clock;                                    // shared by all threads, or in memory shared by processes
//   Operation op = put("k", "v1");                  // each thread notes its own operations in a vector of its own
//   op.invoked = clock.tick();
//   auto result = store.put("k", "v1");
//   if (result) op.respond(clock.tick());           // an error of a plain put leaves it pending
//   ...
//   Verdict v = linearizable(all_operations);       // of all threads, in any order
//   if (!v) std::cout << v.story;
//
// A version is known here by its value: put a different value each time, or conditions and reads prove less.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace durra::testing {

using Value = std::optional<std::string>;  // null: absent, erased

// What an operation does to one key, if all of its conditions hold.
struct Change {
  std::string key;
  Value value;
  bool conditional = false;  // only if the key's value is `expected`
  Value expected{};
  bool must_exist = false;  // only if the key has a value (erase)
};

// What an operation was told of one key.
struct Seen {
  std::string key;
  Value value;
};

inline constexpr std::uint64_t kPending = ~0ull;  // the time of a response that never came

// One call, at one instant between `invoked` and `responded`: its reads see, and its changes are made, all at once.
struct Operation {
  std::vector<Change> changes{};
  std::vector<Seen> seen{};
  bool done = true;  // false: refused, for a condition did not hold; nothing was changed
  std::uint64_t invoked = 0;
  // Greater than `invoked`.  kPending: nobody knows (its process was killed, or a change without condition failed, as
  // with `full`): it happened, at some instant from then on, or it did not.
  std::uint64_t responded = kPending;
  std::string name{};  // for the story

  // `was_done` false is for conditions that did not hold, and for erase() of nothing.
  void respond(std::uint64_t now, bool was_done = true) {
    responded = now;
    done = was_done;
  }
};

Operation put(std::string key, std::string value);
Operation erase(std::string key);
Operation put_if(std::string key, std::string value, Value expected);
Operation erase_if(std::string key, std::string expected);
Operation get(std::string key);  // then seen[0].value = what came
Operation batch(std::vector<Change>);
Operation snapshot(std::vector<Seen>);

// Times that everybody agrees on.  Thread-safe; lock-free, so it may lie in memory that processes share.
class Clock {
 public:
  std::uint64_t tick() noexcept { return time_.fetch_add(1, std::memory_order_seq_cst) + 1; }

 private:
  std::atomic<std::uint64_t> time_{0};
};

struct Verdict {
  bool linearizable = true;
  // An order that explains everything, as indices of the operations, keys that nothing joins one after the other; what
  // is not in it did not happen.
  std::vector<std::size_t> order{};
  // Operations that contradict each other and of which none can be left out; the others may be forgotten.  Where more
  // than 300 are tangled: all of those that were answered.
  std::vector<std::size_t> offending{};
  std::string story{};  // the offending ones, in the order of their invocation
  explicit operator bool() const noexcept { return linearizable; }
};

// The search of Wing and Gong (JPDC 1993) with Lowe's memory of what was tried (CCPE 2017).  Keys that no operation
// joins are judged apart (Horn and Kroening, FORTE 2015): so the time it takes is for the longest tangle of operations
// that overlap and touch the same keys: of n it grows with n² at least, and without bound where many overlap; each
// state that was tried takes n/8 bytes and the keys' values.  Thread-safe.  `initial`: what the store held before.
Verdict linearizable(const std::vector<Operation>&, const std::map<std::string, std::string>& initial = {});

}  // namespace durra::testing
