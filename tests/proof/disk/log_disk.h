// A disk in memory that keeps a log of what was written to it and when it was flushed, and can be set back to what a
// power cut could have left at any place of the log.  Shared with all forked processes.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace durra::test {

class LogDisk {
 public:
  explicit LogDisk(std::uint64_t size);  // of zeros, not logging
  ~LogDisk();
  LogDisk(const LogDisk&) = delete;

  std::uint64_t size() const { return size_; }
  std::byte* content() { return now_; }  // as it would be read
  // What is on it now is what it begins with.
  void settle();

  // ---- For whoever serves it.
  void write(std::uint64_t offset, const std::byte* from, std::uint64_t size);
  void flush();

  // ---- The log.
  void log(bool on);               // on: begins anew
  std::uint64_t position() const;  // how many entries it has
  bool overflowed() const;

  // ---- Power cuts, at places that only rise; each is followed by a heal().
  // How what was written since the last flush before `at` got to the disk: in units of `unit` bytes (0: each write
  // whole), each with the chance `kept` of 256, and `reordered` or in the order of the log.
  struct Cut {
    std::uint64_t at;
    unsigned unit, kept;
    bool reordered;
  };
  // Returns how many units were kept.
  std::uint64_t cut(const Cut&, std::mt19937_64&);
  void heal();

 private:
  struct Entry {
    std::uint64_t offset, size, data;  // size 0: a flush
  };
  struct Shared {
    std::atomic<std::uint64_t> entries, bytes;
    std::atomic<bool> logging, full;
  };
  struct Unit {
    std::uint64_t offset, size, data;
  };
  void advance(std::uint64_t at);
  void put(const Unit&);
  void touch(std::uint64_t offset, std::uint64_t size);

  const std::uint64_t size_;
  std::byte *now_, *stable_, *data_;
  std::uint8_t* touched_;  // per 4 KiB, since the cut
  Entry* log_;
  Shared* shared_;
  std::uint64_t stable_at_ = 0;  // entries that are in stable_
};

}  // namespace durra::test
