// What a piece of code does to one file, instruction by instruction: for those who ask what a death, or a power cut,
// leaves at each point.
//
//   auto trace = testing::record("s.durra", [] {
//     auto store = durra::open("s.durra").value();
//     store.put("k", "v").value();
//     testing::mark("k is acknowledged");
//   }).value();
//   for (testing::Image image(trace); image.next();) look_at(image.bytes());
//
// The code runs in a forked child with the processor's trap flag set.  After each instruction the file is compared with
// what it was, so every way to change it is seen: stores through any shared mapping, system calls.  A process that is
// killed leaves exactly what it has stored, so the file as it is after an instruction is the file of one killed there.
//
// x86-64 Linux; elsewhere record() answers `unsupported`.  About 100,000 instructions a second.
#pragma once
#include <durra/result.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace durra::testing {

struct Event {
  enum class Kind : std::uint8_t {
    file,    // the file is there, with these bytes: the first event, later than instruction 0 if it was created
    store,   // these bytes at this offset
    length,  // the file is `size` bytes long: longer by zeros, or shorter
    sync,    // the kernel said that [offset, offset + size) is durable; size ~0: all of it
    mark,    // the code said these words
  };
  Kind kind;
  std::uint64_t instruction;  // the one that did it, from 1; 0: before the first
  std::uint64_t offset, size;
  std::string_view bytes;  // file, store: what is there now; mark: the words.  They live as long as the Trace
};

// Says something that stands in the trace at this point; nothing where no trace is recorded.
void mark(std::string_view words) noexcept;

struct TraceOptions {
  std::function<void()> first{};  // runs in the child too, before the code, and is not recorded
  // For `first` and the code, which must not use alarm(); what has not ended by then never does.  0: for ever.
  std::chrono::seconds patience{60};
  std::uint64_t size_max = 64 << 20;  // of the file
};

// Ordered as it happened.  A system call that changes several pages has one event for each, because a kill within it
// may leave some of them.
class Trace {
 public:
  std::uint64_t instructions() const noexcept { return instructions_; }
  const std::vector<Event>& events() const noexcept { return events_; }
  // UTC, ns: when the file was last changed before `first` and the code ran; if there was none, when they began.
  std::uint64_t changed_ns() const noexcept { return changed_ns_; }

 private:
  friend Result<Trace> record(const std::string&, const std::function<void()>&, const TraceOptions&);
  std::uint64_t instructions_ = 0, changed_ns_ = 0;
  std::shared_ptr<const void> memory_;  // what `bytes` of the events point into
  std::vector<Event> events_;
};

// Runs `code` in a child until it returns, and records what happens to the file at `path`, which need not exist yet.
// What a system call does counts to the instruction `syscall`; flushes count when they are msync (MS_SYNC), fsync,
// fdatasync, syncfs, sync, or pwritev2 with RWF_DSYNC or RWF_SYNC, and succeed.  Destructors of what `code` and `first`
// leave behind in variables outside do not run.
// A process with other threads may call this if neither needs a lock that they may hold.
// Errors: `unsupported` (the machine; the code forks, starts a thread or another program; `first` left a thread behind,
// as Durability::interval does; more than 64 mappings of the file; a store that the decoder missed), `invalid` (it
// threw, died, ended the process, or the path was given to another file), `timeout`, `too_large`, `io` (also: the path
// is a symbolic link).  Why it threw is told on stderr.
Result<Trace> record(const std::string& path, const std::function<void()>& code, const TraceOptions& = {});

// The file after the first event, the second, and so on, of a trace that must outlive it.
class Image {
 public:
  explicit Image(const Trace& trace) noexcept : trace_(trace) {}
  explicit Image(Trace&&) = delete;
  // False when there is no further event.  What follows is of the event that it came to.
  bool next();
  const Event& event() const noexcept { return trace_.events()[next_ - 1]; }
  std::size_t index() const noexcept { return next_ - 1; }  // of the event
  bool exists() const noexcept { return exists_; }          // not before Event::Kind::file
  const std::string& bytes() const noexcept { return bytes_; }
  // Equal for equal bytes (of any length) and, but for a chance of 2^-64 a pair, for no others; no file is another than
  // an empty one.
  std::uint64_t hash() const noexcept;
  // Whether the file may stay like this: false between two events that are one step of the kernel.
  bool lasts() const noexcept;

 private:
  void hash_pages(std::uint64_t from, std::uint64_t to);
  const Trace& trace_;
  std::size_t next_ = 0;
  bool exists_ = false;
  std::string bytes_;
  std::vector<std::uint64_t> pages_;  // the hash of each
  std::uint64_t hash_ = 0;            // their sum
};

}  // namespace durra::testing
