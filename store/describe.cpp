// What a block is, in words.
#include "store/describe.h"

#include <algorithm>
#include <mutex>
#include <set>

namespace durra::detail {
namespace {

template <std::size_t N>
std::string text(const std::array<char, N>& padded) {
  return {padded.begin(), std::find(padded.begin(), padded.end(), '\0')};
}

const char* keep(std::string words) {
  static std::mutex mutex;
  static auto& kept = *new std::set<std::string>;  // outlives whoever prints an error at exit
  const std::lock_guard guard(mutex);
  return kept.insert(std::move(words)).first->c_str();
}

}  // namespace

std::string describe(const format::BlockHead& head, std::uint64_t size) {
  std::string words = text(head.type);
  if (const std::string dtype = text(head.dtype); !dtype.empty()) words += " of " + dtype;
  if (head.rank != 0) {
    words += " (";
    const std::uint64_t rank = std::min(head.rank, format::kRankMax);
    for (std::uint64_t i = 0; i < rank; ++i) words += (i == 0 ? "" : ", ") + std::to_string(head.shape[i]);
    words += ")";
  } else if (size != 0) {
    words += ", " + std::to_string(size) + " bytes";
  }
  return words;
}

Error mismatch(const std::string& there, const std::string& wanted) {
  return Error{Code::mismatch, 0, 0, keep("it is " + there + ", not " + wanted)};
}

}  // namespace durra::detail
