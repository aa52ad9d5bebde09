// Chooses the reader; the simplest of them, a record a line, is here.
#include "tools/reader.h"

#include "tools/failure.h"

namespace durra::tools {
namespace {

class LinesReader : public Reader {
 public:
  LinesReader(Input& input, std::string prefix) : input_(input), prefix_(std::move(prefix)) {}

  std::optional<Item> next() override {
    std::string_view line;
    if (!input_.next(line)) return std::nullopt;
    const auto number = input_.line_number();
    return Item{prefix_.empty() ? OwnedKey(number) : OwnedKey(prefix_ + std::to_string(number)), line, number};
  }

 private:
  Input& input_;
  std::string prefix_;
};

}  // namespace

std::unique_ptr<Reader> make_lines_reader(Input& input, std::string key_prefix) {
  return std::make_unique<LinesReader>(input, std::move(key_prefix));
}

void check(const ReaderOptions& options) {
  if (options.format == "lines" && options.key_field)
    throw usage("--key-field: lines have no fields; their key is the line's number");
  if (options.format == "paragraphs" && (!options.key_field || options.key_field->empty()))
    throw usage("--format paragraphs: name the field that is the key, as in --key-field Package");
}

std::unique_ptr<Reader> make_reader(Input& input, const ReaderOptions& options) {
  if (options.format == "lines") return make_lines_reader(input, options.key_prefix);
  if (options.format == "paragraphs") return make_paragraphs_reader(input, *options.key_field, options.key_prefix);
  return make_ndjson_reader(input, options.key_field, options.key_prefix);
}

}  // namespace durra::tools
