// What is on the disk of a store that lies in memory: blocks that were flushed, and blocks that happened to be written
// back.  A power cut leaves this, and of what was not flushed any part.
#pragma once
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

#include "store/os.h"

namespace durra::test {

// While one lives, a tmpfs counts as a disk.
struct TmpfsIsADisk {
  TmpfsIsADisk() { os::trust_tmpfs(true); }
  ~TmpfsIsADisk() { os::trust_tmpfs(false); }
  TmpfsIsADisk(const TmpfsIsADisk&) = delete;
};

// Watches over the flushes of one mapping, in this thread's process, while it lives.
class Disk final : public os::Faults {
 public:
  // `base`: of a mapping of `path`, which the store uses.
  Disk(std::string path, const std::byte* base, std::uint64_t seed);
  ~Disk() override { os::set_faults(nullptr); }
  Disk(const Disk&) = delete;

  // The kernel writes some of the blocks back that it did not have to.
  void write_back();
  // A file with what is on the disk now, and some of what is not.
  void cut(const std::string& path);
  // The same, and nothing that is not.
  void cut_all(const std::string& path) const;

  int before(os::Call) override { return 0; }
  void flushed(const void* from, std::size_t size) override;

 private:
  std::uint64_t file_size() const;
  void write(std::uint64_t from, std::uint64_t to);

  const std::string path_;
  const std::byte* const base_;
  std::mt19937_64 random_;
  std::string image_;
};

}  // namespace durra::test
