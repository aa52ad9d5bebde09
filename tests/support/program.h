// Programs whose power is cut: a few operations on a few keys, by one process with one handle or two, and when each
// was begun and done.  promises.h says what must be there after a cut.
#pragma once
#include <durra/store.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace durra::test {

enum class Act : std::uint8_t {
  put,
  put_if,   // under the stamp that the key has
  draft,    // filled in place
  erase,    //
  batch,    // all or nothing
  append,   // an event of a log
  consume,  // what a named tail shows of the log, noted in one batch with its position
  sync,
  compact,       // without keeping what was erased
  reopen,        // all handles are closed in order
  other,         // the other handle goes on
  killed,        // another process puts, and ends without closing
  killed_alone,  // the same, when nobody else has the store open
  hold,          // a snapshot
  let_go,        //
  write_back,    // the kernel writes some pages that nobody asked for
  settle,        // waits until the interval's promise is due
  typed,         // a counter, an array of some pages and a ring go on
};
const char* name(Act) noexcept;

struct Change {
  unsigned key;
  bool erase = false;
};
struct Op {
  Act act = Act::put;
  std::vector<Change> changes{};
  unsigned size = 0;  // of a value
  Durability durability = Durability::process;
};
struct Program {
  std::uint64_t seed = 0;
  Options options;  // of both handles
  unsigned keys = 0;
  std::vector<std::string> names{};  // of the keys, where it matters
  std::vector<Op> ops;
  std::vector<std::vector<std::string>> values{};  // of each operation, in the order of its changes
};

// What a random program may do.
struct Shape {
  unsigned ops = 40, keys = 8;
  unsigned size = 2'000;    // of a value: up to it, sometimes up to `large`
  unsigned large = 20'000;  //
  bool other_processes = true;
  bool interval = false;  // puts without a durability of their own are synced by a thread
};
Program random_program(std::uint64_t seed, const Shape&);
void make_values(Program&);  // of a program whose operations were written down; random ones have them

// Keys beyond those that a program puts: what its tail has consumed, and the event that its operation `op` appended.
inline unsigned cursor_key(const Program& p) { return p.keys; }
inline unsigned event_key(const Program& p, unsigned op) { return p.keys + 1 + op; }
std::string key_text(const Program&, unsigned key);  // not of events: they have keys of their own
// The blocks of typed things.  Every element of the array becomes the operation's number and 1; so does the ring's next
// value; the counter counts.
inline constexpr std::string_view kCount = "count", kField = "field", kRing = "ring";
inline constexpr std::size_t kFieldSize = 1'536, kRingSize = 64;

inline constexpr std::string_view kLog = "events", kLogPrefix = "events/", kTail = "reader";

// What operation `op` puts under `key`, which it changes; of the cursor only how it begins.
const std::string& value_of(const Program&, unsigned op, unsigned key);

// When an operation was begun and done, in the reckoning of whoever cuts the power; `code`: what it answered.
struct Moment {
  static constexpr std::uint64_t kNever = UINT64_MAX;
  static constexpr int kNothing = -1, kOk = 100;
  std::uint64_t begun = kNever, done = kNever;
  int code = kNothing;
  bool ok() const { return code == kOk; }
};

struct Observer {
  std::function<void(unsigned op)> begun;
  std::function<void(unsigned op, int code)> done;  // of Moment
  std::function<void(std::uint64_t random)> write_back = [](std::uint64_t) {};
};

// A program at work, in one process.
class Execution {
 public:
  Execution(std::string path, const Program&, Observer);
  ~Execution();  // closes in order
  Execution(const Execution&) = delete;
  // The operations [from, to).  Stops at the first answer that none may give; that is returned, else "".
  std::string run(unsigned from, unsigned to);

 private:
  class Runner;
  const std::unique_ptr<Runner> runner_;
};

}  // namespace durra::test
