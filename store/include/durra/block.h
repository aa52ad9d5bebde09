// Memory in the file that never moves: for what is changed in place, by everybody who has it open, without a record
// for each change.  Array, Counter and Ring are made of it; Boost.Interprocess may put its containers into it
// (managed_external_buffer).
//
// A block begins as zeros.  Each store into it is seen by the others as between threads of one process, so what more
// than one changes must be atomic.  kill -9 leaves what was stored so far.  After a power cut each page is as it was at
// the last sync or later: single words are whole, two of them may be of different moments.
#pragma once
#include <durra/store.h>

namespace durra {
struct FileRange;
namespace detail {
class Blocks;
struct OpenBlock;
}  // namespace detail

// The dimensions of an array, the last one contiguous; 1 to 12 of them.
using Shape = std::vector<std::size_t>;

// One opening of a block.  Move-only; may be used from any thread, outlives its Store, keeps the block in place.  In a
// forked child its memory is not there: open the store again.  Where locks go with descriptors (overlayfs), a process
// that closed those of the store (closefrom) keeps nothing in place: when the name is dropped, the memory may become
// another's, and who still writes there damages it.  Stop at the first `evicted`.
class Block {
 public:
  // Creates or attaches.  `size` in bytes, at most a quarter of max_size; `align` a power of two from 8 to 4,096,
  // for who creates it: who attaches gets what that one asked for.  Errors: `mismatch` if another type or size has the
  // name, and those of put; `sync_lost` when it could not be made durable, on a disk.
  static Result<Block> open(Store&, std::string_view name, std::size_t size, std::size_t align = 64);

  std::span<std::byte> bytes() & noexcept { return {memory_, size_}; }
  std::span<const std::byte> bytes() const& noexcept { return {memory_, size_}; }
  std::span<const std::byte> bytes() && = delete;  // keep the Block while you look at its memory

  Block(Block&&) noexcept;
  Block& operator=(Block&&) noexcept;
  ~Block();

 private:
  friend class detail::Blocks;
  Block() = default;
  std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  detail::Handle* handle_ = nullptr;
  std::uint64_t region_ = 0;
  Shape shape_;
};

namespace detail {

// What types of the library are made with: a block that says what it is.
struct BlockKind {
  std::string_view type;   // at most 16 bytes
  std::string_view dtype;  // as NumPy writes it; at most 8 bytes
  Shape shape;
};
class Blocks {
 public:
  // As Block::open; `mismatch` also when the kind is another, and the message says both.
  static Result<Block> open(Store&, std::string_view name, const BlockKind&, std::size_t size, std::size_t align = 64);
  // What is there, whatever its shape: `not_found`; `mismatch` if it has another type or dtype.
  static Result<Block> attach(Store&, std::string_view name, const BlockKind&);
  // The same for who believes the shape: `mismatch` also unless the memory is `before` bytes and behind them an element
  // for each place in the shape.  A head is as somebody made it, and that may have been another build.
  struct Layout {
    std::size_t rank;     // dimensions; 0: any number from 1 on
    std::size_t element;  // bytes
    std::size_t before = 0;
  };
  static Result<Block> attach(Store&, std::string_view name, const BlockKind&, const Layout&);
  // The names of all blocks of this type that begin so, in order.
  static Result<std::vector<std::string>> names(const Store&, std::string_view type, std::string_view prefix);
  // What has this name, of whatever type: `not_found`.  The views live as long as the answer.
  struct Found {
    Block block;
    std::string type, dtype;
    BlockKind kind() const { return {type, dtype, block.shape_}; }
  };
  static Result<Found> find(Store&, std::string_view name);

  static std::byte* memory(const Block& b) noexcept { return b.memory_; }
  static FileRange range(const Block&) noexcept;
  static const Shape& shape(const Block& b) noexcept { return b.shape_; }

 private:
  static Block made(Handle&, const OpenBlock&);
};

// Bytes of `of` elements in each dimension.  `invalid` without dimensions, for more than 12, or where one is 0;
// `too_large` where the product is no size.
Result<std::size_t> size_of_shape(const Shape& of, std::size_t element);

}  // namespace detail
}  // namespace durra
