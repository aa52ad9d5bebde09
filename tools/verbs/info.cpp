// durra info STORE: the store in six lines.
#include <durra/care.h>
#include <fmt/core.h>

#include <array>
#include <cstring>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/findings.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/scratch.h"
#include "tools/terminal.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

std::string uuid_text(const std::array<std::uint8_t, 16>& uuid) {
  std::string text;
  for (std::size_t i = 0; i < uuid.size(); ++i)
    text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
  return text;
}

const char* opened_text(Opened opened) {
  switch (opened) {
    case Opened::created: return "created just now";
    case Opened::warm: return "others have it open; index used as it was";
    case Opened::clean: return "closed in order; index used as it was";
    case Opened::same_boot: return "same boot; index used as it was";
    case Opened::rebuilt: return "index rebuilt from the records";
  }
  return "";
}

std::string durability_text(const Stats& s) {
  if (s.sync_errno != 0)
    return fmt::format("sync_lost: a flush failed ({}); no sync is believed until the store is copied: durra backup",
                       std::strerror(s.sync_errno));
  const std::string last = s.syncs == 0 ? "no sync yet"
                                        : fmt::format("{}, the last {}; none has failed", count_text(s.syncs, "sync"),
                                                      utc_text(s.synced_ns));
  return "every put survives the death of any process; " + last;
}

Json json_of(const Stats& s, const std::string& place) {
  return {{"format", s.format},
          {"uuid", uuid_text(s.uuid)},
          {"created", utc_iso(s.created_ns)},
          {"place", place},
          {"file_bytes", s.file_bytes},
          {"disk_bytes", s.disk_bytes},
          {"reserved_bytes", s.reserved_bytes},
          {"region_size_bytes", s.region_size},
          {"live_records", s.live_records},
          {"live_bytes", s.live_bytes},
          {"garbage_bytes", s.garbage_bytes},
          {"regions",
           {{"count", s.region_count},
            {"free", s.regions_free},
            {"open", s.regions_open},
            {"partial", s.regions_partial},
            {"sealed", s.regions_sealed},
            {"index", s.regions_index},
            {"other", s.regions_other}}},
          {"seats_taken", s.seats_taken},
          {"seats_dead", s.seats_dead},
          {"seat_count", s.seat_count},
          {"processes", s.processes},
          {"oldest_pin_age_ns", s.oldest_pin_ns},
          {"durability", "process"},
          {"syncs", s.syncs},
          {"synced_ns", s.synced_ns},
          {"sync_errno", s.sync_errno},
          {"rebuilds", s.rebuilds},
          {"opened", name(s.opened)},
          {"open_duration_ns", s.open_ns}};
}

void print(const Stats& s, const std::string& path, const std::string& place) {
  const auto data = s.regions_open + s.regions_partial + s.regions_sealed;
  fmt::print("{:<12} format {}, {} on disk, {} reserved, regions of {}, created {}\n", escape(path), s.format,
             size_text(s.disk_bytes), size_text(s.reserved_bytes), size_text(s.region_size), utc_text(s.created_ns));
  fmt::print("{:<12} {} live in {}, {} garbage ({})\n", "records", count_text(s.live_records), size_text(s.live_bytes),
             size_text(s.garbage_bytes), percent_text(s.garbage_bytes, s.live_bytes + s.garbage_bytes));
  if (s.unreadable)
    fmt::print("{:<12} {}; what cannot be read is counted as garbage; see: durra verify {}\n", "",
               damage_text(s.unreadable->message()), escape(path));
  fmt::print("{:<12} {}: data {} ({} open, {} partial, {} sealed), index {}, free {}{}\n", "regions", s.region_count,
             data, s.regions_open, s.regions_partial, s.regions_sealed, s.regions_index, s.regions_free,
             s.regions_other == 0 ? "" : fmt::format(", other {}", s.regions_other));
  fmt::print("{:<12} {}, {} of {} seats taken{}; {}{}\n", "in use", count_text(s.processes, "process"), s.seats_taken,
             count_text(s.seat_count), s.seats_dead == 0 ? "" : fmt::format(" ({} by the dead)", s.seats_dead),
             s.oldest_pin_ns == 0 ? "nothing pinned" : "oldest pin " + duration_text(s.oldest_pin_ns),
             s.processes == 0 ? "" : "          more: durra who " + escape(path));
  fmt::print("{:<12} {}\n", "durability", durability_text(s));
  fmt::print("{:<12} in {} ({})\n", "opened", duration_text(s.open_ns), opened_text(s.opened));
  if (place.starts_with("tmpfs")) fmt::print("{:<12} {}: gone with the machine\n", "lies on", place);
  if (place.starts_with("overlay"))
    fmt::print(
        "{:<12} {}: a process that closes foreign descriptors loses its seat, and the first to open after the last\n"
        "{:<12} has closed may rebuild the index; a volume is better\n",
        "lies on", place, "");
}

}  // namespace

int verb_info(Call& call) {
  bool rebuild = false;
  call.needs_store()
      .flag("--rebuild", rebuild, "first rebuild the index from the records; nobody else may have the store open")
      .parse();
  const auto store = rebuild ? open_to_rebuild(call.store) : open_to_read(call.store);
  const auto all = must(stats(store), call.store);
  const auto place = place_text(call.store);
  if (call.json) return answer_in_part(call, json_of(all, place), all.unreadable);
  print(all, call.store, place);
  return all.unreadable ? kDamage : kDone;
}

}  // namespace durra::tools
