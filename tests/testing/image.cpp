// The file after each event of a trace, and its hash, of which only the pages that changed are counted again.
#include <algorithm>

#include <durra/testing/trace.h>
#include "format/checksum.h"

namespace durra::testing {
namespace {

constexpr std::uint64_t kPage = 4096;

}  // namespace

// A page that is all zeros counts nothing, so that a length alone changes no page's hash.
void Image::hash_pages(std::uint64_t from, std::uint64_t to) {
  static const std::string zeros(kPage, '\0');
  pages_.resize((bytes_.size() + kPage - 1) / kPage);
  for (std::uint64_t page = from / kPage; page * kPage < std::min<std::uint64_t>(to, bytes_.size()); ++page) {
    const std::string_view bytes = std::string_view(bytes_).substr(page * kPage, kPage);
    hash_ -= pages_[page];
    pages_[page] = bytes == std::string_view(zeros).substr(0, bytes.size())
                       ? 0
                       : format::mix64(format::hash64(bytes.data(), bytes.size(), page + 1));
    hash_ += pages_[page];
  }
}

bool Image::next() {
  if (next_ == trace_.events().size()) return false;
  const Event& e = trace_.events()[next_++];
  switch (e.kind) {
    case Event::Kind::file:
      exists_ = true;
      bytes_ = e.bytes;
      hash_pages(0, bytes_.size());
      break;
    case Event::Kind::store:
      std::copy(e.bytes.begin(), e.bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(e.offset));
      hash_pages(e.offset, e.offset + e.size);
      break;
    case Event::Kind::length: {
      const std::uint64_t before = std::min<std::uint64_t>(bytes_.size(), e.size);
      for (std::uint64_t page = e.size / kPage; page < pages_.size(); ++page) hash_ -= pages_[page];
      for (std::uint64_t page = e.size / kPage; page < pages_.size(); ++page) pages_[page] = 0;
      bytes_.resize(e.size);
      hash_pages(before, e.size);
      break;
    }
    default: break;
  }
  return true;
}

std::uint64_t Image::hash() const noexcept { return hash_ + format::mix64(bytes_.size() + exists_); }

bool Image::lasts() const noexcept {
  if (next_ == trace_.events().size()) return true;
  const Event &now = event(), &then = trace_.events()[next_];
  const bool grew = now.kind == Event::Kind::length && then.kind == Event::Kind::store;
  return !(grew && now.instruction == then.instruction && then.offset + then.size <= now.size &&
           now.size - then.offset <= kPage);
}

}  // namespace durra::testing
