// A small store as bytes, always the same, and edits of it that a fuzzer can learn.
//
// An input is a list of edits of 12 bytes: {where u32, how u8, mend u8, spare u16, value u32}.  Where checksums stand
// in the way they are mended on request (`mend` odd), so that a fuzzer gets behind the first check.
#pragma once
#include <durra/care.h>
#include <durra/store.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "format/head.h"
#include "format/region.h"
#include "format/seat.h"
#include "format/walk.h"

namespace durra::fuzz {

using Image = std::vector<std::byte>;

inline void must(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

inline std::string scratch_path(const char* name) {
  const char* folder = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  return std::string(folder) + "/durra-fuzz-" + std::to_string(::getpid()) + "-" + name;
}

inline Image read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  must(fd >= 0, "cannot read the image");
  struct stat s {};
  must(::fstat(fd, &s) == 0, "cannot stat the image");
  Image image(static_cast<std::size_t>(s.st_size));
  must(::pread(fd, image.data(), image.size(), 0) == s.st_size, "cannot read the image");
  ::close(fd);
  return image;
}

// In place, so that the inode stays what the image says it is, and its index is believed.
inline void write_file(const std::string& path, std::span<const std::byte> image) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  must(fd >= 0, "cannot write the image");
  must(::pwrite(fd, image.data(), image.size(), 0) == static_cast<ssize_t>(image.size()) &&
           ::ftruncate(fd, static_cast<off_t>(image.size())) == 0,
       "cannot write the image");
  ::close(fd);
}

inline Options small() {
  Options o;
  o.region_size = 64_KiB;
  o.max_size = 1_MiB;
  o.participants = 4;
  return o;
}

inline const std::array<const char*, 6>& keys() {
  static const std::array<const char*, 6> k{"a", "b", "user/1", "gone", "large", "packed"};
  return k;
}

// The same bytes in every run but for times and identity: the uuid, and with it every check, is fixed.
class Base {
 public:
  explicit Base(std::string p) : path(std::move(p)) {
    ::unlink(path.c_str());
    { auto made = open(path, small()).value(); }
    image = read_file(path);
    const auto super = format::make_superblock({64_KiB, 1_MiB, 4}, {1, 2, 3, 4, 5, 6, 7, 8}, 1);
    std::memcpy(image.data(), &super, sizeof super);
    write_file(path, image);
    fill();
    image = read_file(path);
    std::memcpy(&superblock, image.data(), sizeof superblock);
    // A beat in the far future: else the writing of each image would look like a restore, and be rebuilt (F9).
    const std::uint64_t beat = 1ull << 62;
    std::memcpy(image.data() + superblock.seats_offset + offsetof(format::Seat, beat_ns), &beat, sizeof beat);
    note_records();
  }
  ~Base() { ::unlink(path.c_str()); }
  Base(const Base&) = delete;

  std::string path;
  Image image;
  format::Superblock superblock{};
  std::vector<std::uint64_t> records;  // their file offsets

  std::uint64_t seed_of(std::uint64_t r, std::span<const std::byte> i) const {
    format::RegionHeader h;
    std::memcpy(&h, i.data() + superblock.regions_offset + r * superblock.region_size, sizeof h);
    return format::region_seed(format::store_seed(superblock.uuid), r, h.generation);
  }

