// durra tail STORE [PREFIX]: puts and erases as NDJSON, from where a named tail was left, or as they come.
#include <durra/store.h>
#include <fmt/core.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/interrupt.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 100ms;                // between two looks at ^C
constexpr std::uint64_t kSavedEvery = 1000;  // lines

void print(const Record& record) {
  auto json = key_json(OwnedKey(record));
  json["stamp"] = stamp_text(record.stamp());
  if (record.erased())
    json["erased"] = true;
  else
    add_payload(json, record.text());
  std::fputs(line_of(json).c_str(), stdout);
}

// What was printed is out before it counts as shown.
void save(Tail& tail, bool named, const std::string& path) {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Complaint{
        path, {Code::io, static_cast<std::uint16_t>(errno)}, "cannot write to stdout; the position was not saved"};
  if (named) must(tail.save(), path);
}

void show(Tail& tail, bool named, bool follow, const std::string& path) {
  for (std::uint64_t unsaved = 0; !interrupted();) {
    auto record = tail.next(unsaved == 0 && follow ? Duration(kLook) : Duration::zero());
    if (record) {
      print(*record);
      if (++unsaved < kSavedEvery) continue;
    } else if (record.error().code != Code::timeout) {
      throw complaint(path, record.error());
    }
    const bool idle = !record;
    if (unsaved != 0) save(tail, named, path);
    if (idle && !follow) return;
    unsaved = 0;
  }
}

}  // namespace

int verb_tail(Call& call) {
  std::optional<std::string> prefix, name;
  bool follow = false;
  call.needs_store()
      .takes("PREFIX", prefix, "only keys that begin so")
      .option("--name", name, "go on where this tail was left, the first time from the oldest record")
      .flag("--follow", follow, "wait for more; without a name: only what comes from now on")
      .footer(
          "one line a version, as durra dump prints it; {\"key\":\"user/1\",\"stamp\":\"118.7\",\"erased\":true} of an "
          "erase\n"
          "a version that was superseded before it was looked at may be left out")
      .parse();
  if (!name && !follow) throw usage("tail: what is to come takes --follow, what was left takes --name NAME");

  const InterruptGuard guard;
  auto store = open_to_change(call.store);
  auto tail = must(name ? Tail::open(store, *name, prefix.value_or("")) : Tail::from_now(store, prefix.value_or("")),
                   call.store);
  show(tail, name.has_value(), follow, call.store);
  return kDone;
}

}  // namespace durra::tools
