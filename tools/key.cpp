// Keys on the command line.
#include "tools/key.h"

#include "tools/failure.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

OwnedKey::OwnedKey(const Record& record) {
  if (record.is_text())
    key_ = std::string(record.key());
  else
    key_ = record.id();
}

OwnedKey parse_key(std::string_view argument) {
  if (argument.starts_with("s:"))
    argument.remove_prefix(2);
  else if (all_digits(argument)) {
    const auto id = parse_count(argument);
    if (!id)
      throw usage("key " + std::string(argument) + ": an integer is at most 18446744073709551615; s:… is a string");
    return OwnedKey(*id);
  }
  if (argument.empty()) throw usage("a key has at least one byte");
  return OwnedKey(std::string(argument));
}

std::string key_text(const OwnedKey& key) {
  if (!key.is_text()) return std::to_string(key.id());
  const bool marked = all_digits(key.text()) || key.text().starts_with("s:");
  return (marked ? "s:" : "") + escape(key.text());
}

Stamp parse_condition(const std::string& argument) {
  if (argument == "absent") return absent;
  const auto stamp = parse_stamp(argument);
  if (!stamp) throw usage("--if " + escape(argument) + ": expected a stamp as `get --json` prints it, like 118.5");
  return *stamp;
}

}  // namespace durra::tools
