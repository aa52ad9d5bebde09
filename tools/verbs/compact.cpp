// durra compact STORE: gives back what is garbage, while others work.
#include <durra/care.h>
#include <fmt/core.h>

#include <algorithm>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/progress.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

Result<Compacted> watched_compact(Store& store, const CompactOptions& options) {
  ProgressLine progress("compact");
  return compact(store, options, progress.callback());
}

}  // namespace

int verb_compact(Call& call) {
  std::uint64_t keep_hours = 24;
  call.needs_store().option("--keep-erased", keep_hours, "hours that erasures stay visible to tails (24)").parse();
  auto store = open_to_change(call.store);
  CompactOptions options;
  options.keep_erased = std::chrono::hours(std::min<std::uint64_t>(keep_hours, 24 * 365 * 100));
  const InterruptGuard guard;
  const auto done = must(watched_compact(store, options), call.store);
  if (call.json) {
    answer(call, {{"freed_bytes", done.bytes_freed},
                  {"retired_regions", done.regions_retired},
                  {"dropped_tombstones", done.tombstones},
                  {"held_regions", done.held_by_readers}});
    return kDone;
  }
  fmt::print("freed    {}\n", size_text(done.bytes_freed));
  fmt::print("emptied  {}, {} dropped\n", count_text(done.regions_retired, "region"),
             count_text(done.tombstones, "tombstone"));
  if (done.held_by_readers != 0)
    fmt::print("held     {} by readers (durra who shows whom); they come back later\n",
               count_text(done.held_by_readers, "region"));
  return kDone;
}

}  // namespace durra::tools
