// The mapped file as structures: the one place that turns an offset from the file into a pointer.
//
// A field of shared memory is read once into a local; the local is validated here and only then used.  Nothing outside
// the file's real size is touched, so a hostile offset is an answer (`why`), never a fault.
#pragma once
#include <atomic>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "format/batch.h"
#include "format/head.h"
#include "format/record.h"
#include "format/region.h"
#include "format/seat.h"
#include "store/os.h"
#include "store/shared.h"

namespace durra::detail {

// One record, found and judged: its header check agrees and it lies within its region.
struct RecordRef {
  format::RecordHeader* header = nullptr;  // mutable words through shared.h only
  std::uint64_t at = 0;                    // file offset
  std::uint64_t region_seed = 0;
  format::Shape shape;

  explicit operator bool() const noexcept { return header != nullptr; }
  const std::byte* bytes() const noexcept { return reinterpret_cast<const std::byte*>(header); }
  std::uint64_t tag() const noexcept { return header->tag; }
  std::string_view key() const noexcept {  // "" for integers
    return {reinterpret_cast<const char*>(bytes() + format::header_size(shape)), shape.key_size};
  }
  std::span<const std::byte> payload() const noexcept {
    return {bytes() + format::payload_start(shape, at), shape.payload_size};
  }
  std::uint64_t size() const noexcept { return format::record_size(shape, at); }
  bool tombstone() const noexcept { return format::is_tombstone(shape.kind); }
  // Precondition: in_batch(shape.kind).  Never changes.
  const format::BatchLink& link() const noexcept {
    return *reinterpret_cast<const format::BatchLink*>(bytes() + format::kRecordHeaderSize);
  }
  bool body_intact() const noexcept;
};

class Space {
 public:
  // `super` is valid (format::check).  The mapping begins at offset 0 and covers file_size_max(super).  `info`: the
  // file's.
  Space(const format::Superblock& super, std::byte* base, const os::File& file, const os::FileInfo& info) noexcept;

  const format::Superblock& super() const noexcept { return super_; }
  std::uint64_t seed() const noexcept { return seed_; }
  std::byte* base() const noexcept { return base_; }
  std::uint64_t region_size() const noexcept { return super_.region_size; }
  std::uint64_t region_count() const noexcept { return super_.region_count; }
  std::uint32_t root_bits() const noexcept { return root_bits_; }

  format::Control& control() const noexcept {
    return *reinterpret_cast<format::Control*>(base_ + format::kControlOffset);
  }
  std::uint64_t& root(std::uint32_t slot) const noexcept {
    return reinterpret_cast<std::uint64_t*>(base_ + format::kRootOffset)[slot];
  }
  format::Seat& seat(std::uint32_t n) const noexcept {
    return reinterpret_cast<format::Seat*>(base_ + super_.seats_offset)[n];
  }
  format::Descriptor& descriptor(std::uint64_t r) const noexcept {
    return reinterpret_cast<format::Descriptor*>(base_ + super_.descriptors_offset)[r];
  }
  std::uint64_t descriptor_offset(std::uint64_t r) const noexcept {
    return super_.descriptors_offset + r * sizeof(format::Descriptor);
  }
  std::uint64_t region_offset(std::uint64_t r) const noexcept { return super_.regions_offset + (r << region_shift_); }
  std::uint64_t region_of(std::uint64_t offset) const noexcept {
    return (offset - super_.regions_offset) >> region_shift_;
  }
  bool in_regions(std::uint64_t offset) const noexcept {
    return offset >= super_.regions_offset && region_of(offset) < super_.region_count;
  }

  // `length` bytes at file offset `offset`, or null if the file does not hold them.
  std::byte* at(std::uint64_t offset, std::uint64_t length) const noexcept {
    const std::uint64_t known = shared::mark_load(known_size_);
    if (offset <= known && length <= known - offset) [[likely]]
      return base_ + offset;
    return at_slow(offset, length);
  }

  // The record at `offset`, or why there is none.  Inline: it is most of a get.
  [[gnu::always_inline]] inline format::Why locate(std::uint64_t offset, RecordRef& out) const noexcept {
    const std::uint64_t relative = offset - super_.regions_offset;  // of an offset before it: far too large
    const std::uint64_t r = relative >> region_shift_;
    if (offset % 8 != 0 || r >= super_.region_count) [[unlikely]]
      return "offset is outside all regions";
    const std::uint64_t inside = relative & (super_.region_size - 1);
    const std::uint64_t state = shared::state_load(descriptor(r).state);
    if (!format::may_hold_records(state) || inside < format::kRegionData) [[unlikely]]
      return locate_in_body(offset, out);
    std::uint64_t room = super_.region_size - inside;
    if (format::is_run(state)) [[unlikely]]
      room += (run_length(r, format::unpack(state)) - 1) << region_shift_;
    return judge(offset, room, format::region_seed(seed_, r, format::generation_of(state)), out);
  }
  // The region whose descriptor speaks of a record: the head of its run, if it lies in a body.
  std::uint64_t home_of(std::uint64_t offset) const noexcept {
    const std::uint64_t r = region_of(offset);
    return (shared::state_load(descriptor(r).state) & 7) != 7 ? r : head_of_body(r);
  }

  // Regions that may hold something: below region_hint, or below the end of the file, should the hint have rotted.
  std::uint64_t regions() const noexcept;

  // Whether this descriptor is still the file's.  After a closefrom() its number may have become another file's.  One
  // that is open and cannot be asked is.
  bool is_ours(const os::File&) const noexcept;

  // Regions of the run that `r` heads, as its descriptor says; 1 for a single one; never past the last region.
  std::uint64_t run_length(std::uint64_t r, const format::RegionWord& w) const noexcept;

 private:
  // The record at `offset` with `room` bytes to the end of its region, under the seed of its life.
  [[gnu::always_inline]] inline format::Why judge(std::uint64_t offset, std::uint64_t room, std::uint64_t seed,
                                                  RecordRef& out) const noexcept {
    if (room < format::kRecordHeaderSize || at(offset, format::kRecordHeaderSize) == nullptr) [[unlikely]]
      return "record is outside the file";
    // Each field is read once: the locals are judged and used, whatever a hostile writer does to the file meanwhile.
    auto* h = reinterpret_cast<format::RecordHeader*>(base_ + offset);
    const std::uint64_t shape = h->shape;
    if (h->head_check != format::head_check(h->body_check, shape, h->tag, seed, offset)) [[unlikely]]
      return "record header checksum mismatch";
    out.shape = format::unpack_shape(shape);
    if (const auto why = format::check(out.shape, offset, room)) [[unlikely]]
      return why;
    if (at(offset, format::record_size(out.shape, offset)) == nullptr) [[unlikely]]
      return "record is outside the file";
    out.header = h;
    out.at = offset;
    out.region_seed = seed;
    return nullptr;
  }
  bool is_ours(const Result<os::FileInfo>&) const noexcept;
  std::optional<std::uint64_t> size_now() const noexcept;  // of the file; null: nobody can be asked for it
  std::uint64_t head_of_body(std::uint64_t r) const noexcept;
  format::Why locate_in_body(std::uint64_t offset, RecordRef& out) const noexcept;
  std::byte* at_slow(std::uint64_t offset, std::uint64_t length) const noexcept;

  format::Superblock super_;
  std::byte* base_;
  const os::File& file_;
  const std::uint64_t device_, inode_;
  std::uint64_t seed_;
  std::uint32_t region_shift_, root_bits_;
  mutable std::atomic<std::uint64_t> known_size_;  // bytes that the file was seen to have
};

}  // namespace durra::detail
