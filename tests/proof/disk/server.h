// A LogDisk as a block device: this process serves it to the kernel as the only file of a FUSE file system, and a loop
// device lies on that file.  Needs root.
#pragma once
#include <string>

#include "tests/proof/disk/log_disk.h"
#include "tests/support/scratch.h"

namespace durra::test {

class BlockDevice {
 public:
  // Mounts at `folder`; for a process with mounts of its own.  Throws what cannot be done here.
  BlockDevice(LogDisk&, const std::string& folder);
  ~BlockDevice();
  BlockDevice(const BlockDevice&) = delete;
  const std::string& path() const { return path_; }
  // The kernel forgets what it has read; to be called before the disk's content is changed.
  void forget() const;

 private:
  void attach(int backing);
  void stop() noexcept;

  const std::string folder_;
  std::string path_;
  int loop_ = -1;
  pid_t server_ = -1;
};

}  // namespace durra::test
