// Records from text, one after the other: what `import` and the demo put into a store.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tools/input.h"
#include "tools/key.h"

namespace durra::tools {

struct Item {
  OwnedKey key;
  std::string_view payload;  // good until the next one
  std::uint64_t line;        // where it begins
};

// Throws BadInput at what it cannot take, and what its Input throws.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual std::optional<Item> next() = 0;  // empty at the end
};

struct ReaderOptions {
  std::string format = "ndjson";         // or "lines", "paragraphs"
  std::optional<std::string> key_field;  // paragraphs need it; with it, ndjson takes any objects
  std::string key_prefix;
};

void check(const ReaderOptions&);  // throws a Complaint (usage) for options that do not fit each other

// Of options that passed check; `input` must outlive the reader.
std::unique_ptr<Reader> make_reader(Input& input, const ReaderOptions&);

std::unique_ptr<Reader> make_lines_reader(Input&, std::string key_prefix);
std::unique_ptr<Reader> make_ndjson_reader(Input&, std::optional<std::string> key_field, std::string key_prefix);
std::unique_ptr<Reader> make_paragraphs_reader(Input&, std::string key_field, std::string key_prefix);

}  // namespace durra::tools
