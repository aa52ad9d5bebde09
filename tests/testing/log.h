// What the recorded child writes and its parent reads: a header and events one behind the other, in shared memory.
#pragma once
#include <cstdint>

#include <durra/testing/trace.h>

namespace durra::testing {

enum class Ended : std::uint32_t {
  running,
  done,
  threw,
  forks,
  threads,
  other_file,
  no_access,
  too_large,
  missed,
  unsupported
};

struct LoggedEvent {  // its bytes follow, padded to 8
  Event::Kind kind;
  std::uint64_t instruction, offset, size, bytes;
};

struct Log {
  static constexpr std::uint64_t kCapacity = 4ull << 30;  // address space; memory as far as it is written
  Ended ended;
  std::uint64_t instructions;
  std::uint64_t used;   // bytes of events
  std::uint64_t where;  // missed, forks: the address of the instruction; threads: how many; no_access: errno
  const std::byte* events() const noexcept { return reinterpret_cast<const std::byte*>(this + 1); }

  // False when there is no room.
  bool append(const LoggedEvent&, const void* bytes) noexcept;
};

}  // namespace durra::testing
