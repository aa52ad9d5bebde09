// durra who STORE: who is at work in it.
#include <durra/care.h>

#include <cstdio>
#include <ctime>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/table.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

Json json_of(const SeatInfo& s) {
  return {{"seat", s.seat},
          {"pid", s.pid},
          {"tid", s.tid},
          {"command", s.command},
          {"alive", s.alive},
          {"since", utc_iso(s.since_ns)},
          {"puts", s.puts},
          {"gets", s.gets},
          {"erases", s.erases},
          {"conflicts", s.conflicts},
          {"put_bytes", s.bytes},
          {"open_regions", s.open_regions},
          {"pins", s.pins},
          {"pin_age_ns", s.pin_age_ns},
          {"held_back_bytes", s.held_back_bytes}};
}

std::string role_of(const SeatInfo& s) {
  const bool writes = s.puts + s.erases > 0, reads = s.gets > 0;
  return writes && reads ? "writes, reads" : writes ? "writes" : reads ? "reads" : "-";
}

std::string list_of(const std::vector<std::uint64_t>& regions) {
  std::string text;
  for (auto region : regions) text += (text.empty() ? "" : " ") + std::to_string(region);
  return text.empty() ? "-" : text;
}

}  // namespace

int verb_who(Call& call) {
  call.needs_store().parse();
  const auto store = open_to_read(call.store);
  const auto seats = must(participants(store), call.store);
  if (call.json) {
    Json list = Json::array();
    for (const auto& s : seats) list.push_back(json_of(s));
    answer(call, {{"seats", std::move(list)}});
    return kDone;
  }
  const auto now_ns = static_cast<std::uint64_t>(std::time(nullptr)) * 1'000'000'000;
  Table table({">SEAT", ">PID", "COMMAND", "SINCE", "ROLE", ">PUTS", ">REGION", ">PIN AGE", ">HOLDS BACK", "NOTE"});
  for (const auto& s : seats)
    table.add({std::to_string(s.seat), std::to_string(s.pid), escape(s.command), utc_short(s.since_ns, now_ns),
               role_of(s), count_text(s.puts + s.erases), list_of(s.open_regions),
               s.pins == 0 || !s.alive ? "-" : duration_text(s.pin_age_ns),
               s.held_back_bytes == 0 ? "-" : size_text(s.held_back_bytes),
               s.alive ? "" : "dead; whoever opens the store next clears it away"});
  std::fputs(table.text().c_str(), stdout);
  return kDone;
}

}  // namespace durra::tools
