// Walking a region without trusting a byte of it.
#include "format/walk.h"

#include <algorithm>
#include <cstring>

namespace durra::format {
namespace {

constexpr std::size_t kImmutable = offsetof(RecordHeader, prev);

}  // namespace

Walk::Walk(std::span<const std::byte> region, std::uint64_t base, std::uint64_t seed, std::uint64_t end) noexcept
    : region_(region), base_(base), seed_(seed), end_(std::min<std::uint64_t>(end, region.size())) {}

bool Walk::next() noexcept {
  if (why_ != nullptr || position_ >= end_) return false;
  const std::uint64_t room = end_ - position_;
  if (room < kRecordHeaderSize) {
    if (end_ < region_.size()) why_ = "record: longer than its region";
    return false;
  }

  const std::byte* start = region_.data() + position_;
  RecordHeader header{};
  std::memcpy(&header, start, kImmutable);
  const std::uint64_t at = base_ + position_;
  why_ = check(header, seed_, at, room);
  if (why_ != nullptr) return false;

  const Shape shape = unpack_shape(header.shape);
  const auto whole = std::span(start, record_size(shape, at));
  record_ = {at,
             start,
             header,
             shape,
             whole.subspan(header_size(shape), shape.key_size),
             whole.subspan(payload_start(shape, at), shape.payload_size)};
  position_ += whole.size();
  return true;
}

bool Walk::intact() const noexcept {
  const std::byte* body = record_.start + kRecordHeaderSize;
  const std::uint64_t size = checked_size(record_.shape, record_.at) - kRecordHeaderSize;
  return record_.header.body_check == body_check(body, size, seed_, record_.at);
}

}  // namespace durra::format
