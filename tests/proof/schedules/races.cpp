// Vector clocks over contested words.
#include "tests/proof/schedules/races.h"

#include <algorithm>

namespace durra::schedules {
namespace {

template <class C>
void join(C& to, const C& from) noexcept {
  for (unsigned i = 0; i < kFibers; ++i) to[i] = std::max(to[i], from[i]);
}

}  // namespace

Races::Races() : known_(Memory::kFileMax / 8 + kKernelWords) { rewind(); }

void Races::rewind() noexcept {
  ++round_;
  fence_ = {};
  for (unsigned f = 0; f < kFibers; ++f) clocks_[f] = {}, clocks_[f][f] = 1;
}

bool Races::unordered(unsigned fiber, std::uint32_t word, const Accesses& before, const void* place,
                      Race& out) const noexcept {
  for (unsigned f = 0; f < kFibers; ++f) {
    if (f == fiber || before[f].clock <= clocks_[fiber][f]) continue;
    out = {word, f, fiber, before[f].place, place};
    return true;
  }
  return false;
}

bool Races::plain(unsigned fiber, std::uint32_t word, bool write, const void* place, Race& out) noexcept {
  Known& k = known(word);
  bool found = unordered(fiber, word, k.plain_writes, place, out) || unordered(fiber, word, k.writes, place, out);
  if (write)
    found = found || unordered(fiber, word, k.plain_reads, place, out) || unordered(fiber, word, k.reads, place, out);
  note(fiber, write ? k.plain_writes : k.plain_reads, place);
  return found;
}

bool Races::atomic(unsigned fiber, std::uint32_t word, bool write, const void* place, Race& out) noexcept {
  Known& k = known(word);
  bool found = unordered(fiber, word, k.plain_writes, place, out);
  if (write) found = found || unordered(fiber, word, k.plain_reads, place, out);
  note(fiber, write ? k.writes : k.reads, place);
  return found;
}

void Races::acquire(unsigned fiber, std::uint32_t word) noexcept { join(clocks_[fiber], known(word).released); }

void Races::release(unsigned fiber, std::uint32_t word, bool goes_on) noexcept {
  Known& k = known(word);
  if (goes_on)
    join(k.released, clocks_[fiber]);
  else
    k.released = clocks_[fiber];
  ++clocks_[fiber][fiber];
}

void Races::stores_relaxed(std::uint32_t word) noexcept { known(word).released = {}; }

void Races::fence(unsigned fiber) noexcept {
  join(clocks_[fiber], fence_);
  fence_ = clocks_[fiber];
  ++clocks_[fiber][fiber];
}

}  // namespace durra::schedules
