// A disk runs full.
#include <sys/mount.h>

#include "tests/proof/peers/child.h"
#include "tests/proof/peers/tally.h"
#include "tests/proof/peers/tests.h"
#include "tests/support/scratch.h"

namespace durra::peers {
namespace {

constexpr std::uint64_t kSize = 64 << 20;  // what the store may grow to; the disk is smaller

// 0: it said that it is full, and all is there; else what went wrong.
enum End { kFine, kSignal, kLost, kNeverFull };
int fill(const Peer& peer, const std::string& folder) {
  const Shared<Tally> tally;
  const int writer = ends_with(30, [&] {
    const auto session = peer.open(folder, kSize);
    if (!session) return 0;
    // Keys of its own each time: what is superseded frees nothing.
    for (std::uint32_t key = 1'000; key < 60'000; ++key)
      if (session->put(key, value_of(key, 1)) != Answer::ok)
        return 0;
      else
        ++tally->puts[0];
    return 1;
  });
  if (writer < 0) return kSignal;
  if (writer != 0) return kNeverFull;
  const int reader = ends_with(30, [&] {
    const auto session = peer.open(folder, kSize);
    if (!session) return tally->puts[0] == 0 ? 0 : 1;
    for (std::uint32_t key = 1'000; key < 1'000 + tally->puts[0]; ++key) {
      std::string bytes;
      if (session->get(key, bytes) != Answer::ok || version_of(key, bytes) != 1u) return 1;
    }
    return 0;
  });
  return reader < 0 ? kSignal : reader != 0 ? kLost : kFine;
}

}  // namespace

Full full_disk(const Peer& peer, std::uint32_t disks) {
  Full f;
  for (; f.disks < disks; ++f.disks) {
    const test::Scratch scratch;
    const std::uint64_t kib = 2'000 + 4'000 * f.disks / disks;
    const int end = test::run_with_own_mounts([&] {
      const std::string size = "size=" + std::to_string(kib) + "k";
      if (::mount("tmpfs", scratch.path().c_str(), "tmpfs", 0, size.c_str()) != 0) return test::kNoMounts;
      return fill(peer, scratch.path());
    });
    if (!WIFEXITED(end) || WEXITSTATUS(end) == test::kNoMounts) {
      f.possible = false;
      return f;
    }
    const int code = WEXITSTATUS(end);
    ++(code == kSignal ? f.signals : code == kFine ? f.errors : f.lost);
  }
  return f;
}

}  // namespace durra::peers
