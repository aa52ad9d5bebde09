// Paragraphs: fields "Name: value" as in mail headers (RFC 822) and `apt-cache dumpavail`; a line that begins with
// white space continues the field above; a blank line ends the record.  The payload is the paragraph as it stands.
#include <strings.h>

#include "tools/reader.h"

namespace durra::tools {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

class ParagraphsReader : public Reader {
 public:
  ParagraphsReader(Input& input, std::string field, std::string prefix)
      : input_(input), field_(std::move(field)), prefix_(std::move(prefix)) {}

  std::optional<Item> next() override {
    paragraph_.clear();
    key_.reset();
    std::uint64_t begin = 0;
    for (std::string_view line; input_.next(line);) {
      if (line.find_first_not_of(kBlank) == std::string_view::npos) {
        if (begin != 0) break;
        continue;
      }
      if (begin == 0) begin = input_.line_number();
      take(line);
      paragraph_.append(line).push_back('\n');
    }
    if (begin == 0) return std::nullopt;
    if (!key_ || key_->empty()) throw BadInput{begin, "no field \"" + field_ + "\" in the paragraph that begins here"};
    return Item{OwnedKey(prefix_ + *key_), paragraph_, begin};
  }

 private:
  void take(std::string_view line) {
    if (line[0] == ' ' || line[0] == '\t') {
      if (paragraph_.empty()) throw BadInput{input_.line_number(), "a continuation line with no field above it"};
      if (in_key_) key_->append(key_->empty() ? "" : " ").append(trim(line));
      return;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0)
      throw BadInput{input_.line_number(), "expected \"Field: value\""};
    in_key_ = !key_ && colon == field_.size() && strncasecmp(line.data(), field_.data(), colon) == 0;
    if (in_key_) key_ = std::string(trim(line.substr(colon + 1)));
  }

  Input& input_;
  std::string field_, prefix_;
  std::string paragraph_;
  std::optional<std::string> key_;
  bool in_key_ = false;  // the field above is the key's
};

}  // namespace

std::unique_ptr<Reader> make_paragraphs_reader(Input& input, std::string key_field, std::string key_prefix) {
  return std::make_unique<ParagraphsReader>(input, std::move(key_field), std::move(key_prefix));
}

}  // namespace durra::tools
