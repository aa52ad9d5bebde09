// NDJSON: what `dump` prints, or with a key field any objects, kept as the lines they are.
#include "tools/json.h"
#include "tools/reader.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

class NdjsonReader : public Reader {
 public:
  NdjsonReader(Input& input, std::optional<std::string> field, std::string prefix)
      : input_(input), field_(std::move(field)), prefix_(std::move(prefix)) {}

  std::optional<Item> next() override {
    for (std::string_view line; input_.next(line);) {
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      const auto object = parse(line);
      if (field_) return Item{prefixed(key_of(object, field_->c_str())), line, input_.line_number()};
      return Item{prefixed(dumped_key(object)), dumped_payload(object), input_.line_number()};
    }
    return std::nullopt;
  }

 private:
  using Object = nlohmann::json;

  [[noreturn]] void refuse(const std::string& what) const { throw BadInput{input_.line_number(), what}; }

  Object parse(std::string_view line) const {
    try {
      auto object = Object::parse(line.begin(), line.end());
      if (object.is_object()) return object;
    } catch (const Object::parse_error& e) {
      refuse("not JSON, at column " + std::to_string(e.byte));
    } catch (const Object::exception&) {
      refuse("not JSON: a number out of range");
    }
    refuse("not a JSON object");
  }

  OwnedKey key_of(const Object& object, const char* field) const {
    const auto found = object.find(field);
    if (found == object.end()) refuse("no field \"" + std::string(field) + "\"");
    if (found->is_number_unsigned()) return OwnedKey(found->get<std::uint64_t>());
    if (!found->is_string())
      refuse("field \"" + std::string(field) + "\" is neither a string nor an integer up to 2^64 - 1");
    return OwnedKey(found->get<std::string>());
  }

  OwnedKey dumped_key(const Object& object) const {
    if (object.contains("id")) return key_of(object, "id");
    if (object.contains("key_base64")) return OwnedKey(bytes_of_base64(object, "key_base64"));
    if (!object.contains("key")) refuse("no \"key\" and no \"id\"; for other objects name the key: --key-field NAME");
    return key_of(object, "key");
  }

  std::string_view dumped_payload(const Object& object) {
    if (const auto text = object.find("text"); text != object.end() && text->is_string())
      payload_ = text->get<std::string>();
    else if (object.contains("base64"))
      payload_ = bytes_of_base64(object, "base64");
    else
      refuse("no \"text\" and no \"base64\"; for other objects name the key: --key-field NAME");
    return payload_;
  }

  std::string bytes_of_base64(const Object& object, const char* field) const {
    const auto& value = object[field];
    auto bytes = value.is_string() ? from_base64(value.get_ref<const std::string&>()) : std::nullopt;
    if (!bytes) refuse("field \"" + std::string(field) + "\" is not base64");
    return *std::move(bytes);
  }

  OwnedKey prefixed(OwnedKey key) const {
    if (prefix_.empty()) return key;
    return OwnedKey(prefix_ + (key.is_text() ? key.text() : std::to_string(key.id())));
  }

  Input& input_;
  std::optional<std::string> field_;
  std::string prefix_, payload_;
};

}  // namespace

std::unique_ptr<Reader> make_ndjson_reader(Input& input, std::optional<std::string> key_field, std::string key_prefix) {
  return std::make_unique<NdjsonReader>(input, std::move(key_field), std::move(key_prefix));
}

}  // namespace durra::tools
