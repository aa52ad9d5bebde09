// Reading untrusted files.
#include "store/file_walk.h"

#include <algorithm>
#include <cstring>

#include "format/checksum.h"
#include "format/seat.h"
#include "format/walk.h"

namespace durra::detail {

FileReader::FileReader(const os::File& file, const format::Superblock& super, std::uint64_t file_size) noexcept
    : file_(file), super_(super), size_(file_size), seed_(format::store_seed(super.uuid)) {}

std::uint64_t FileReader::regions() const noexcept {
  if (size_ <= super_.regions_offset) return 0;
  return std::min((size_ - super_.regions_offset + super_.region_size - 1) / super_.region_size, super_.region_count);
}

Result<format::Descriptor> FileReader::descriptor(std::uint64_t r) const {
  format::Descriptor d{};
  if (auto done = read(descriptor_offset(r), &d, sizeof d); !done) return done.error();
  return d;
}

Result<void> FileReader::read(std::uint64_t offset, void* to, std::size_t size) const {
  auto done = os::read_at(file_, offset, to, size);
  if (!done && done.error().code == Code::io && !failed_) failed_ = done.error();
  return done;
}

bool FileReader::holds(std::uint64_t offset, std::uint64_t size) noexcept {
  const auto inside = [&] { return offset <= size_ && size <= size_ - offset; };
  if (inside()) return true;
  if (const auto now = os::info(file_)) size_ = now->size;
  return inside();
}

const std::byte* FileReader::bytes(std::uint64_t offset, std::size_t size) {
  if (offset >= begin_ && offset < end_ && size <= end_ - offset) return window_.data() + (offset - begin_);
  if (size > kWindow || !holds(offset, size)) return nullptr;
  return load_around(offset, size) ? window_.data() : nullptr;
}

bool FileReader::load(std::uint64_t offset, std::uint64_t end) {
  window_.resize(kWindow);
  begin_ = end_ = 0;
  if (!read(offset, window_.data(), end - offset)) return false;
  begin_ = offset;
  end_ = end;
  return true;
}

// As much as there is room for, up to the end of a page, or just that: one sector that cannot be read is to cost no
// more than what lies in it, and few tries.
bool FileReader::load_around(std::uint64_t offset, std::uint64_t size) {
  if (!bad_window_.has(offset)) {
    const std::uint64_t end = std::min(offset + kWindow, size_);
    if (load(offset, end)) return true;
    bad_window_ = {offset, end};
  }
  const std::uint64_t page_end = std::min({format::align_up(offset + size, kPage), offset + kWindow, size_});
  if (!bad_page_.has(page_end - 1)) {
    if (load(offset, page_end)) return true;
    bad_page_ = {(page_end - 1) / kPage * kPage, page_end};
  }
  return load(offset, offset + size);
}

format::Why read_header(FileReader& file, std::uint64_t at, std::uint64_t region_seed, std::uint64_t room,
                        FileRecord& out) {
  const std::byte* p = room < format::kRecordHeaderSize ? nullptr : file.bytes(at, format::kRecordHeaderSize);
  if (p == nullptr) return "record is outside the file";
  std::memcpy(&out.header, p, sizeof out.header);
  if (const auto why = format::check(out.header, region_seed, at, room)) return why;
  out.at = at;
  out.region_seed = region_seed;
  out.shape = format::unpack_shape(out.header.shape);
  out.key.clear();
  out.link = {};
  out.envelope = {};
  out.block = {};
  out.body_intact = false;
  out.stamp_intact = format::stamp_valid(out.header.stamp, out.header.word, region_seed, at);
  return nullptr;
}

format::Why read_body(FileReader& file, FileRecord& out) {
  const std::uint64_t at = out.at;
  const auto behind_header = [&](auto& to) {
    const std::byte* bytes = file.bytes(at + format::kRecordHeaderSize, sizeof to);
    if (bytes != nullptr) std::memcpy(&to, bytes, sizeof to);
    return bytes != nullptr;
  };
  if (format::in_batch(out.shape.kind) && !behind_header(out.link)) return "record is outside the file";
  if (out.is_envelope() && !behind_header(out.envelope)) return "record is outside the file";
  if (out.shape.kind == format::RecordKind::block && !behind_header(out.block)) return "record is outside the file";
  if (out.shape.key_size != 0) {
    const std::byte* k = file.bytes(at + format::header_size(out.shape), out.shape.key_size);
    if (k == nullptr) return "record is outside the file";
    out.key.assign(reinterpret_cast<const char*>(k), out.shape.key_size);
  }
  format::Hash64 hash(out.region_seed + at);
  const std::uint64_t end = at + format::checked_size(out.shape, at);
  for (std::uint64_t i = at + format::kRecordHeaderSize; i < end;) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(FileReader::kWindow, end - i));
    const std::byte* b = file.bytes(i, piece);
    if (b == nullptr) return "record is outside the file";
    hash.update(b, piece);
    i += piece;
  }
  out.body_intact = static_cast<std::uint32_t>(hash.digest()) == out.header.body_check;
  return nullptr;
}

format::Why read_record(FileReader& file, std::uint64_t at, std::uint64_t region_seed, std::uint64_t room,
                        FileRecord& out) {
  const auto why = read_header(file, at, region_seed, room, out);
  return why != nullptr ? why : read_body(file, out);
}

void pin(const os::File& file) noexcept {
  std::uint64_t epoch = 0;
  const bool read = static_cast<bool>(
      os::read_at(file, format::kControlOffset + offsetof(format::Control, epoch), &epoch, sizeof epoch));
  if (read && epoch < 1ull << 48) (void)os::try_lock(file, format::kLockEpoch + epoch, os::Lock::shared);
}

}  // namespace durra::detail
