// A file that is compared with what it was.
#include "tests/testing/watched.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace durra::testing {
namespace {

constexpr std::uint64_t kPage = 4096;

// Hexadecimal and decimal numbers of a line; `at` behind them.
std::uint64_t number(const char*& at, unsigned base) noexcept {
  std::uint64_t value = 0;
  for (;; ++at) {
    const char c = *at;
    const unsigned digit = c >= '0' && c <= '9'   ? static_cast<unsigned>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10
                                                  : 99;
    if (digit >= base) return value;
    value = value * base + digit;
  }
}

}  // namespace

void give_up(Log& log, Ended why, std::uint64_t where) noexcept {
  log.ended = why;
  log.where = where;
  ::_exit(0);
}

bool Log::append(const LoggedEvent& e, const void* bytes) noexcept {
  const std::uint64_t room = (sizeof e + e.bytes + 7) / 8 * 8;
  if (used + room > kCapacity - sizeof *this) return false;
  auto* to = reinterpret_cast<std::byte*>(this + 1) + used;
  std::memcpy(to, &e, sizeof e);
  if (bytes != nullptr) std::memcpy(to + sizeof e, bytes, e.bytes);
  used += room;
  return true;
}

void Watched::log(Event::Kind kind, std::uint64_t instruction, std::uint64_t offset, std::uint64_t size,
                  const void* bytes, std::uint64_t count) noexcept {
  if (!log_.append({kind, instruction, offset, size, count}, bytes)) give_up(log_, Ended::too_large);
}

bool Watched::is_ours(int fd) const noexcept {
  struct stat s;
  return ::fstat(fd, &s) == 0 && s.st_dev == device_ && s.st_ino == inode_;
}

std::uint64_t Watched::size_now() const noexcept {
  struct stat s;
  const auto size = ::fstat(fd_, &s) == 0 ? static_cast<std::uint64_t>(s.st_size) : 0;
  if (size > size_max_) give_up(log_, Ended::too_large);
  return size;
}

