// An array in the file, shared by all who open its name: NumPy's dtype and shape, row-major, changed in place.
//
//   auto image = durra::Array<std::uint8_t>::open(store, "image", {1080, 1920, 3}).value();
//   for (auto& x : image.row(7)) x = std::min(255, x * 12 / 10);
//
// Elements are plain memory: different processes may write different elements at the same time, and what two write at
// once must go through atomic().  kill -9 leaves each element old or new.  After a power cut each 4 KiB page is as it
// was at the last sync or later.
#pragma once
#include <durra/block.h>
#include <durra/dtype.h>

#include <array>
#include <atomic>
#include <cassert>

namespace durra {

// Move-only; any thread.  Its spans are good while it lives, and not in a forked child.
template <Element T>
class Array {
 public:
  // Creates, zeros, or attaches.  `mismatch` if the name has another dtype or shape: the message says both.
  // `invalid` for a shape without dimensions, with more than 12, or with a 0; `too_large` beyond a quarter of max_size.
  static Result<Array> open(Store& store, std::string_view name, Shape shape) {
    const auto size = detail::size_of_shape(shape, sizeof(T));
    if (!size) return size.error();
    return of(detail::Blocks::open(store, name, {"array", dtype_of<T>(), std::move(shape)}, *size));
  }
  // What is there, of whatever shape: `not_found`, `mismatch` if it is no array of T, or not as large as it says.
  static Result<Array> attach(Store& store, std::string_view name) {
    return of(detail::Blocks::attach(store, name, {"array", dtype_of<T>(), {}}, {.rank = 0, .element = sizeof(T)}));
  }

  const Shape& shape() const noexcept { return detail::Blocks::shape(block_); }
  std::size_t size() const noexcept { return count_; }  // elements

  // All elements, the last dimension contiguous.
  std::span<T> values() & noexcept { return {data_, count_}; }
  std::span<const T> values() const& noexcept { return {data_, count_}; }
  std::span<T> values() && = delete;  // keep the Array while you look at its elements
  // Everything with first index i.  Not checked.
  std::span<T> row(std::size_t i) & noexcept {
    assert(i < shape()[0]);
    return {data_ + i * row_size_, row_size_};
  }
  std::span<const T> row(std::size_t i) const& noexcept {
    assert(i < shape()[0]);
    return {data_ + i * row_size_, row_size_};
  }
  std::span<T> row(std::size_t) && = delete;

  // The element at these indices, as many as there are dimensions.  Not checked, but by assert.
  template <std::convertible_to<std::size_t>... I>
  T& operator()(I... index) noexcept {
    return data_[position({static_cast<std::size_t>(index)...})];
  }
  template <std::convertible_to<std::size_t>... I>
  const T& operator()(I... index) const noexcept {
    return data_[position({static_cast<std::size_t>(index)...})];
  }
  // The same, checked: `invalid`, with the index, where one is missing, too many or out of range.
  template <std::convertible_to<std::size_t>... I>
  Result<T*> at(I... index) noexcept {
    const std::array<std::size_t, sizeof...(I)> all{static_cast<std::size_t>(index)...};
    if (all.size() != shape().size()) return Error{Code::invalid, 0, all.size(), "as many indices as dimensions"};
    for (std::size_t d = 0; d < all.size(); ++d)
      if (all[d] >= shape()[d]) return Error{Code::invalid, 0, all[d], "the index is out of range"};
    return data_ + position(all);
  }
  // Element i of values(), for what several write at once.  Not checked.
  std::atomic_ref<T> atomic(std::size_t i) noexcept {
    assert(i < count_);
    return std::atomic_ref<T>(data_[i]);
  }

 private:
  explicit Array(Block&& b) noexcept
      : block_(std::move(b)),
        data_(reinterpret_cast<T*>(detail::Blocks::memory(block_))),
        count_(std::as_const(block_).bytes().size() / sizeof(T)),
        row_size_(count_ / shape()[0]) {}
  static Result<Array> of(Result<Block>&& block) {
    if (!block) return block.error();
    return Array(*std::move(block));
  }
  template <std::size_t N>
  std::size_t position(const std::array<std::size_t, N>& index) const noexcept {
    const Shape& of = shape();
    assert(N == of.size());
    std::size_t at = 0;
    for (std::size_t d = 0; d < N; ++d) {
      assert(index[d] < of[d]);
      at = at * of[d] + index[d];
    }
    return at;
  }
  template <std::size_t N>
  std::size_t position(const std::size_t (&index)[N]) const noexcept {
    return position(std::to_array(index));
  }

  Block block_;
  T* data_;
  std::size_t count_, row_size_;
};

}  // namespace durra
