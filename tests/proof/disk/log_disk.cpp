// A disk in memory that keeps a log.
#include "tests/proof/disk/log_disk.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace durra::test {
namespace {

constexpr std::uint64_t kBlock = 4096, kEntriesMax = 1 << 20, kDataMax = 1ull << 30;

// Takes memory only where it is touched.
template <class T>
T* shared_memory(std::uint64_t count) {
  void* const at =
      ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  return static_cast<T*>(at);
}

}  // namespace

LogDisk::LogDisk(std::uint64_t size)
    : size_(size),
      now_(shared_memory<std::byte>(size)),
      stable_(shared_memory<std::byte>(size)),
      data_(shared_memory<std::byte>(kDataMax)),
      touched_(shared_memory<std::uint8_t>(size / kBlock)),
      log_(shared_memory<Entry>(kEntriesMax)),
      shared_(new(shared_memory<Shared>(1)) Shared{}) {}

LogDisk::~LogDisk() {
  ::munmap(now_, size_);
  ::munmap(stable_, size_);
  ::munmap(data_, kDataMax);
  ::munmap(touched_, size_ / kBlock);
  ::munmap(log_, kEntriesMax * sizeof(Entry));
  ::munmap(shared_, sizeof(Shared));
}

void LogDisk::settle() {
  std::memcpy(stable_, now_, size_);
  std::memset(touched_, 0, size_ / kBlock);
  stable_at_ = 0;
}

// One server writes, and nobody else adds entries: the position is what others read.
void LogDisk::write(std::uint64_t offset, const std::byte* from, std::uint64_t size) {
  std::memcpy(now_ + offset, from, size);
  if (!shared_->logging) return touch(offset, size);
  const std::uint64_t n = shared_->entries, at = shared_->bytes;
  if (n == kEntriesMax || at + size > kDataMax) {
    shared_->full = true;
    return;
  }
  std::memcpy(data_ + at, from, size);
  log_[n] = {offset, size, at};
  shared_->bytes = at + size;
  shared_->entries = n + 1;
}

void LogDisk::flush() {
  if (!shared_->logging) return;
  const std::uint64_t n = shared_->entries;
  if (n == kEntriesMax) {
    shared_->full = true;
    return;
  }
  log_[n] = {0, 0, 0};
  shared_->entries = n + 1;
}

void LogDisk::log(bool on) {
  if (on) {
    shared_->entries = 0;
    shared_->bytes = 0;
  } else {
    std::memcpy(now_, stable_, size_);
  }
  shared_->logging = on;
}

std::uint64_t LogDisk::position() const { return shared_->entries; }
bool LogDisk::overflowed() const { return shared_->full; }

void LogDisk::touch(std::uint64_t offset, std::uint64_t size) {
  for (std::uint64_t block = offset / kBlock; block * kBlock < offset + size; ++block) touched_[block] = 1;
}

// Everything up to the last flush before `at` is on the disk.
void LogDisk::advance(std::uint64_t at) {
  std::uint64_t flushed = at;
  while (flushed > stable_at_ && log_[flushed - 1].size != 0) --flushed;
  for (; stable_at_ < flushed; ++stable_at_) {
    const Entry& e = log_[stable_at_];
    std::memcpy(stable_ + e.offset, data_ + e.data, e.size);
    std::memcpy(now_ + e.offset, data_ + e.data, e.size);
  }
}

void LogDisk::put(const Unit& u) {
  std::memcpy(now_ + u.offset, data_ + u.data, u.size);
  touch(u.offset, u.size);
}

std::uint64_t LogDisk::cut(const Cut& cut, std::mt19937_64& random) {
  advance(cut.at);
  std::vector<Unit> kept;
  for (std::uint64_t i = stable_at_; i < cut.at; ++i) {
    const Entry& e = log_[i];
    const std::uint64_t unit = cut.unit == 0 ? e.size : cut.unit;
    for (std::uint64_t from = 0; from < e.size; from += unit)
      if (random() % 256 < cut.kept) kept.push_back({e.offset + from, std::min(unit, e.size - from), e.data + from});
  }
  if (cut.reordered) std::shuffle(kept.begin(), kept.end(), random);
  for (const Unit& u : kept) put(u);
  return kept.size();
}

void LogDisk::heal() {
  for (std::uint64_t block = 0; block < size_ / kBlock; ++block) {
    if (touched_[block] == 0) continue;
    std::memcpy(now_ + block * kBlock, stable_ + block * kBlock, kBlock);
    touched_[block] = 0;
  }
}

}  // namespace durra::test
