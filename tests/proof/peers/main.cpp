// G15: what durra is tested with, done to others: kill -9, readers that never let go, a full disk, changed bytes.
// Prints a table; tests/proof/peers/run.py --readme puts it into README.md.
#include <cstdio>
#include <string>

#include "tests/proof/peers/tests.h"
#include "tests/support/proof.h"

using namespace durra::peers;
using durra::test::Proof;

namespace {

std::string of(std::uint32_t some, std::uint32_t all) { return std::to_string(some) + " of " + std::to_string(all); }
std::string text(const Kills& k) {
  std::string s = of(k.bad(), k.rounds);
  if (k.bad() == 0) return s;
  s += " (";
  const std::pair<std::uint32_t, const char*> kinds[] = {
      {k.stuck, "stuck"}, {k.closed, "unusable"}, {k.lost, "lost"}, {k.insane, "insane"}};
  for (const auto& [count, what] : kinds)
    if (count) s += std::to_string(count) + " " + what + ", ";
  return s.replace(s.size() - 2, 2, ")");
}
std::string text(const Reader& r) {
  char grown[32];
  std::snprintf(grown, sizeof grown, ", +%.1f MiB", static_cast<double>(r.grown) / (1 << 20));
  return (r.end == "goes on" ? r.end : r.end + " after " + std::to_string(r.puts)) + grown;
}
std::string text(const Full& f) {
  if (!f.possible) return "not tested here";
  if (f.errors == f.disks) return "an error";
  return (f.signals ? of(f.signals, f.disks) + " by signal" : "") + (f.lost ? of(f.lost, f.disks) + " lost" : "");
}
std::string text(const Flips& f) {
  return std::to_string(f.signals + f.hangs) + " | " + std::to_string(f.silent) + " | " + std::to_string(f.unfound);
}

}  // namespace

int main(int argc, char** argv) {
  Proof proof(argc, argv, "the same deaths, full disks and changed bytes for durra and its peers");
  const std::uint32_t rounds = proof.brief() ? 2 : 400, puts = proof.brief() ? 2'000 : 60'000;
  const std::uint32_t disks = proof.brief() ? 1 : 20, files = proof.brief() ? 20 : 300;
  std::uint64_t others = 0, kills = 0, damaged = 0;
  std::string table;
  for (const Peer& peer : all_peers()) {
    if (!proof.wants(peer.name)) continue;
    const Kills k = kill_writers(peer, rounds, proof.seed());
    const Reader dead = stale_reader(peer, true, puts), stopped = stale_reader(peer, false, puts);
    const Full full = full_disk(peer, disks);
    const Flips flips = flip_bytes(peer, files, proof.seed());
    table += "| " + peer.name + " " + peer.version + " | " + text(k) + " | " + text(dead) + " | " + text(stopped) +
             " | " + text(full) + " | " + text(flips) + " |\n";
    kills += k.rounds;
    damaged += flips.files;
    others += !peer.name.starts_with("durra");
    if (!peer.name.starts_with("durra")) continue;
    if (k.bad() != 0) proof.failure("kills: " + text(k));
    if (dead.end != "goes on") proof.failure("a killed reader: " + text(dead));
    if (stopped.end != "goes on" && stopped.end != "full") proof.failure("a stopped reader: " + text(stopped));
    if (full.possible && full.errors != full.disks) proof.failure("a full disk: " + text(full));
    if (flips.signals + flips.hangs + flips.unfound != 0) proof.failure("changed bytes: " + text(flips));
  }
  std::printf(
      "| | kills that went wrong | reader killed, then %u puts | reader stopped, then %u puts | disk full | "
      "crash or hang, of %u damaged files | wrong answer | wrong, and its check is silent |\n"
      "|---|---|---|---|---|---|---|---|\n%s",
      puts, puts, files, table.c_str());
  proof.figure("peers", others);
  proof.figure("kills", kills);
  proof.figure("files", damaged);
  return proof.finish();
}