void Watched::look_for_file(std::uint64_t instruction) noexcept {
  const int fd = ::open(path_, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return;
  if (fd < 0) give_up(log_, Ended::no_access, static_cast<std::uint64_t>(errno));
  struct stat s;
  fd_ = fd;
  if (::fstat(fd, &s) != 0) give_up(log_, Ended::other_file);
  device_ = s.st_dev;
  inode_ = s.st_ino;
  size_ = size_now();
  void* const view = ::mmap(nullptr, size_max_, PROT_READ, MAP_SHARED, fd, 0);
  void* const known =
      ::mmap(nullptr, size_max_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (view == MAP_FAILED || known == MAP_FAILED) give_up(log_, Ended::too_large);
  view_ = static_cast<const std::byte*>(view);
  known_ = static_cast<std::byte*>(known);
  std::memcpy(known_, view_, size_);
  find_mappings();
  log(Event::Kind::file, instruction, 0, size_, known_, size_);
  if (flushed_inode_ == inode_ && flushed_device_ == device_)
    log(Event::Kind::sync, instruction, 0, ~std::uint64_t{0}, nullptr, 0);
}

bool Watched::still_has_its_name() const noexcept {
  struct stat s;
  return ::stat(path_, &s) == 0 && s.st_dev == device_ && s.st_ino == inode_;
}

// One event from the first byte that differs to the last.
bool Watched::compare_range(std::uint64_t from, std::uint64_t to, std::uint64_t instruction) noexcept {
  if (std::memcmp(view_ + from, known_ + from, to - from) == 0) return false;
  while (view_[from] == known_[from]) ++from;
  while (view_[to - 1] == known_[to - 1]) --to;
  std::memcpy(known_ + from, view_ + from, to - from);
  log(Event::Kind::store, instruction, from, to - from, known_ + from, to - from);
  return true;
}

bool Watched::compare(std::uint64_t address, std::uint64_t size, std::uint64_t instruction) noexcept {
  bool changed = false;
  for (std::size_t i = 0; i < mapped_; ++i) {
    const Mapping& m = mappings_[i];
    const std::uint64_t begin = std::max(address, m.begin), end = std::min(address + size, m.end);
    if (begin >= end) continue;
    const std::uint64_t from = m.offset + (begin - m.begin), to = std::min(m.offset + (end - m.begin), size_);
    if (from < to) changed |= compare_range(from, to, instruction);
  }
  return changed;
}

bool Watched::compare_bytes(std::uint64_t instruction) noexcept {
  bool changed = false;
  for (std::uint64_t at = 0; at < size_; at += kPage)
    changed |= compare_range(at, std::min(at + kPage, size_), instruction);
  return changed;
}

// A file that grows does so page by page, and what is new in a page is there when the length covers it.
bool Watched::compare_all(std::uint64_t instruction) noexcept {
  const std::uint64_t size = size_now();
  bool changed = size != size_;
  if (size < size_) {
    std::memset(known_ + size, 0, size_ - size);
    size_ = size;
    log(Event::Kind::length, instruction, 0, size_, nullptr, 0);
  }
  changed |= compare_bytes(instruction);
  while (size_ < size) {
    const std::uint64_t from = size_;
    size_ = std::min((from / kPage + 1) * kPage, size);
    log(Event::Kind::length, instruction, 0, size_, nullptr, 0);
    compare_range(from, size_, instruction);
  }
  return changed;
}

// A line of /proc/self/maps: begin-end perms offset major:minor inode path.  The device is not compared: what it says
// there differs from stat's on some file systems; a shared mapping of another file with this inode's number only costs
// time.
void Watched::take_line(const char* at) noexcept {
  Mapping m{};
  m.begin = number(at, 16);
  m.end = number(++at, 16);
  const bool shared = at[4] == 's';
  at += 6;
  m.offset = number(at, 16);
  number(++at, 16);
  number(++at, 16);
  const std::uint64_t inode = number(++at, 10);
  if (!shared || inode != inode_ || m.begin == reinterpret_cast<std::uint64_t>(view_)) return;
  if (mapped_ == mappings_.size()) give_up(log_, Ended::unsupported);
  mappings_[mapped_++] = m;
}

void Watched::find_mappings() noexcept {
  mapped_ = 0;
  const int fd = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) give_up(log_, Ended::unsupported);
  static char buffer[1 << 16];
  std::size_t have = 0;
  for (;;) {
    const ssize_t got = ::read(fd, buffer + have, sizeof buffer - have);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < have; ++i) {
      if (buffer[i] != '\n') continue;
      take_line(buffer + begin);
      begin = i + 1;
    }
    std::memmove(buffer, buffer + begin, have - begin);
    have -= begin;
  }
  ::close(fd);
}

bool Watched::may_be_mapped_at(std::uint64_t address, std::uint64_t size) const noexcept {
  for (std::size_t i = 0; i < mapped_; ++i)
    if (address < mappings_[i].end && address + size > mappings_[i].begin) return true;
  return false;
}

void Watched::flushed_memory(std::uint64_t address, std::uint64_t size, std::uint64_t instruction) noexcept {
  size = (size + kPage - 1) / kPage * kPage;
  for (std::size_t i = 0; i < mapped_; ++i) {
    const Mapping& m = mappings_[i];
    const std::uint64_t begin = std::max(address, m.begin), end = std::min(address + size, m.end);
    if (begin < end) log(Event::Kind::sync, instruction, m.offset + (begin - m.begin), end - begin, nullptr, 0);
  }
}

void Watched::flushed_file(int fd, std::uint64_t instruction) noexcept {
  if (is_there()) return flushed_range(fd, 0, ~std::uint64_t{0}, instruction);
  struct stat s;
  if (fd < 0 || ::fstat(fd, &s) != 0) return;
  flushed_device_ = s.st_dev;
  flushed_inode_ = s.st_ino;
}

void Watched::flushed_range(int fd, std::uint64_t offset, std::uint64_t size, std::uint64_t instruction) noexcept {
  if (is_there() && (fd < 0 || is_ours(fd))) log(Event::Kind::sync, instruction, offset, size, nullptr, 0);
}

}  // namespace durra::testing
