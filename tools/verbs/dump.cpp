// durra dump STORE [PREFIX]: all records as NDJSON, which `durra import` takes back.
#include <durra/store.h>
#include <fmt/core.h>

#include <cstdio>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/text.h"

namespace durra::tools {

int verb_dump(Call& call) {
  std::optional<std::string> prefix;
  call.needs_store()
      .takes("PREFIX", prefix, "only keys that begin so")
      .footer(
          "one line a record: {\"key\":\"user/1\",\"stamp\":\"118.5\",\"text\":\"...\"}\n"
          "integer keys are \"id\"; what is not UTF-8 is \"base64\"")
      .parse();

  const auto store = open_to_read(call.store);
  auto records = store.records(prefix.value_or(""));
  std::uint64_t unreadable = 0;
  Error first{Code::damaged};
  for (const Record& record : records) {
    const OwnedKey key(record);
    if (const auto intact = record.intact(); !intact) {
      if (unreadable++ == 0) first = intact.error();
      fmt::print(stderr, "durra: {}: \"{}\": {}\n", escape(call.store), key_text(key), intact.error().message());
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
