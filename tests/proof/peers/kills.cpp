// Writers are killed; the others go on.
#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "tests/proof/peers/child.h"
#include "tests/proof/peers/tally.h"
#include "tests/proof/peers/tests.h"
#include "tests/support/scratch.h"

namespace durra::peers {
namespace {

using namespace std::chrono_literals;
constexpr std::uint64_t kSize = 64 << 20;
constexpr std::uint32_t kEnough = 30;  // bad rounds: more say nothing new, and each takes seconds

bool within(std::chrono::milliseconds patience, const std::function<bool()>& done) {
  for (const auto end = std::chrono::steady_clock::now() + patience; !done(); std::this_thread::sleep_for(100us))
    if (std::chrono::steady_clock::now() > end) return false;
  return true;
}

pid_t writer(const Peer& peer, const std::string& folder, Tally& t, std::uint32_t number, std::uint64_t seed) {
  return begin(60, [&] {
    const auto session = peer.open(folder, kSize);
    if (!session) return 1;
    std::mt19937_64 random(seed);
    for (;;) put_next(*session, t, number, random);
  });
}

enum Verdict { kFine, kClosed, kLost, kInsane };
int judge(const Peer& peer, const std::string& folder, Tally& t) {
  return ends_with(3, [&]() -> int {
    const auto session = peer.open(folder, kSize);
    if (!session) return kClosed;
    const Found found = look(*session, t);
    if (found != Found::all) return found == Found::lost ? kLost : found == Found::insane ? kInsane : kClosed;
    std::mt19937_64 random(1);
    for (int i = 0; i < 20; ++i)
      if (put_next(*session, t, 0, random) != Answer::ok) return kClosed;
    return kFine;
  });
}

// False: this store is not to be used any more.
bool round(const Peer& peer, const std::string& folder, Tally& t, std::mt19937_64& random, Kills& k) {
  ++k.rounds;
  const std::uint64_t before[] = {t.puts[0], t.puts[1]};
  const pid_t victim = writer(peer, folder, t, 0, random()), other = writer(peer, folder, t, 1, random());
  const bool begun = within(5s, [&] { return t.puts[0] > before[0] + 5 && t.puts[1] > before[1] + 5; });
  std::this_thread::sleep_for(std::chrono::microseconds(random() % 3'000));
  kill_now(victim);
  const std::uint64_t then = t.puts[1];
  const bool goes_on = begun && within(2s, [&] { return t.puts[1] > then + 20; });
  kill_now(other);
  if (!goes_on) return ++k.stuck, false;
  const int verdict = judge(peer, folder, t);
  if (verdict == kFine) return true;
  ++(verdict == -SIGALRM ? k.stuck : verdict == kLost ? k.lost : verdict == kClosed ? k.closed : k.insane);
  return false;
}

}  // namespace

Kills kill_writers(const Peer& peer, std::uint32_t rounds, std::uint64_t seed) {
  Kills k;
  std::mt19937_64 random(seed);
  while (k.rounds < rounds && k.bad() < kEnough) {
    const test::Scratch scratch;
    const Shared<Tally> tally;
    while (k.rounds < rounds && round(peer, scratch.path(), *tally, random, k)) {
    }
  }
  return k;
}

}  // namespace durra::peers
