// What the parts of the operating system seam share: the fault hook, the retry loop, errno as an Error, and the list
// of descriptors that a forked child must not keep.
#pragma once
#include <cerrno>
#include <cstdint>
#include <string>

#include "store/os.h"

namespace durra::os {

// The errno a test wants instead of the next call; 0: make it.
int before(Call);
int before_read(std::uint64_t offset, std::size_t size);  // after before(Call::read)
// Whether a test has given these bytes.
bool random_by_test(void* to, std::size_t size);
// Tells a test what was made durable.
void flushed(const void* from, std::size_t size);

// Makes a call that says -1 and errno when it fails, again after a signal.
template <class F>
auto attempt(Call c, F&& f) -> decltype(f()) {
  for (;;) {
    const int fault = before(c);
    if (fault != 0) errno = fault;
    const auto r = fault != 0 ? static_cast<decltype(f())>(-1) : f();
    if (r != static_cast<decltype(f())>(-1) || errno != EINTR) return r;
  }
}

inline Error io(const char* what, int e = errno) { return {Code::io, static_cast<std::uint16_t>(e), 0, what, 0}; }

// The other name of an open file, which works also where its path does not (any more).  By way of the thread, because
// /proc/self is empty once a process's first thread has ended.
inline std::string name_of(const File& f) { return "/proc/thread-self/fd/" + std::to_string(f.fd()); }
// The folder that a path's last part lies in.
std::string folder_of(const std::string& path);

// A mapping of its own even while share_mappings is on: its open file is what the caller wants kept.
Result<Mapping> map_apart(const File&, std::uint64_t offset, std::uint64_t size, Access);

// Nobody forks while one lives: what a thread opens and locks under it no child inherits half-made.  A signal handler
// that forks inside it is let through.
class ForkGate {
 public:
  ForkGate();
  ~ForkGate();
  ForkGate(const ForkGate&) = delete;
  ForkGate& operator=(const ForkGate&) = delete;

 private:
  bool outer_;
};

// Every fork's child lets go of a watched descriptor, so that it cannot keep our locks alive; the number stays taken
// there until its owner in the child closes it.  All three take the gate.
Result<void> watch(const File&);
void unwatch(const File&) noexcept;
// Whether the watched descriptor is still the file it was (closefrom() and a later open may have changed that).
bool still_ours(const File&) noexcept;
// Closes a watched descriptor, but not what somebody else has got under its number after a closefrom().
void close_watched(File&) noexcept;

// By statfs's f_type; one that durra does not know is named by its number.
FileSystem file_system_of(std::uint32_t magic);

// "6.1.0-13-amd64" is at least 5.14.
bool recent_enough(const char* release) noexcept;

}  // namespace durra::os
