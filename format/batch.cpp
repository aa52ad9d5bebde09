// Following the records of a batch.
#include "format/batch.h"

namespace durra::format {

BatchWalk::BatchWalk(std::uint64_t at, const Envelope& e, std::uint64_t region_seed) noexcept
    : at_(at),
      next_(at + kEnvelopeSize),
      end_(next_ + e.size),
      left_(e.count <= kBatchCountMax ? e.count : 0),
      expected_(e.whole),
      hash_(region_seed + at) {}

bool BatchWalk::add(std::uint64_t at, const RecordHeader& h, const Shape& shape, const BatchLink& link,
                    bool intact) noexcept {
  if (left_ == 0 || at != next_ || !in_batch(shape.kind) || link.envelope != at - at_) {
    *this = {};
    return false;
  }
  next_ += record_size(shape, at);
  intact_ = intact_ && intact;
  hash_.update(&h, kWholePiece);
  if (--left_ == 0) whole_ = intact_ && next_ == end_ && hash_.digest() == expected_;
  return true;
}

}  // namespace durra::format
