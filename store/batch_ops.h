// What a Batch keeps: its changes as bytes, in the order in which they were added.
#pragma once
#include <durra/store.h>

#include <optional>
#include <vector>

#include "store/index.h"

namespace durra::detail {

// One change of a key.  Borrows from the Batch.
struct BatchOp {
  KeyView key;
  std::span<const std::byte> payload;
  bool erase = false;
  std::optional<std::uint64_t> expected;  // the stamp that must be there, 0: absent
  // Under a key of the library: the position of a tail, there are no others.
  bool is_position() const noexcept { return !key.text.empty() && key.text[0] == '\0'; }
};

// The inside of a Batch.
struct BatchOps {
  // `own`: a key of the library, which begins with byte 0.
  static void add(Batch&, const Key&, const Bytes* payload, std::optional<Stamp> seen, bool own = false);
  // In the order of (tag, key), one for each key: the last change, and the condition if there is one.  Refuses what
  // put would refuse.
  static Result<std::vector<BatchOp>> sorted(const Handle&, const Batch&, std::uint32_t align);
};

}  // namespace durra::detail
