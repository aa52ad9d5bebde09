// durra regions STORE: what each region holds.
#include <durra/care.h>
#include <fmt/core.h>

#include <cstdio>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/findings.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/table.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

Json json_of(const RegionInfo& r) {
  return {{"region", r.number},
          {"offset", r.offset},
          {"generation", r.generation},
          {"regions", r.regions},
          {"state", r.state},
          {"type", r.type},
          {"owner_seat", r.owner_pid == 0 ? Json() : Json(r.owner_seat)},
          {"owner_pid", r.owner_pid == 0 ? Json() : Json(r.owner_pid)},
          {"used_bytes", r.used_bytes},
          {"live_bytes", r.live_bytes},
          {"records", r.records},
          {"live_records", r.live_records}};
}

}  // namespace

int verb_regions(Call& call) {
  call.needs_store().parse();
  const auto store = open_to_read(call.store);
  const auto all = must(regions(store), call.store);
  const auto whole = must(stats(store), call.store);
  if (call.json) {
    Json list = Json::array();
    for (const auto& r : all) list.push_back(json_of(r));
    return answer_in_part(call, {{"regions", std::move(list)}}, whole.unreadable);
  }
  Table table(
      {">REGION", ">OFFSET", "TYPE", "STATE", ">OWNER", ">USED", ">LIVE", ">RECORDS", "# live  . garbage  _ empty"});
  for (const auto& r : all) {
    const bool data = r.type == "data" && r.used_bytes != 0;
    const auto number =
        r.regions > 1 ? fmt::format("{}-{}", r.number, r.number + r.regions - 1) : std::to_string(r.number);
    table.add({number, hex_text(r.offset), r.state == "free" ? "-" : r.type, r.state,
               r.owner_pid == 0 ? "-" : std::to_string(r.owner_pid),
               percent_text(r.used_bytes, whole.region_size * std::max<std::uint64_t>(r.regions, 1)),
               data ? percent_text(r.live_bytes, r.used_bytes) : "-", data ? count_text(r.records) : "-",
               data ? r.picture : ""});
  }
  std::fputs(table.text().c_str(), stdout);
  if (whole.unreadable) throw complaint(call.store, *whole.unreadable);
  return kDone;
}

}  // namespace durra::tools
