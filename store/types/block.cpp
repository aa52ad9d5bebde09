// The public face of blocks.
#include <durra/block.h>
#include <durra/care.h>

#include <algorithm>
#include <cstring>

#include "store/block.h"

namespace durra {
namespace {

format::BlockHead as_head(const detail::BlockKind& kind) noexcept {
  format::BlockHead head{};
  std::copy_n(kind.type.data(), std::min(kind.type.size(), head.type.size()), head.type.data());
  std::copy_n(kind.dtype.data(), std::min(kind.dtype.size(), head.dtype.size()), head.dtype.data());
  head.rank = kind.shape.size();
  std::copy_n(kind.shape.begin(), std::min(kind.shape.size(), head.shape.size()), head.shape.begin());
  return head;
}

bool fits(const detail::OpenBlock& b, const detail::Blocks::Layout& l) {
  if (b.head.rank > format::kRankMax || (l.rank != 0 && b.head.rank != l.rank)) return false;
  const auto size = detail::size_of_shape({b.head.shape.begin(), b.head.shape.begin() + b.head.rank}, l.element);
  return size && b.size >= l.before && b.size - l.before == *size;
}

}  // namespace

Block::Block(Block&& o) noexcept
    : memory_(o.memory_),
      size_(o.size_),
      handle_(std::exchange(o.handle_, nullptr)),
      region_(o.region_),
      shape_(std::move(o.shape_)) {}

Block& Block::operator=(Block&& o) noexcept {
  if (this == &o) return *this;
  this->~Block();
  return *new (this) Block(std::move(o));
}

Block::~Block() {
  if (handle_ == nullptr || handle_->forked()) return;
  detail::release_hold(*handle_, region_);
  detail::Handle::unrefer(handle_);
}

Result<Block> Block::open(Store& store, std::string_view name, std::size_t size, std::size_t align) {
  return detail::Blocks::open(store, name, {"block", "", {}}, size, align);
}

FileRange file_range(const Block& b) { return detail::Blocks::range(b); }

namespace detail {

FileRange Blocks::range(const Block& b) noexcept {
  return {static_cast<std::uint64_t>(b.memory_ - b.handle_->space.base()), b.size_, false};
}

Block Blocks::made(Handle& h, const OpenBlock& open) {
  Block b;
  b.memory_ = open.memory;
  b.size_ = open.size;
  b.region_ = open.region;
  b.handle_ = &h;
  h.refer();  // from here on the block lets go of its region, also when there is no memory for its shape
  b.shape_.assign(open.head.shape.begin(), open.head.shape.begin() + std::min(open.head.rank, format::kRankMax));
  return b;
}

Result<Block> Blocks::open(Store& store, std::string_view name, const BlockKind& kind, std::size_t size,
                           std::size_t align) {
  Handle& h = *handle_of(store);
  if (align > format::kAlignMax) return Error{Code::invalid, 0, align, "align is a power of two from 8 to 4,096"};
  const auto open = open_block(h, name, {as_head(kind), size, static_cast<std::uint32_t>(align), {}});
  if (!open) return open.error();
  return made(h, *open);
}

Result<Block> Blocks::attach(Store& store, std::string_view name, const BlockKind& kind) {
  Handle& h = *handle_of(store);
  const auto open = attach_block(h, name, as_head(kind));
  if (!open) return open.error();
  return made(h, *open);
}

Result<Block> Blocks::attach(Store& store, std::string_view name, const BlockKind& kind, const Layout& layout) {
  Handle& h = *handle_of(store);
  const auto open = attach_block(h, name, as_head(kind));
  if (!open) return open.error();
  Block block = made(h, *open);  // lets go of it
  if (!fits(*open, layout)) return Error{Code::mismatch, 0, open->size, "the block's shape is not that of its memory"};
  return block;
}

Result<Blocks::Found> Blocks::find(Store& store, std::string_view name) {
  Handle& h = *handle_of(store);
  const auto open = attach_block(h, name);
  if (!open) return open.error();
  const auto text = [](const auto& padded) {
    return std::string(padded.begin(), std::find(padded.begin(), padded.end(), '\0'));
  };
  return Found{made(h, *open), text(open->head.type), text(open->head.dtype)};
}

Result<std::vector<std::string>> Blocks::names(const Store& store, std::string_view type, std::string_view prefix) {
  auto all = blocks(*handle_of(store), prefix);
  if (!all) return all.error();
  const auto wanted = as_head({type, "", {}}).type;
  std::vector<std::string> names;
  for (NamedBlock& b : *all)
    if (b.head.type == wanted) names.push_back(std::move(b.name));
  std::ranges::sort(names);
  return names;
}

Result<std::size_t> size_of_shape(const Shape& of, std::size_t element) {
  if (of.empty() || of.size() > format::kRankMax)
    return Error{Code::invalid, 0, of.size(), "an array has 1 to 12 dimensions"};
  std::size_t size = element;
  for (const std::size_t n : of) {
    if (n == 0) return Error{Code::invalid, 0, 0, "a dimension is 0"};
    if (__builtin_mul_overflow(size, n, &size))
      return Error{Code::too_large, 0, format::kPayloadSizeMax, "the product of the shape is too large"};
  }
  return size;
}

}  // namespace detail
}  // namespace durra
