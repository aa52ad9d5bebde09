// The JSON that the command speaks.
#include "tools/json.h"

#include <array>
#include <cstdio>

#include "tools/text.h"

namespace durra::tools {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n'; }

Json envelope(std::string_view verb, std::string_view store, bool ok) {
  Json json{{"durra", 1}, {"verb", verb}};
  if (!store.empty()) json["store"] = store;
  json["ok"] = ok;
  return json;
}

void answer(const Call& call, Json data) {
  Json json = envelope(call.verb.name, call.store, true);
  json["data"] = std::move(data);
  std::fputs(line_of(json).c_str(), stdout);
}

Json error_json(const Error& e, std::string_view message) {
  Json json{{"code", name(e.code)}};
  if (e.code == Code::damaged) json["offset"] = e.detail;
  if (e.code == Code::full && (e.errno_value != 0 || e.available != 0)) {
    json["needed_bytes"] = e.detail;
    json[e.errno_value != 0 ? "available_bytes" : "limit_bytes"] = e.available;
  }
  if (e.code == Code::too_large && e.detail != 0) json["limit_bytes"] = e.detail;
  if (e.code == Code::busy && e.detail != 0) json["pid"] = e.detail;
  if (e.errno_value != 0) json["errno"] = e.errno_value;
  json["message"] = message;
  return json;
}

Json key_json(const OwnedKey& key) {
  if (!key.is_text()) return {{"id", key.id()}};
  if (valid_utf8(key.text())) return {{"key", key.text()}};
  return {{"key_base64", base64(key.text())}};
}

void add_payload(Json& json, std::string_view payload) {
  if (valid_utf8(payload))
    json["text"] = payload;
  else
    json["base64"] = base64(payload);
}

std::string base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = i; k < i + 3; ++k)
      word = word << 8 | (k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0u);
    for (unsigned k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : kDigits[word >> (18 - 6 * k) & 63];
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  static const auto kValues = [] {
    std::array<std::int8_t, 256> values;
    values.fill(-1);
    for (std::size_t i = 0; i < kDigits.size(); ++i)
      values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
    return values;
  }();
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t pad = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(pad);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t word = 0;
  unsigned bits = 0;
  for (char c : text) {
    const auto value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    word = word << 6 | static_cast<std::uint32_t>(value);
    if (bits += 6; bits >= 8) bytes += static_cast<char>(word >> (bits -= 8) & 0xff);
  }
  if ((word & ((1u << bits) - 1)) != 0) return std::nullopt;  // stray bits: some other encoder's mistake
  return bytes;
}

}  // namespace durra::tools
