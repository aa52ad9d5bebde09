// Reading a store file that is not trusted: through the descriptor, in pieces of bounded size, with every claim of the
// file compared with what is really there.  For verify and recover.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "format/batch.h"
#include "format/block.h"
#include "format/head.h"
#include "format/record.h"
#include "format/region.h"
#include "store/os.h"

namespace durra::detail {

class FileReader {
 public:
  // `super` is valid.  `file` must outlive this.
  FileReader(const os::File& file, const format::Superblock& super, std::uint64_t file_size) noexcept;

  const format::Superblock& super() const noexcept { return super_; }
  std::uint64_t seed() const noexcept { return seed_; }
  std::uint64_t region_offset(std::uint64_t r) const noexcept { return super_.regions_offset + r * super_.region_size; }
  std::uint64_t region_of(std::uint64_t offset) const noexcept {
    return (offset - super_.regions_offset) / super_.region_size;
  }
  std::uint64_t descriptor_offset(std::uint64_t r) const noexcept {
    return super_.descriptors_offset + r * sizeof(format::Descriptor);
  }
  // Regions that the file has room for, at least in part.
  std::uint64_t regions() const noexcept;
  std::uint64_t file_size() const noexcept { return size_; }
  // Whether the file has these bytes; looks again, because a live store grows.
  bool holds(std::uint64_t offset, std::uint64_t size) noexcept;

  // Straight from the file, never from a buffer: shared words of a live store.
  Result<format::Descriptor> descriptor(std::uint64_t r) const;
  Result<void> read(std::uint64_t offset, void* to, std::size_t size) const;
  // `size` bytes at `offset` (at most kWindow), good until the next call; null beyond the end of the file, or where
  // just these cannot be read.
  static constexpr std::size_t kWindow = 256 << 10;
  static constexpr std::uint64_t kPage = 4096;  // what a disk fails to give at least
  const std::byte* bytes(std::uint64_t offset, std::size_t size);
  // Null, or the first read that the system refused: what lies there was taken for absent.
  const std::optional<Error>& failed() const noexcept { return failed_; }
  static constexpr const char* kUnread = "the file could not be read everywhere; what else is said may come of that";
  void forget() noexcept { begin_ = end_ = 0; }  // what was read before this is old, in a live store

 private:
  const os::File& file_;
  const format::Superblock super_;
  std::uint64_t size_;
  const std::uint64_t seed_;
  std::vector<std::byte> window_;
  std::uint64_t begin_ = 0, end_ = 0;
  // Where reading much failed: what is asked for there is read with no more around it than the next range allows.
  struct Range {
    std::uint64_t begin = 0, end = 0;
    bool has(std::uint64_t offset) const noexcept { return offset >= begin && offset < end; }
  };
  Range bad_window_, bad_page_;
  bool load(std::uint64_t offset, std::uint64_t end);
  bool load_around(std::uint64_t offset, std::uint64_t size);
  mutable std::optional<Error> failed_;
};

// A record of an untrusted file, as far as it can be read.
struct FileRecord {
  std::uint64_t at = 0;
  std::uint64_t region_seed = 0;
  format::RecordHeader header{};  // with mutable words as read
  format::Shape shape;
  std::string key;
  format::BatchLink link{};     // of a batch record
  format::Envelope envelope{};  // of an envelope
  format::BlockHead block{};    // of a block
  bool body_intact = false;
  bool stamp_intact = false;  // stamped, and the check agrees

  bool is_envelope() const noexcept { return format::pack(shape) == format::pack(format::kEnvelopeShape); }
  bool is_fixed() const noexcept {  // precondition: is_envelope()
    return body_intact && stamp_intact && format::verdict_of(header.stamp) == format::Verdict::fixed;
  }
};

// A header at `at` that is valid within `room` bytes, and its stamp.  Null `why` on success.
format::Why read_header(FileReader&, std::uint64_t at, std::uint64_t region_seed, std::uint64_t room, FileRecord&);
// Then what lies behind it, and judges it.  What cannot be read is not intact, and stays empty.
format::Why read_body(FileReader&, FileRecord&);
// Both.
format::Why read_record(FileReader&, std::uint64_t at, std::uint64_t region_seed, std::uint64_t room, FileRecord&);

// As a read-only opener pins: what is in use now is not freed until the file is closed.  Where it cannot be locked, or
// the epoch is rotten, a live store may move on under us.
void pin(const os::File&) noexcept;

}  // namespace durra::detail
