// Keys and stamps on the command line: digits are an integer key, anything else is a string; s:7 is the string "7".
#pragma once
#include <durra/store.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace durra::tools {

// A key that owns its bytes, and gives them to the library.
class OwnedKey {
 public:
  explicit OwnedKey(std::uint64_t id) : key_(id) {}
  explicit OwnedKey(std::string text) : key_(std::move(text)) {}
  explicit OwnedKey(const Record&);

  operator Key() const& {  // implicit, so that store.get(key) reads as with any other key
    return is_text() ? Key(std::string_view(text())) : Key(id());
  }
  operator Key() && = delete;
  bool is_text() const noexcept { return key_.index() == 1; }
  std::uint64_t id() const { return std::get<0>(key_); }
  const std::string& text() const { return std::get<1>(key_); }
  friend bool operator==(const OwnedKey&, const OwnedKey&) = default;
  friend bool operator<(const OwnedKey& a, const OwnedKey& b) { return a.key_ < b.key_; }  // numbers first

 private:
  std::variant<std::uint64_t, std::string> key_;
};

// Throws a Complaint (usage) for an empty key and for digits beyond 2^64-1.
OwnedKey parse_key(std::string_view argument);
// What parse_key would take for the same key; escaped where a terminal needs it.
std::string key_text(const OwnedKey&);

// What --if takes: "118.5" or "absent".
Stamp parse_condition(const std::string& argument);

}  // namespace durra::tools
