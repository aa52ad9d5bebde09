// Commands for RapidCheck's state machines: what may be done to a store and its records (typed things, blocks and waits
// aside), with a Model that says what must come of it.  A failure is shrunk to the shortest history that fails.
//
//   Stores stores;
//   rc::state::check(Model{}, stores, any_command());
//
// Some of them, and your own beside them:
//
//   struct Transfer : durra::testing::Command { ... };           // apply(Model&), run(const Model&, Stores&), show
//   rc::state::check(Model{}, stores, rc::state::gen::execOneOfWithArgs<Transfer, DoPut, DoDie, DoReopen>());
#pragma once
#include <durra/testing/commands/care.h>
#include <durra/testing/commands/change.h>
#include <durra/testing/commands/live.h>
#include <durra/testing/commands/read.h>
#include <durra/testing/commands/tail.h>

namespace durra::testing {

// Generates any of the commands.
inline auto any_command() {
  return rc::state::gen::execOneOfWithArgs<DoPut, DoPut, DoPut, DoErase, DoPutIf, DoPutIf, DoEraseIf, DoUpdate, DoDraft,
                                           DoBatch, DoBatch, DoAppend, DoReadAll, DoSnapshot, DoCheckSnapshots, DoHold,
                                           DoDropRecords, DoOpen, DoClose, DoReopen, DoDie, DoCopy, DoVerify, DoCompact,
                                           DoSync, DoFollow, DoSaveTail, DoReopenTail, DoDropTail>();
}

}  // namespace durra::testing
