// A file that is compared with what it was: its length, its bytes, and where this process maps it.
#pragma once
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "tests/testing/log.h"

namespace durra::testing {

// Everything here is called between two instructions of other code: no allocation, no locks, no exceptions.
class Watched {
 public:
  Watched(const char* path, std::uint64_t size_max, Log& log) noexcept : path_(path), size_max_(size_max), log_(log) {}
  Watched(const Watched&) = delete;

  // Looks for the file by its name, if it has not been there yet; `flushed`: inodes are those of the last file that
  // was flushed before it had this name.
  void look_for_file(std::uint64_t instruction) noexcept;
  bool is_there() const noexcept { return view_ != nullptr; }
  bool still_has_its_name() const noexcept;

  // Compares what an instruction may have changed: some bytes of memory; everything, of which system calls change
  // length too.  True: something had changed.
  bool compare(std::uint64_t address, std::uint64_t size, std::uint64_t instruction) noexcept;
  bool compare_bytes(std::uint64_t instruction) noexcept;
  bool compare_all(std::uint64_t instruction) noexcept;

  // The process has other mappings now.
  void find_mappings() noexcept;
  bool may_be_mapped_at(std::uint64_t address, std::uint64_t size) const noexcept;
  // A flush of memory, or of all that the descriptor (-1: every file) has.
  void flushed_memory(std::uint64_t address, std::uint64_t size, std::uint64_t instruction) noexcept;
  void flushed_file(int fd, std::uint64_t instruction) noexcept;
  void flushed_range(int fd, std::uint64_t offset, std::uint64_t size, std::uint64_t instruction) noexcept;

 private:
  struct Mapping {
    std::uint64_t begin, end, offset;
  };
  bool is_ours(int fd) const noexcept;
  std::uint64_t size_now() const noexcept;
  void log(Event::Kind, std::uint64_t instruction, std::uint64_t offset, std::uint64_t size, const void* bytes,
           std::uint64_t count) noexcept;
  bool compare_range(std::uint64_t from, std::uint64_t to, std::uint64_t instruction) noexcept;
  void take_line(const char* line) noexcept;

  const char* const path_;
  const std::uint64_t size_max_;
  Log& log_;
  int fd_ = -1;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  const std::byte* view_ = nullptr;  // the file as it is
  std::byte* known_ = nullptr;       // as it was
  std::uint64_t size_ = 0;
  std::array<Mapping, 64> mappings_{};
  std::size_t mapped_ = 0;
  dev_t flushed_device_ = 0;  // of the file that was flushed last, before ours had its name
  ino_t flushed_inode_ = 0;
};

// Ends this process; the log says why.
[[noreturn]] void give_up(Log&, Ended, std::uint64_t where = 0) noexcept;

}  // namespace durra::testing
