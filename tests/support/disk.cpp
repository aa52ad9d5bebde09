// What is on the disk of a store that lies in memory.
#include "tests/support/disk.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace durra::test {
namespace {

constexpr std::uint64_t kPage = 4096, kSector = 512;

}  // namespace

Disk::Disk(std::string path, const std::byte* base, std::uint64_t seed)
    : path_(std::move(path)), base_(base), random_(seed) {
  image_.resize(file_size());
  write(0, image_.size());
  os::set_faults(this);
}

std::uint64_t Disk::file_size() const { return std::filesystem::file_size(path_); }

void Disk::write(std::uint64_t from, std::uint64_t to) { std::memcpy(image_.data() + from, base_ + from, to - from); }

void Disk::flushed(const void* from, std::size_t size) {
  if (image_.size() < file_size()) image_.resize(file_size());  // its length is on the disk when its data are
  if (from == nullptr) return write(0, image_.size());
  const auto* const at = static_cast<const std::byte*>(from);
  if (at < base_ || at >= base_ + image_.size()) return;  // of another file
  const auto begin = static_cast<std::uint64_t>(at - base_);
  write(begin, std::min<std::uint64_t>(begin + size, image_.size()));
}

// Pages, sometimes sectors of them only: whatever a drive writes whole.
void Disk::write_back() {
  if (image_.size() < file_size()) image_.resize(file_size());
  const std::uint64_t unit = random_() % 2 == 0 ? kPage : kSector;
  const std::uint64_t one_in = 1 + random_() % 8;
  for (std::uint64_t at = 0; at < image_.size(); at += unit) {
    const std::uint64_t end = std::min(at + unit, image_.size());
    if (std::memcmp(image_.data() + at, base_ + at, end - at) != 0 && random_() % one_in == 0) write(at, end);
  }
}

void Disk::cut(const std::string& path) {
  const std::string before = image_;
  write_back();
  cut_all(path);
  image_ = before;
}

void Disk::cut_all(const std::string& path) const {
  std::ofstream(path, std::ios::binary).write(image_.data(), static_cast<std::streamsize>(image_.size()));
}

}  // namespace durra::test
