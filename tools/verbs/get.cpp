// durra get STORE KEY: the payload, nothing else.
#include <cstdio>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/text.h"

namespace durra::tools {

int verb_get(Call& call) {
  std::string argument;
  call.needs_store().needs("KEY", argument, "digits are an integer key; s:7 is the string \"7\"").parse();
  const auto key = parse_key(argument);

  const auto store = open_to_read(call.store);
  const auto record = store.get(key);
  if (!record && record.error().code == Code::not_found)
    throw Complaint{call.store, record.error(), "no record \"" + key_text(key) + "\""};
  if (!record) throw complaint(call.store, record.error());
  must(record->intact(), call.store);
  if (call.json) {
    auto data = key_json(key);
    data["bytes"] = record->bytes().size();
    data["stamp"] = stamp_text(record->stamp());
    add_payload(data, record->text());
    answer(call, std::move(data));
  } else {
    std::fwrite(record->bytes().data(), 1, record->bytes().size(), stdout);
  }
  return kDone;
}

}  // namespace durra::tools
