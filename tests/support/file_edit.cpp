// Editing closed store files.
#include "tests/support/file_edit.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "format/checksum.h"
#include "format/walk.h"

namespace durra::test {

FileEdit::FileEdit(std::string path) : path_(std::move(path)) {
  super_ = get<format::Superblock>(0);
  seed_ = format::store_seed(super_.uuid);
}

std::uint64_t FileEdit::size() const { return std::filesystem::file_size(path_); }

std::string FileEdit::read(std::uint64_t offset, std::size_t size) const {
  std::ifstream in(path_, std::ios::binary);
  std::string bytes(size, '\0');
  in.seekg(static_cast<std::streamoff>(offset));
  if (!in.read(bytes.data(), static_cast<std::streamsize>(size))) throw std::runtime_error("cannot read " + path_);
  return bytes;
}

void FileEdit::write(std::uint64_t offset, const std::string& bytes) const {
  std::fstream out(path_, std::ios::binary | std::ios::in | std::ios::out);
  out.seekp(static_cast<std::streamoff>(offset));
  if (!out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    throw std::runtime_error("cannot write " + path_);
}

void FileEdit::flip(std::uint64_t offset, unsigned bit) const {
  std::string byte = read(offset, 1);
  byte[0] = static_cast<char>(byte[0] ^ (1 << bit));
  write(offset, byte);
}

void FileEdit::cut(std::uint64_t size) const { std::filesystem::resize_file(path_, size); }

namespace {

// Regions of data that records may be in; a run counts once, at its head.
bool holds_records(const format::RegionWord& w) {
  using format::RegionState;
  return w.type == format::RegionType::data && w.state != RegionState::free && w.state != RegionState::claimed &&
         w.state != RegionState::body;
}

}  // namespace

void FileEdit::declare_synced() const {
  for (std::uint64_t r = 0; r < super_.region_count; ++r) {
    auto d = descriptor(r);
    const auto w = format::unpack(d.state);
    if (!holds_records(w)) continue;
    d.synced = format::tagged(w.generation, d.tail / 8);
    set(descriptor_at(r), d);
  }
}

std::vector<FoundRecord> FileEdit::records() const {
  std::vector<FoundRecord> out;
  for (std::uint64_t r = 0; r < super_.region_count; ++r) {
    const auto d = descriptor(r);
    const auto w = format::unpack(d.state);
    if (!holds_records(w)) continue;
    const std::string bytes = read(region_at(r), d.tail);
    format::Walk walk({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, region_at(r),
                      format::region_seed(seed_, r, w.generation), d.tail);
    while (walk.next()) {
      const auto& record = walk.record();
      const auto header = get<format::RecordHeader>(record.at);
      const std::string key(reinterpret_cast<const char*>(record.key.data()), record.key.size());
      out.push_back({record.at, record.at + format::payload_start(record.shape, record.at),
                     format::record_size(record.shape, record.at), r, key,
                     key.empty() ? format::id_of(header.tag, seed_) : 0, header.stamp, record.shape});
    }
  }
  return out;
}

FoundRecord FileEdit::find(const std::string& key) const {
  std::optional<FoundRecord> found;
  for (auto& r : records())
    if (r.key == key && (!found || r.stamp > found->stamp)) found = std::move(r);
  if (!found) throw std::runtime_error("no record of " + key);
  return *found;
}

}  // namespace durra::test
