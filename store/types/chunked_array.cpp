// Chunks as records: numcodecs' LZ4 is durra's own codec, so a chunk is packed here and stored as it is.
#include <durra/chunked_array.h>

#include <algorithm>

#include "format/codec.h"
#include "store/describe.h"
#include "store/types/elements.h"
#include "store/types/zarr.h"

namespace durra::detail {

Store another(const Store&);

namespace {

constexpr std::string_view kMeta = "/.zarray";
constexpr std::size_t kGoneMax = 65'000;  // chunks that one resize may erase: they are one batch

Result<std::size_t> judge(const Chunks::Meta& m) {
  if (m.chunk.size() != m.shape.size())
    return Error{Code::invalid, 0, m.chunk.size(), "the chunk has as many dimensions as the shape"};
  if (auto whole = size_of_shape(m.shape, 1); !whole) return whole.error();
  const auto bytes = size_of_shape(m.chunk, m.fill.size());
  if (bytes && *bytes > format::kCodecRawMax)
    return Error{Code::too_large, 0, format::kCodecRawMax, "a chunk is too large"};
  return bytes;
}

// How many chunks there are along dimension d.
std::size_t chunks_along(const Shape& shape, const Shape& chunk, std::size_t d) {
  return shape[d] / chunk[d] + (shape[d] % chunk[d] != 0);
}

// "3.4"
std::string name_of(std::span<const std::size_t> index) {
  std::string name;
  for (const std::size_t i : index) name += (name.empty() ? "" : ".") + std::to_string(i);
  return name;
}

bool is_inside(std::span<const std::size_t> index, const Shape& shape, const Shape& chunk) {
  for (std::size_t d = 0; d < index.size(); ++d)
    if (index[d] >= chunks_along(shape, chunk, d)) return false;
  return true;
}

Result<std::pair<Chunks::Meta, Stamp>> load(const Store& store, const std::string& name) {
  const auto record = store.get(name + std::string(kMeta));
  if (!record) return record.error();
  auto meta = parse_zarray(record->text());
  if (!meta) return meta.error();
  if (auto size = judge(*meta); !size) return size.error();
  return std::pair(*std::move(meta), record->stamp());
}

// Whether they are one array's, perhaps resized: whoever has it open keeps everything else.
bool are_one(const Chunks::Meta& a, const Chunks::Meta& b) {
  return a.shape.size() == b.shape.size() && a.chunk == b.chunk && a.dtype == b.dtype && a.fill == b.fill;
}

}  // namespace

Chunks::Chunks(Store store, std::string_view name, Meta meta, std::size_t chunk_bytes)
    : store_(std::move(store)), name_(name), meta_(std::move(meta)), chunk_bytes_(chunk_bytes) {}

Result<Chunks> Chunks::open(Store& store, std::string_view name, Meta wanted) {
  const auto bytes = judge(wanted);
  if (!bytes) return bytes.error();
  make_canonical(wanted);
  const std::string key(name);
  // The longest key that a chunk may have must be one.
  if (key.size() + 1 + 21 * wanted.shape.size() > 1024)
    return Error{Code::too_large, 0, 1023 - 21 * wanted.shape.size(), "the name is too long"};
  for (;;) {
    const auto there = load(store, key);
    if (there && there->first == wanted) return Chunks(another(store), name, std::move(wanted), *bytes);
    if (there) return mismatch(describe(there->first), describe(wanted));
    if (there.error().code != Code::not_found) return there.error();
    const auto made = store.put_if(key + std::string(kMeta), zarray_of(wanted), absent);
    if (!made && made.error().code != Code::conflict) return made.error();
  }
}

Result<Chunks> Chunks::attach(Store& store, std::string_view name, std::string_view dtype) {
  auto there = load(store, std::string(name));
  if (!there) return there.error();
  if (there->first.dtype != dtype) return mismatch(there->first.dtype, std::string(dtype));
  const auto bytes = judge(there->first);
  return Chunks(another(store), name, std::move(there->first), *bytes);
}

Result<std::string> Chunks::key_of(std::span<const std::size_t> index, std::size_t bytes) const {
  if (index.size() != meta_.shape.size()) return Error{Code::invalid, 0, index.size(), "as many indices as dimensions"};
  for (std::size_t d = 0; d < index.size(); ++d)
    if (index[d] >= chunks_along(meta_.shape, meta_.chunk, d))
      return Error{Code::invalid, 0, index[d], "the index is out of range"};
  if (bytes != chunk_bytes_) return Error{Code::invalid, 0, chunk_bytes_, "a chunk has another number of elements"};
  return name_ + "/" + name_of(index);
}

Result<void> Chunks::write(std::span<const std::size_t> index, std::span<const std::byte> values) {
  const auto key = key_of(index, values.size());
  if (!key) return key.error();
  std::vector<std::byte> packed(format::compress_bound(values.size()));
  packed.resize(format::compress(values, packed));
  if (auto done = store_.put(*key, packed); !done) return done.error();
  return {};
}

Result<void> Chunks::read(std::span<const std::size_t> index, std::span<std::byte> to) const {
  const auto key = key_of(index, to.size());
  if (!key) return key.error();
  const auto record = store_.get(*key);
  if (!record && record.error().code == Code::not_found) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = meta_.fill[i % meta_.fill.size()];
    return {};
  }
  if (!record) return record.error();
  if (format::raw_size(record->bytes()) != to.size() || !format::decompress(record->bytes(), to))
    return Error{Code::mismatch, 0, record->bytes().size(), "the record is not a chunk of this array"};
  return {};
}

Result<void> Chunks::refresh() {
  auto there = load(store_, name_);
  if (!there) return there.error();
  if (!are_one(there->first, meta_)) return mismatch(describe(there->first), describe(meta_));
  there->first.shape.swap(meta_.shape);
  return {};
}

// Its walk is over before anything is put: it keeps what it may need in place.
Result<void> Chunks::erase_outside(Batch& batch, const Shape& shape) const {
  std::vector<std::size_t> index;
  Records all = store_.records(name_ + "/");
  for (const Record& r : all) {
    if (!is_element(r.key(), name_, shape.size(), index)) continue;
    // Outside the old shape too: who did not know of it wrote there, and it would show when the array grows.
    if (!is_inside(index, shape, meta_.chunk) || !is_inside(index, meta_.shape, meta_.chunk)) batch.erase(r.key());
    if (batch.size() > 1 + kGoneMax) return Error{Code::too_large, 0, kGoneMax, "too many chunks would go at once"};
  }
  return all.status();
}

Result<void> Chunks::resize(const Shape& shape) {
  auto there = load(store_, name_);
  if (!there) return there.error();
  if (!are_one(there->first, meta_)) return mismatch(describe(there->first), describe(meta_));
  if (there->first.shape != meta_.shape) return Error{Code::conflict, 0, 0, "another resized it"};
  Meta next = there->first;
  next.shape = shape;
  if (auto size = judge(next); !size) return size.error();
  Batch batch;
  batch.put_if(name_ + std::string(kMeta), zarray_of(next), there->second);
  if (auto seen = erase_outside(batch, shape); !seen) return seen;
  if (auto done = store_.put(batch); !done) return done;
  meta_ = std::move(next);
  return {};
}

}  // namespace durra::detail
