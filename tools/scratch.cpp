// Where stores of tests and demos fit.
#include "tools/scratch.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "tools/failure.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

struct Kind {
  long magic;
  bool whole;  // all of durra's promises hold there
};
constexpr std::array kKinds{Kind{0xef53, true}, Kind{0x58465342, true}, Kind{0x9123683e, true}, Kind{0x01021994, true},
                            Kind{0x794c7630, false}};  // ext4, xfs, btrfs, tmpfs; overlayfs

bool fits(const std::string& place, std::uint64_t bytes, bool whole) {
  struct statfs s {};
  if (place.empty() || ::access(place.c_str(), W_OK | X_OK) != 0 || ::statfs(place.c_str(), &s) != 0) return false;
  if (static_cast<std::uint64_t>(s.f_bavail) * static_cast<std::uint64_t>(s.f_bsize) < bytes) return false;
  for (const Kind& k : kKinds)
    if (k.magic == s.f_type) return k.whole == whole;
  return false;
}

std::string choose(std::uint64_t bytes, const std::string& in) {
  if (!in.empty()) return in;
  const auto variable = [](const char* name) { return std::string(std::getenv(name) ? std::getenv(name) : ""); };
  const std::vector<std::string> places{variable("DURRA_SCRATCH"),
                                        variable("TMPDIR"),
                                        "/tmp",
                                        "/var/tmp",
                                        "/dev/shm",
                                        std::filesystem::current_path().string()};
  for (const bool whole : {true, false})
    for (const std::string& place : places)
      if (fits(place, bytes, whole)) return place;
  throw Complaint{
      "",
      {Code::full, 0, bytes},
      fmt::format("no place with {} free on ext4, xfs, btrfs, tmpfs or overlayfs; name one: DURRA_SCRATCH=DIR",
                  size_text(bytes))};
}

}  // namespace

Scratch::Scratch(std::uint64_t bytes, const std::string& in) : path_(choose(bytes, in) + "/durra.XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr)
    throw complaint(path_, {Code::io, static_cast<std::uint16_t>(errno), 0, "mkdtemp"});
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

// /proc/self/mountinfo: … major:minor root mount-point options … - type source options
std::string place_text(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return "an unknown place";
  const std::string device = fmt::format("{}:{}", major(info.st_dev), minor(info.st_dev));
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id, parent, where, word, type, source;
    words >> id >> parent >> where;
    if (where != device) continue;
    while (words >> word && word != "-") {
    }
    words >> type >> source;
    return type + (source.starts_with('/') ? " on " + source : "");
  }
  return "an unknown place";
}

}  // namespace durra::tools
