// durra put STORE KEY [VALUE]: writes one record; the store is made if it is not there.
#include <durra/store.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/opening.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

std::string all_of_standard_input() {
  std::string all;
  char piece[64 << 10];
  for (std::size_t got; (got = std::fread(piece, 1, sizeof piece, stdin)) > 0;) all.append(piece, got);
  if (std::ferror(stdin) != 0)
    throw Complaint{"standard input", {Code::io, static_cast<std::uint16_t>(errno)}, std::strerror(errno)};
  return all;
}

}  // namespace

int verb_put(Call& call) {
  std::string argument;
  std::optional<std::string> value, condition;
  Put how;
  call.needs_store()
      .needs("KEY", argument, "digits are an integer key; s:7 is the string \"7\"")
      .takes("VALUE", value, "the payload; - or none: standard input; -- before one that begins with -")
      .option("--if", condition, "only if the record's stamp is still this one, or `absent`; else exit 1")
      .flag("--compress", how.compress, "LZ4")
      .parse();
  const auto key = parse_key(argument);
  const auto seen = condition ? std::optional(parse_condition(*condition)) : std::nullopt;
  const auto payload = !value || *value == "-" ? all_of_standard_input() : *value;

  auto store = open_or_create(call.store);
  const auto done = seen ? store.put_if(key, payload, *seen, how) : store.put(key, payload, how);
  const auto stamp = must(done, call.store);
  if (call.json) {
    auto data = key_json(key);
    data["bytes"] = payload.size();
    data["stamp"] = stamp_text(stamp);
    answer(call, std::move(data));
  }
  return kDone;
}

}  // namespace durra::tools
