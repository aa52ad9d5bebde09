// Which keys under NAME/ are a list's or a chunked array's own: those that it makes itself, and nothing like them.
#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

namespace durra::detail {

// Whether `key` is NAME/I.J… with `rank` indices, each as std::to_string writes it: "3.4", but not "3", "03.4", "3.4.".
// An item of a list has one.  Then `index` has them.
bool is_element(std::string_view key, std::string_view name, std::size_t rank, std::vector<std::size_t>& index);

}  // namespace durra::detail
