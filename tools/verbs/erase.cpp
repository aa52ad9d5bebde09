// durra erase STORE KEY: erases one record.
#include <durra/store.h>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/text.h"

namespace durra::tools {

int verb_erase(Call& call) {
  std::string argument;
  std::optional<std::string> condition;
  call.needs_store()
      .needs("KEY", argument, "digits are an integer key; s:7 is the string \"7\"")
      .option("--if", condition, "only if the record's stamp is still this one; else exit 1")
      .parse();
  const auto key = parse_key(argument);
  const auto seen = condition ? std::optional(parse_condition(*condition)) : std::nullopt;

  auto store = open_to_change(call.store);
  const auto done = seen ? store.erase_if(key, *seen) : store.erase(key);
  if (!done && done.error().code == Code::not_found)
    throw Complaint{call.store, done.error(), "no record \"" + key_text(key) + "\""};
  must(done, call.store);
  if (call.json) answer(call, key_json(key));
  return kDone;
}

}  // namespace durra::tools
