// A file of which some bytes are not as they were written.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/proof/peers/child.h"
#include "tests/proof/peers/tally.h"
#include "tests/proof/peers/tests.h"
#include "tests/support/scratch.h"

namespace durra::peers {
namespace {

constexpr std::uint64_t kSize = 1 << 20;
constexpr std::uint32_t kRecords = 300;
constexpr int kChanged = 20;  // bytes

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
// The same file as before, with other bytes: as when a disk rots, no time tells.
void write(const std::string& path, const std::string& bytes, const struct stat& before) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool good = ::ftruncate(fd, static_cast<off_t>(bytes.size())) == 0 &&
                    ::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  const timespec times[] = {before.st_atim, before.st_mtim};
  ::futimens(fd, times);
  ::close(fd);
  if (!good) throw std::runtime_error("write " + path);
}
// Blocks with something in them: an empty one is no fair place to hit.
std::vector<std::size_t> used_blocks(const std::string& bytes) {
  std::vector<std::size_t> used;
  for (std::size_t at = 0; at < bytes.size(); at += 4096)
    if (bytes.find_first_not_of('\0', at) < at + 4096) used.push_back(at);
  return used;
}
void change(std::string& bytes, const std::vector<std::size_t>& blocks, std::mt19937_64& random) {
  for (int i = 0; i < kChanged; ++i) {
    const std::size_t at = blocks[random() % blocks.size()] + random() % 4096;
    if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + random() % 255));
  }
}

enum Seen { kTold = 1, kSilent = 2, kFound = 4 };
int read(const Peer& peer, const std::string& folder) {
  return ends_with(2, [&]() -> int {
    const auto session = peer.open(folder, kSize);
    if (!session) return kTold;
    int seen = 0;
    for (std::uint32_t key = 0; key < kRecords; ++key) {
      std::string bytes;
      const Answer a = session->get(key, bytes);
      if (a == Answer::error || a == Answer::full)
        seen |= kTold;
      else if (a == Answer::absent || version_of(key, bytes) != 1u)
        seen |= kSilent;
    }
    if (seen & kSilent && !session->check()) seen |= kFound;
    return seen;
  });
}

}  // namespace

Flips flip_bytes(const Peer& peer, std::uint32_t files, std::uint64_t seed) {
  Flips f;
  std::mt19937_64 random(seed);
  const test::Scratch scratch;
  ends_with(10, [&] {
    const auto session = peer.open(scratch.path(), kSize);
    for (std::uint32_t key = 0; key < kRecords; ++key) session->put(key, value_of(key, 1));
    return 0;
  });
  const std::string path = scratch / peer.file, good = bytes_of(path);
  const auto blocks = used_blocks(good);
  struct stat before {};
  ::stat(path.c_str(), &before);
  for (; f.files < files; ++f.files) {
    for (const auto& file : std::filesystem::directory_iterator(scratch.path()))
      if (file.path() != path) std::filesystem::remove(file.path());
    std::string bad = good;
    change(bad, blocks, random);
    write(path, bad, before);
    const int seen = read(peer, scratch.path());
    if (seen < 0) {
      ++(seen == -SIGALRM ? f.hangs : f.signals);
    } else if (seen & kSilent) {
      ++f.silent;
      f.unfound += (seen & kFound) == 0;
    } else {
      ++(seen & kTold ? f.told : f.harmless);
    }
  }
  return f;
}

}  // namespace durra::peers
