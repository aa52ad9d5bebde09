// Opens what power cuts left, many times a second: always in the same file and through one mapping, of which only the
// pages that differ are written.
#pragma once
#include <durra/care.h>

#include <optional>
#include <string>
#include <string_view>

#include "store/os.h"
#include "tests/support/promises.h"

namespace durra::test {

class Checker {
 public:
  // While it lives all handles of this process share a mapping, and a tmpfs counts as a disk.
  Checker(std::string path, const Program&);
  ~Checker();
  Checker(const Checker&) = delete;
  const std::string& path() const { return path_; }

  // The file is this, after a reboot, and has been in the file system all the time.
  void place(std::string_view image);
  // Opens it; "" or why it cannot.  `rebuild`: asked for.
  std::string open(bool rebuild = false);
  Store& store() { return *store_; }
  bool opened_clean() const { return clean_; }
  void close() { store_.reset(); }

 private:
  void map(std::string_view image);
  void reboot();

  const std::string path_;
  const Program& program_;
  os::File file_;
  os::Mapping map_;
  std::uint64_t size_ = 0;
  format::Identity identity_{};
  std::optional<Store> store_;
  bool clean_ = false;
};

}  // namespace durra::test
