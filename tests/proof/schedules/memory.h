// The store's file as this proof sees it: one array of words that participants change, and that goes back to how it was
// between two schedules.  The kernel's own state (locks, the file's length) is a few words behind it.
//
// Of each word it is known who has ever read and who has ever written it, in any schedule so far.  A word that somebody
// writes and somebody else reads or writes is *contested*: only there does the order of two participants matter, so
// only there may one be interrupted (the explorer begins anew when it learns of one), and only these words are in the
// hash that tells one state from another.  What a participant has in words of its own follows from what it has read.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "tests/proof/schedules/arena.h"

namespace durra::schedules {

using Word = std::uint64_t;

inline constexpr unsigned kPlayers = 3;            // fibers that a schedule is about
inline constexpr unsigned kObserver = kPlayers;    // who looks at what they left
inline constexpr unsigned kFibers = kPlayers + 1;  // and both

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t x = ((a + 0x2545f4914f6cdd1du) ^ b * 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
  x ^= x >> 29;
  x = (x + b) * 0x94d049bb133111ebu;
  return x ^ x >> 32;
}

// Words of the kernel, behind those of the file.
enum KernelWord : std::uint32_t {
  kFileSize,
  kReaders,    // which epochs read-only openers have locked (os.cpp)
  kAnswers,    // + player: how many of his operations have returned
  kLocks = 8,  // + n: who holds the n-th byte that can be locked (os.cpp)
};
inline constexpr std::size_t kKernelWords = 64;

class Memory {
 public:
  static constexpr std::size_t kFileMax = 2u << 20;

  Memory();
  std::byte* file() const noexcept { return base_; }
  Word& kernel(std::uint32_t n) const noexcept { return reinterpret_cast<Word*>(base_ + kFileMax)[n]; }
  // The number of the word at this address; kNone outside.
  static constexpr std::uint32_t kNone = ~0u;
  std::uint32_t find(const volatile void* p) const noexcept {
    const std::size_t at = static_cast<std::size_t>(static_cast<const volatile std::byte*>(p) - base_);
    return at < kFileMax + kKernelWords * 8 ? static_cast<std::uint32_t>(at / 8) : kNone;
  }
  Word value(std::uint32_t word) const noexcept { return reinterpret_cast<const Word*>(base_)[word]; }

  // Everything as it is now is what rewind() brings back.
  void checkpoint() noexcept;
  void rewind() noexcept;
  // Nothing is known any more of who reads and writes what; from now on it is noted, or not, what the observer reads.
  void forget_contests(bool with_observer) noexcept;

  // Before the access.  True: the word is contested.
  bool reads(unsigned fiber, std::uint32_t word) noexcept { return notes(word, read_bit(fiber)); }
  bool writes(unsigned fiber, std::uint32_t word) noexcept {
    if (touched_[word] != round_) log(word);
    const bool contested = notes(word, write_bit(fiber));
    if (contested && dirty_[word] != round_) make_dirty(word);
    return contested;
  }
  // Somebody who comes after a death reads this word.
  bool matters_to_observer(std::uint32_t word) const noexcept { return (known_[word] & kObserved) != 0; }
  bool contested(std::uint32_t word) const noexcept { return (known_[word] & kContested) != 0; }
  // How often a word was found to be contested, or to matter to the observer, that was not known to.
  std::uint64_t contests() const noexcept { return contests_; }
  // Of all contested words.
  std::uint64_t hash() noexcept;

 private:
  // Low byte: a bit each for reads and for writes of a fiber.
  static constexpr std::uint16_t kContested = 1u << 8, kObserved = 1u << 9;
  static constexpr std::uint16_t read_bit(unsigned f) noexcept { return static_cast<std::uint16_t>(1u << f); }
  static constexpr std::uint16_t write_bit(unsigned f) noexcept { return static_cast<std::uint16_t>(16u << f); }
  bool notes(std::uint32_t word, std::uint16_t bit) noexcept {
    const std::uint16_t known = known_[word];
    if ((known & bit) == 0) learn(word, bit);
    return (known_[word] & kContested) != 0;
  }
  void learn(std::uint32_t word, std::uint16_t bit) noexcept;
  void log(std::uint32_t word) noexcept;
  void make_dirty(std::uint32_t word) noexcept;

  std::byte* base_;
  std::uint32_t round_ = 1;
  List<std::uint16_t> known_;
  List<std::uint32_t> touched_, dirty_;  // the round in which a word was written, and not yet hashed again
  struct Old {
    std::uint32_t word;
    Word value;
  };
  List<Old> log_;
  List<std::uint32_t> unhashed_;
  std::uint64_t hash_ = 0, contests_ = 0;
  bool with_observer_ = false;
};

extern Memory memory;

}  // namespace durra::schedules
