// An array larger than memory, in chunks that are records: each write of a chunk is atomic, versioned and as safe at a
// power cut as any put.  Keys, metadata and chunks are Zarr v2's with numcodecs' LZ4: NAME/.zarray, NAME/0.0, NAME/0.1.
// Zarr and Dask read them in place, from the store's file (`durra dump --zarr-refs`).
//
//   auto field = durra::ChunkedArray<float>::open(store, "field", {10'000, 10'000}, {1'000, 1'000}).value();
//   field.write({3, 4}, values).value();
//
// Zarr v2: https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html
#pragma once
#include <durra/block.h>
#include <durra/dtype.h>

#include <cstring>

namespace durra {
namespace detail {

// Everything but the type of an element.
class Chunks {
 public:
  struct Meta {
    Shape shape, chunk;  // elements in each dimension
    std::string dtype;
    std::vector<std::byte> fill;  // one element
    friend bool operator==(const Meta&, const Meta&) = default;
  };
  static Result<Chunks> open(Store&, std::string_view name, Meta);
  static Result<Chunks> attach(Store&, std::string_view name, std::string_view dtype);

  const Meta& meta() const noexcept { return meta_; }
  Result<void> refresh();
  Result<void> resize(const Shape&);
  std::size_t chunk_bytes() const noexcept { return chunk_bytes_; }
  Result<void> write(std::span<const std::size_t> chunk, std::span<const std::byte>);
  Result<void> read(std::span<const std::size_t> chunk, std::span<std::byte>) const;

 private:
  Chunks(Store, std::string_view name, Meta, std::size_t chunk_bytes);
  Result<std::string> key_of(std::span<const std::size_t> chunk, std::size_t bytes) const;
  Result<void> erase_outside(Batch&, const Shape&) const;
  Store store_;
  std::string name_;
  Meta meta_;
  std::size_t chunk_bytes_;
};

}  // namespace detail

// Move-only; one thread at a time.  Any number of writers, in any process; of two who write one chunk the last counts.
template <Element T>
class ChunkedArray {
 public:
  // Creates or attaches.  Chunks that nobody wrote read as `fill`.  `mismatch` if the name has another dtype, shape,
  // chunk or fill: the message says both; `invalid` for a 0 or for other than as many dimensions as the shape has, 1 to
  // 12; `too_large` for a chunk over 2 GiB or a name that leaves no room for its chunks' keys.
  static Result<ChunkedArray> open(Store& store, std::string_view name, Shape shape, Shape chunk, T fill = T{}) {
    std::vector<std::byte> bytes(sizeof(T));
    std::memcpy(bytes.data(), &fill, sizeof(T));
    return of(detail::Chunks::open(store, name,
                                   {std::move(shape), std::move(chunk), std::string(dtype_of<T>()), std::move(bytes)}));
  }
  // What is there: `not_found`, `mismatch` if it has another dtype, `unsupported` if Zarr made it in another way.
  static Result<ChunkedArray> attach(Store& store, std::string_view name) {
    return of(detail::Chunks::attach(store, name, dtype_of<T>()));
  }

  const Shape& shape() const noexcept { return chunks_.meta().shape; }  // as of open, refresh or resize
  const Shape& chunk() const noexcept { return chunks_.meta().chunk; }
  std::size_t chunk_size() const noexcept { return chunks_.chunk_bytes() / sizeof(T); }  // elements

  // All elements of one chunk, row-major: chunk_size() of them, also of a chunk that reaches beyond the shape.
  // `invalid` for an index outside shape() or another size.  What is written by the shape of before another's resize
  // shows while the array has room for it: beyond its new shape nobody reads it, and it is gone when the array grows.
  // Written after a drop, it shows in the next array of this name.
  Result<void> write(const Shape& index, std::span<const T> values) {
    return chunks_.write(index, std::as_bytes(values));
  }
  Result<void> read(const Shape& index, std::span<T> values) const {
    return chunks_.read(index, std::as_writable_bytes(values));
  }
  // Chunks that lie outside are gone, at once and all together: a kill leaves the old shape or the new.  One that
  // reaches beyond the shape stays whole, so what it has there shows when the array grows, as in Zarr.  `conflict` if
  // another resized it meanwhile; `too_large` if more than 65,000 chunks go; `damaged`, and nothing done, if a record
  // cannot be read; `not_found` if it was dropped, `mismatch` if another array, of another dtype, rank, chunk or fill,
  // has its name since.
  Result<void> resize(const Shape& shape) { return chunks_.resize(shape); }
  Result<void> refresh() { return chunks_.refresh(); }  // the shape as it is now; `not_found`, `mismatch`: as resize

 private:
  explicit ChunkedArray(detail::Chunks c) : chunks_(std::move(c)) {}
  static Result<ChunkedArray> of(Result<detail::Chunks>&& chunks) {
    if (!chunks) return chunks.error();
    return ChunkedArray(*std::move(chunks));
  }
  detail::Chunks chunks_;
};

}  // namespace durra
