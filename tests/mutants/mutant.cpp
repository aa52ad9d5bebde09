// The mutant that this process was told to have.
#include "tests/mutants/mutant.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace durra {
namespace {

struct Named {
  std::string_view name;
  std::uint32_t id;
};
constexpr Named kNames[] = {
#include "tests/mutants/names.inc"
};

std::uint32_t chosen() {
  const char* const name = std::getenv("DURRA_MUTANT");
  if (name == nullptr || *name == '\0') return 0;
  for (const Named& n : kNames)
    if (n.name == name) return n.id;
  std::fprintf(stderr, "DURRA_MUTANT=%s: tests/mutants has no mutant of this name\n", name);
  std::abort();
}

}  // namespace

std::uint32_t active_mutant = chosen();

}  // namespace durra