 private:
  void fill() {
    auto store = open(path, small()).value();
    const std::string text(300, 'x');
    store.put("a", "1").value();
    store.put("a", "22").value();
    store.put("b", text).value();
    store.put(7, "seven").value();
    store.put("user/1", "Ada").value();
    store.put("gone", "soon").value();
    store.erase("gone").value();
    store.put("packed", text, Put{.compress = true}).value();
    store.put_with("large", 100'000, [](std::span<std::byte> b) { std::memset(b.data(), 5, b.size()); }).value();
    for (int i = 100; i < 140; ++i) store.put(i, "many").value();
  }
  void note_records() {
    const std::uint64_t size = superblock.region_size;
    for (std::uint64_t r = 0; superblock.regions_offset + (r + 1) * size <= image.size(); ++r) {
      const std::uint64_t base_offset = superblock.regions_offset + r * size;
      format::Walk walk({image.data() + base_offset, size}, base_offset, seed_of(r, image), size);
      while (walk.next()) records.push_back(walk.record().at);
    }
    must(records.size() > 40, "the base image has no records");
  }
};

inline void mend_record(const Base& base, std::span<std::byte> image, std::uint64_t at) {
  format::RecordHeader h;
  std::memcpy(&h, image.data() + at, sizeof h);
  const std::uint64_t seed = base.seed_of((at - base.superblock.regions_offset) / base.superblock.region_size, image);
  const auto shape = format::unpack_shape(h.shape);
  const std::uint64_t body = format::payload_start(shape, at) + shape.payload_size;
  if (body <= image.size() - at && body >= sizeof h)
    h.body_check = format::body_check(image.data() + at + sizeof h, body - sizeof h, seed, at);
  h.head_check = format::head_check(h, seed, at);
  if ((h.word & format::kStamped) != 0) h.word = format::stamp_check(h.stamp, seed, at);
  std::memcpy(image.data() + at, &h, sizeof h);
}

// Makes the check of whatever structure covers byte `at` agree again.
inline void mend(const Base& base, std::span<std::byte> image, std::uint64_t at) {
  const auto& super = base.superblock;
  if (at < sizeof(format::Superblock)) {
    const std::uint64_t check = format::hash64(image.data(), offsetof(format::Superblock, check), 0);
    std::memcpy(image.data() + offsetof(format::Superblock, check), &check, sizeof check);
  } else if (at >= super.descriptors_offset && at < super.regions_offset) {
    const std::uint64_t d = at - (at - super.descriptors_offset) % sizeof(format::Descriptor);
    std::uint64_t word;
    std::memcpy(&word, image.data() + d, sizeof word);
    word = (word & ((1ull << 56) - 1)) | static_cast<std::uint64_t>(format::crc8(word & ((1ull << 56) - 1))) << 56;
    std::memcpy(image.data() + d, &word, sizeof word);
  } else if (at >= super.regions_offset) {
    const std::uint64_t r = (at - super.regions_offset) / super.region_size;
    const std::uint64_t begin = super.regions_offset + r * super.region_size;
    if (at - begin < sizeof(format::RegionHeader)) {
      const std::uint64_t check =
          format::hash64(image.data() + begin, offsetof(format::RegionHeader, check), base.seed_of(r, image));
      std::memcpy(image.data() + begin + offsetof(format::RegionHeader, check), &check, sizeof check);
    } else {
      std::uint64_t record = 0;
      for (const std::uint64_t offset : base.records)
        if (offset <= at) record = std::max(record, offset);
      if (record != 0) mend_record(base, image, record);
    }
  }
}

// A byte that matters: a word of the head, of a descriptor, of the index root, or of a record.
inline std::uint64_t place(const Base& base, std::uint32_t where, unsigned kind) {
  const auto& super = base.superblock;
  switch (kind % 6) {
    case 0: return where % sizeof(format::Superblock) & ~7ull;
    case 1: return format::kControlOffset + (where % sizeof(format::Control) & ~7ull);
    case 2: return super.descriptors_offset + (where % (16 * sizeof(format::Descriptor)) & ~7ull);
    case 3: return base.records[where % base.records.size()] + where / 4096 % 8 * 8;
    case 4: return format::kRootOffset + where % super.root_words * 8;
    default: return where % (base.image.size() - 8) & ~7ull;
  }
}

// One edit: `input` has 12 bytes.
inline void edit(const Base& base, std::span<std::byte> image, const std::uint8_t* input) {
  std::uint32_t where, value;
  std::memcpy(&where, input, 4);
  std::memcpy(&value, input + 8, 4);
  const std::uint8_t how = input[4], mended = input[5];
  const std::uint64_t at = place(base, where, how);
  std::uint64_t word;
  std::memcpy(&word, image.data() + at, 8);
  switch (how / 6 % 6) {
    case 0: word ^= value; break;
    case 1: word ^= static_cast<std::uint64_t>(value) << 32; break;
    case 2: word = value; break;
    case 3: word += static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(value))); break;
    case 4: word = ~static_cast<std::uint64_t>(value); break;
    default: word = 1ull << (value & 63); break;
  }
  std::memcpy(image.data() + at, &word, 8);
  if (mended & 1) mend(base, image, at);
}

// The base image with the edits of an input; one byte more than edits cuts it short.
inline Image edited(const Base& base, std::span<const std::uint8_t> input) {
  Image image = base.image;
  for (std::size_t i = 0; i + 12 <= input.size() && i < 12 * 32; i += 12) edit(base, image, input.data() + i);
  if (!input.empty() && input.size() % 12 == 1) image.resize(image.size() * input.back() / 255);
  return image;
}

}  // namespace durra::fuzz
