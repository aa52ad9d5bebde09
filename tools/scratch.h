// Where stores of tests and demos fit: the same places in the same order as scratch.sh.
#pragma once
#include <cstdint>
#include <string>

namespace durra::tools {

// A new directory, removed with all its files by the destructor.
class Scratch {
 public:
  // The first place with that much room, file systems with all of durra's promises first.  Throws a Complaint when
  // there is none.  `in`: there and nowhere else.
  explicit Scratch(std::uint64_t bytes, const std::string& in = "");
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const noexcept { return path_; }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// "ext4 on /dev/vda": what a file or directory lies on.
std::string place_text(const std::string& path);

}  // namespace durra::tools
