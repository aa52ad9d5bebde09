// Random histories of a store against the model: every function of its face, several handles, kept snapshots, Records
// and a Tail, rebuilds, compaction, and processes that are killed.  A failure prints the shortest history that fails,
// and with it the RC_PARAMS that repeat it.  Longer: RC_PARAMS="max_success=5000" build/property
#include <durra/testing/commands.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>

#include "tests/support/dice.h"

namespace durra::testing {
namespace {

// Read before the first property runs; what the caller set stands.
[[maybe_unused]] const int configured = ::setenv("RC_PARAMS", "max_success=600", 0);

// What the kernel's dice decide comes from the case, so that its seed repeats all of it.
std::uint64_t case_seed() { return *rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>()); }

RC_GTEST_PROP(StoreMachine, a_store_is_a_map, ()) {
  const test::Dice dice(case_seed());
  Stores stores;
  rc::state::check(Model{}, stores, any_command());
}

// What tails are about, more densely.
RC_GTEST_PROP(TailMachine, shows_every_key_as_it_is_in_the_end_and_nothing_twice, ()) {
  const test::Dice dice(case_seed());
  Stores stores;
  rc::state::check(
      Model{}, stores,
      rc::state::gen::execOneOfWithArgs<DoPut, DoErase, DoBatch, DoAppend, DoSnapshot, DoOpen, DoReopen, DoDie,
                                        DoFollow, DoFollow, DoSaveTail, DoReopenTail, DoDropTail>());
}

}  // namespace
}  // namespace durra::testing
