// A reader that never lets go.
#include <sys/stat.h>

#include <filesystem>

#include "tests/proof/peers/child.h"
#include "tests/proof/peers/tally.h"
#include "tests/proof/peers/tests.h"
#include "tests/support/scratch.h"

namespace durra::peers {
namespace {

constexpr std::uint64_t kSize = 16 << 20;
constexpr std::uint64_t kBefore = 500;  // puts, before the reader comes

std::uint64_t disk_bytes(const std::string& folder) {
  std::uint64_t blocks = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    struct stat st;
    if (::stat(file.path().c_str(), &st) == 0) blocks += static_cast<std::uint64_t>(st.st_blocks);
  }
  return blocks * 512;
}

// Puts, waits for the word to go on, puts until one fails or so many are done: 0 done, 1 cannot open, 2 full, 3 another
// error.
pid_t writer(const Peer& peer, const std::string& folder, Tally& t, std::uint64_t puts) {
  return begin(600, [&] {
    const auto session = peer.open(folder, kSize);
    if (!session) return 1;
    std::mt19937_64 random(7);
    while (t.puts[0] < kBefore + puts) {
      if (const Answer a = put_next(*session, t, 0, random); a != Answer::ok) return a == Answer::full ? 2 : 3;
      while (t.puts[0] == kBefore && !t.go_on) ::usleep(1000);
    }
    return 0;
  });
}
pid_t reader(const Peer& peer, const std::string& folder, Tally& t) {
  return begin(600, [&] {
    const auto session = peer.open(folder, kSize);
    session->hold();
    t.ready = true;
    for (;;) ::pause();
    return 0;
  });
}
// How the writer ends; SIGKILL if it had to be helped, because nothing moved for 2 s.
int end_of_writer(pid_t pid, const Tally& t) {
  std::uint64_t puts = t.puts[0];
  for (int still = 0; still < 2'000; ++still) {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    if (info.si_pid == pid) return end_of(pid);
    if (t.puts[0] != puts) puts = t.puts[0], still = 0;
    ::usleep(1000);
  }
  ::kill(pid, SIGKILL);
  return end_of(pid);
}

}  // namespace

Reader stale_reader(const Peer& peer, bool killed, std::uint32_t puts) {
  Reader r;
  r.tried = puts;
  const test::Scratch scratch;
  const Shared<Tally> tally;
  const pid_t writes = writer(peer, scratch.path(), *tally, puts);
  while (tally->puts[0] < kBefore) ::usleep(1000);
  const pid_t reads = reader(peer, scratch.path(), *tally);
  while (!tally->ready) ::usleep(1000);
  killed ? kill_now(reads) : static_cast<void>(::kill(reads, SIGSTOP));
  const std::uint64_t before = disk_bytes(scratch.path());
  tally->go_on = true;
  const int end = end_of_writer(writes, *tally);
  r.puts = static_cast<std::uint32_t>(tally->puts[0] - kBefore);
  const std::uint64_t after = disk_bytes(scratch.path());
  r.grown = after > before ? after - before : 0;
  if (end != 0) r.end = end == -SIGKILL ? "stuck" : end < 0 ? "killed by a signal" : end == 2 ? "full" : "an error";
  if (!killed) kill_now(reads);
  return r;
}

}  // namespace durra::peers
