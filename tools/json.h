// The JSON that the command speaks, schema 1: fields are added, never removed; names carry their units.
#pragma once
#include <durra/result.h>
#include <durra/store.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tools/call.h"
#include "tools/key.h"

namespace durra::tools {

using Json = nlohmann::ordered_json;  // fields as written: easier on people

// One line; bytes that are no UTF-8 (of a path) become U+FFFD.
std::string line_of(const Json&);

// {"durra":1,"verb":…,"store":…,"ok":…, …}: what every answer begins with.
Json envelope(std::string_view verb, std::string_view store, bool ok);
// Prints the envelope with data.
void answer(const Call&, Json data);
Json error_json(const Error&, std::string_view message);

// {"key":"user/1"} | {"id":7} | {"key_base64":…}: never lossy.
Json key_json(const OwnedKey&);
// Adds "text", or "base64" when the payload is not UTF-8.
void add_payload(Json&, std::string_view payload);

std::string base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);  // strict: padded, no white space

}  // namespace durra::tools
