// durra backup STORE NEW: a compacted copy of one instant, while everybody works on.
#include <durra/care.h>
#include <fmt/core.h>

#include <chrono>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/findings.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

Result<Copied> watched_backup(const Store& store, const std::string& fresh) {
  ProgressLine progress("backup");
  return backup(store, fresh, progress.callback());
}

}  // namespace

int verb_backup(Call& call) {
  std::string fresh;
  call.needs_store().needs("NEW", fresh, "the file to make").parse();
  const InterruptGuard guard;
  const auto begun = std::chrono::steady_clock::now();
  const auto store = open_to_change(call.store);
  const auto copied = watched_backup(store, fresh);
  if (!copied) throw copy_complaint(copied.error(), call.store, fresh);
  const auto ns = static_cast<std::uint64_t>((std::chrono::steady_clock::now() - begun) / std::chrono::nanoseconds(1));
  if (call.json)
    answer(call, {{"new_store", fresh}, {"records", copied->records}, {"bytes", copied->bytes}, {"duration_ns", ns}});
  else
    fmt::print("backed up {}, {} into {} in {}\n", count_text(copied->records, "record"), size_text(copied->bytes),
               escape(fresh), duration_text(ns));
  return kDone;
}

}  // namespace durra::tools
