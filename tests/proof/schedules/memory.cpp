// The store's file, its log of old values, its contested words.
#include "tests/proof/schedules/memory.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

namespace durra::schedules {

Memory memory;

namespace {
constexpr std::size_t kWords = Memory::kFileMax / 8 + kKernelWords;
constexpr std::uint16_t kPlayerReaders = 0x07, kPlayerWriters = 0x70;
}  // namespace

Memory::Memory() : known_(kWords), touched_(kWords), dirty_(kWords) {
  // At an address where offsets and addresses are congruent to 2 MiB, as os::map promises.
  constexpr std::size_t kHuge = 2u << 20;
  void* const room =
      ::mmap(nullptr, 3 * kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) std::abort();
  const auto start = (reinterpret_cast<std::uintptr_t>(room) + kHuge - 1) & ~(kHuge - 1);
  base_ = reinterpret_cast<std::byte*>(start);
  log_.reserve(1u << 16);
  unhashed_.reserve(1u << 16);
}

void Memory::checkpoint() noexcept {
  log_.clear();
  unhashed_.clear();
  hash_ = 0;
  ++round_;
}

void Memory::rewind() noexcept {
  auto* words = reinterpret_cast<Word*>(base_);
  for (const Old& old : log_) words[old.word] = old.value;  // each word once: their order is no matter
  checkpoint();
}

void Memory::forget_contests(bool with_observer) noexcept {
  with_observer_ = with_observer;
  known_.assign(kWords, 0);
  contests_ = 0;
}

void Memory::log(std::uint32_t word) noexcept {
  touched_[word] = round_;
  log_.push_back({word, value(word)});
}

// Its old value leaves the hash now, its new one joins when the hash is asked for.
void Memory::make_dirty(std::uint32_t word) noexcept {
  dirty_[word] = round_;
  hash_ ^= mix(word + 1, value(word));
  unhashed_.push_back(word);
}

void Memory::learn(std::uint32_t word, std::uint16_t bit) noexcept {
  const std::uint16_t before = known_[word];
  std::uint16_t now = before | bit;
  const auto readers = static_cast<unsigned>(now & kPlayerReaders);
  const auto writers = static_cast<unsigned>((now & kPlayerWriters) >> 4);
  const bool by_others = (writers & (writers - 1)) != 0 || (readers & ~writers) != 0;
  if (writers != 0 && by_others) now |= kContested;
  const bool observed = (now & (read_bit(kObserver) | write_bit(kObserver))) != 0;
  if (with_observer_ && writers != 0 && observed) now |= kObserved;
  contests_ += ((now ^ before) & (kContested | kObserved)) != 0;
  known_[word] = now;
}

// hash_ is the exclusive or over all contested words that were written in this round: of their checkpointed values,
// which leave it, and their values of now, which join it.
std::uint64_t Memory::hash() noexcept {
  for (const std::uint32_t word : unhashed_) {
    hash_ ^= mix(word + 1, value(word));
    dirty_[word] = 0;
  }
  unhashed_.clear();
  return hash_;
}

}  // namespace durra::schedules
