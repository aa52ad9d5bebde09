// A text table: columns as wide as their widest cell, two spaces between.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace durra::tools {

class Table {
 public:
  // A title that begins with '>' makes its column right-aligned.
  explicit Table(std::vector<std::string_view> titles);
  void add(std::vector<std::string> row);  // as many cells as titles
  std::string text() const;                // without spaces at line ends

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;  // the first has the titles
};

}  // namespace durra::tools
