// A text table.
#include "tools/table.h"

#include <algorithm>

#include "tools/text.h"

namespace durra::tools {

Table::Table(std::vector<std::string_view> titles) {
  rows_.emplace_back();
  for (auto title : titles) {
    right_.push_back(title.starts_with('>'));
    rows_[0].emplace_back(title.substr(right_.back()));
  }
}

void Table::add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

std::string Table::text() const {
  std::vector<std::size_t> widths(right_.size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - width_of(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (right_[i] ? pad + row[i] : row[i] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

}  // namespace durra::tools
