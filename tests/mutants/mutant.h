// Which mutant of tests/mutants is switched on.  Only copies of the sources that generate.py made know this.
#pragma once
#include <cstdint>
#include <type_traits>

namespace durra {

// From DURRA_MUTANT=name, before main; 0: none.  A name that no table has ends the process.
extern std::uint32_t active_mutant;
// What one edit of a mutant leaves for another.
inline thread_local std::uint64_t mutant_memo = 0;

[[gnu::always_inline]] constexpr bool mutant(std::uint32_t id) noexcept {
  if (std::is_constant_evaluated()) return false;
#ifdef DURRA_MUTANT_COMPILED
  return id == DURRA_MUTANT_COMPILED;  // to compare what a mutant compiles to with what the source does
#else
  return active_mutant == id;
#endif
}

}  // namespace durra
