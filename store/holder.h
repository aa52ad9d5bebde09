// Who has a name: a seat in one of its generations, alive exactly while that seat's byte is held.
#pragma once
#include "store/handle.h"

namespace durra::detail {

struct Holder {
  std::uint32_t seat = ~0u;
  std::uint64_t generation = 0;
  friend bool operator==(const Holder&, const Holder&) = default;
};

// The seat of this thread.
Result<Holder> me(Handle&);

// Whether this seat is one of this handle's own.
bool is_mine(const Handle&, std::uint32_t seat) noexcept;

// Whether the seat is taken in that generation and its byte is held, by whoever.
bool lives(Handle&, const Holder&) noexcept;

// The pid of a living holder that is not of this handle, or none; of this one's, names in use are known.  A dead one's
// seat is reaped first.
std::optional<std::uint32_t> living_stranger(Handle&, const Holder&) noexcept;

// What of one handle's names are in use within it: objects of one handle know each other without the file.
bool enter_name(Handle&, const std::string& name);
void leave_name(Handle&, const std::string& name) noexcept;

}  // namespace durra::detail
