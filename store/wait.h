// Sleeping until something changes, and waking those who do (PROTOCOL.md WAIT).
#pragma once
#include <algorithm>
#include <bit>

#include "store/handle.h"

namespace durra::detail {

// Control has 16 futex words in one line: 15 shared by all keys, by their tags, and the last for tails.
inline constexpr std::uint64_t kTailWord = 15;
inline std::uint64_t word_of(std::uint64_t tag) noexcept { return (tag & 0xffff'ffff) * kTailWord >> 32; }

void wake_sleepers(const Handle&, std::uint64_t word) noexcept;

// Wakes whoever waits for a change of this key.  After the index word was swung (of a batch: after its FIX).  Two loads
// of one line, and no system call while nobody waits.
[[gnu::always_inline]] inline void wake(const Handle& h, std::uint64_t tag) noexcept {
  auto& words = h.space.control().futex;
  const std::uint64_t mine = word_of(tag);
  if (((shared::futex_load(words[mine]) | shared::futex_load(words[kTailWord])) & 1) == 0) [[likely]]
    return;
  wake_sleepers(h, mine);
  wake_sleepers(h, kTailWord);
}

// The same for all keys of a batch: `words` has the bits of their words.
inline void wake_words(const Handle& h, std::uint32_t words) noexcept {
  for (std::uint32_t left = words | 1u << kTailWord; left != 0; left &= left - 1)
    wake_sleepers(h, static_cast<std::uint64_t>(std::countr_zero(left)));
}

// The end of a wait.
class Deadline {
 public:
  explicit Deadline(Duration patience) noexcept;
  // Never more than a slice, so that the wake-up of one who was killed before it is late and not lost.  Zero: over.
  Duration left(Duration slice) const noexcept;

 private:
  std::uint64_t end_;  // os::steady_ns()
};

// One who waits, and leaves no odd word behind when it was woken for good:
//   for (Sleeper s(h, word, patience);; s.sleep()) {
//     if (there()) return it;
//     if (!s.announce()) return timeout;
//     if (there()) return it;
//   }
class Sleeper {
 public:
  Sleeper(const Handle& h, std::uint64_t word, Duration patience) noexcept
      : handle_(h), word_(h.space.control().futex[word]), deadline_(patience) {}
  // From here on every change wakes.  (A read-only handle may not write: its slices are short.)  False, and nothing was
  // said: the patience is over.
  bool announce() noexcept;
  // Until a change, or the end of a slice.
  void sleep() const noexcept;

 private:
  Duration left() const noexcept;

  const Handle& handle_;
  std::uint32_t& word_;
  std::uint32_t value_ = 0;  // the word while we may be woken
  const Deadline deadline_;
};

}  // namespace durra::detail
