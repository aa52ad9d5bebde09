// durra verify STORE: checks every byte that is in use, also while others work.
#include <durra/care.h>
#include <fmt/core.h>

#include <chrono>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/findings.h"
#include "tools/interrupt.h"
#include "tools/progress.h"
#include "tools/terminal.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

Result<Verdict> watched_verify(const std::string& path) {
  ProgressLine progress("verify");
  return verify(path, progress.callback());
}

void print(const Verdict& v, std::uint64_t ns, const std::string& path) {
  for (const auto& finding : v.damage) fmt::print("{}\n", damage_text(finding_text(finding)));
  fmt::print("checked  {}, {}, {} in {}", count_text(v.regions, "region"), count_text(v.records, "record"),
             size_text(v.bytes), duration_text(ns));
  fmt::print("{}\n", v.processes == 0 ? "" : "; " + count_text(v.processes, "process") + " kept working");
  if (v.torn_tails != 0) fmt::print("tails    {} torn: normal after a kill\n", v.torn_tails);
  if (v.damage.empty())
    fmt::print("damage   none\n");
  else
    fmt::print("damage   {}, all other records answer.  Into a new file: durra recover {} {}.recovered\n",
               damage_text(count_text(v.damage.size(), "place")), escape(path), escape(path));
}

}  // namespace

int verb_verify(Call& call) {
  call.needs_store().parse();
  const InterruptGuard guard;
  const auto begun = std::chrono::steady_clock::now();
  const auto verdict = must(watched_verify(call.store), call.store);
  const auto ns = static_cast<std::uint64_t>((std::chrono::steady_clock::now() - begun) / std::chrono::nanoseconds(1));
  if (!call.json) {
    print(verdict, ns, call.store);
    return verdict.damage.empty() ? kDone : kDamage;
  }
  return answer_with_damage(call,
                            {{"regions", verdict.regions},
                             {"records", verdict.records},
                             {"bytes", verdict.bytes},
                             {"torn_tails", verdict.torn_tails},
                             {"processes", verdict.processes},
                             {"duration_ns", ns}},
                            verdict.damage);
}

}  // namespace durra::tools
