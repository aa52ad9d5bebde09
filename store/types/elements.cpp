// Keys of elements.
#include "store/types/elements.h"

#include <charconv>

namespace durra::detail {

bool is_element(std::string_view key, std::string_view name, std::size_t rank, std::vector<std::size_t>& index) {
  index.clear();
  if (key.size() <= name.size() || !key.starts_with(name) || key[name.size()] != '/') return false;
  const char *at = key.data() + name.size() + 1, *const end = key.data() + key.size();
  while (index.size() != rank) {
    std::size_t i = 0;
    const auto number = std::from_chars(at, end, i);
    if (number.ec != std::errc() || (*at == '0' && number.ptr - at > 1)) return false;
    index.push_back(i);
    at = number.ptr;
    if (at == end) break;
    if (index.size() == rank || *at++ != '.') return false;
  }
  return index.size() == rank && at == end;
}

}  // namespace durra::detail
