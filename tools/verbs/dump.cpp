// durra dump STORE [PREFIX]: all records as NDJSON, which `durra import` takes back; or where its arrays lie, for Zarr.
#include <durra/store.h>
#include <fmt/core.h>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/text.h"
#include "tools/zarr_refs.h"

namespace durra::tools {
namespace {

// Says where the arrays lie; with `hold` keeps what it said true until it is told to end.
int dump_refs(const Call& call, const std::string& prefix, bool hold) {
  auto store = open_to_change(call.store);  // a block is kept in place by whoever looks at it
  const std::string file = std::filesystem::absolute(call.store).lexically_normal().string();
  const ZarrRefs refs = zarr_refs(store, call.store, file, prefix);
  std::fputs(line_of(refs.json).c_str(), stdout);
  if (!hold) return kDone;
  std::fflush(stdout);
  const InterruptGuard guard;
  std::array<char, 256> ignored;
  while (!interrupted() && ::read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {
  }
  return kDone;
}

}  // namespace

int verb_dump(Call& call) {
  std::optional<std::string> prefix;
  bool refs = false, hold = false;
  call.needs_store()
      .takes("PREFIX", prefix, "only keys that begin so")
      .flag("--zarr-refs", refs, "where its arrays lie in the file: references for fsspec, so that Zarr reads in place")
      .flag("--hold", hold, "with --zarr-refs: keep all of it in place until standard input ends, or ^C")
      .footer(
          "one line a record: {\"key\":\"user/1\",\"stamp\":\"118.5\",\"text\":\"...\"}\n"
          "integer keys are \"id\"; what is not UTF-8 is \"base64\"")
      .parse();
  if (hold && !refs) throw usage("--hold goes with --zarr-refs");
  if (refs) return dump_refs(call, prefix.value_or(""), hold);

  const auto store = open_to_read(call.store);
  auto records = store.records(prefix.value_or(""));
  std::uint64_t unreadable = 0;
  Error first{Code::damaged};
  for (const Record& record : records) {
    const OwnedKey key(record);
    if (const auto intact = record.intact(); !intact) {
      if (unreadable++ == 0) first = intact.error();
      const auto why = intact.error().message();
      std::fputs(fmt::format("durra: {}: \"{}\": {}\n", escape(call.store), key_text(key), why).c_str(), stderr);
      continue;
    }
    auto json = key_json(key);
    json["stamp"] = stamp_text(record.stamp());
    add_payload(json, record.text());
    std::fputs(line_of(json).c_str(), stdout);
  }
  if (unreadable != 0)
    throw Complaint{
        call.store, first,
        count_text(unreadable, "record") + " unreadable and left out; see: durra verify " + escape(call.store)};
  must(records.status(), call.store);
  return kDone;
}

}  // namespace durra::tools
