// durra recover OLD NEW: a new store from what is readable in a damaged one, which is only read.
#include <durra/care.h>
#include <fmt/core.h>
#include <sys/stat.h>

#include "tools/exit.h"
#include "tools/failure.h"
#include "tools/findings.h"
#include "tools/interrupt.h"
#include "tools/progress.h"
#include "tools/terminal.h"
#include "tools/text.h"

namespace durra::tools {
namespace {

Result<Salvage> watched_recover(const std::string& old, const std::string& fresh, bool accept_older) {
  ProgressLine progress("recover");
  return recover(old, fresh, accept_older, progress.callback());
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat of_a {
  }, of_b{};
  return a == b || (stat(a.c_str(), &of_a) == 0 && stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
                    of_a.st_ino == of_b.st_ino);
}

}  // namespace

int verb_recover(Call& call) {
  std::optional<std::string> fresh;
  bool accept_older = false;
  call.needs_store()
      .takes("NEW", fresh, "the file to make")
      .flag("--accept-older", accept_older, "where the newest version is unreadable, keep the newest that is not")
      .parse();
  if (!fresh || same_file(call.store, *fresh)) throw usage("recover never writes in place; name a new file");

  const InterruptGuard guard;
  const auto done = watched_recover(call.store, *fresh, accept_older);
  if (!done) throw copy_complaint(done.error(), call.store, *fresh);
  if (call.json)
    return answer_with_damage(call,
                              {{"new_store", *fresh},
                               {"kept_records", done->kept},
                               {"lost_records", done->lost},
                               {"kept_bytes", done->bytes}},
                              done->damage, done->lost);
  for (const auto& finding : done->damage) fmt::print("damage   {}\n", damage_text(finding_text(finding)));
  fmt::print("lost     {}{}\n", done->lost == 0 ? "none" : damage_text(count_text(done->lost, "record")),
             done->lost == 0 || accept_older ? "" : "; --accept-older keeps an older version where one is intact");
  fmt::print("kept     {}, {} in {}; {} was not touched\n", count_text(done->kept, "record"), size_text(done->bytes),
             escape(*fresh), escape(call.store));
  return done->damage.empty() && done->lost == 0 ? kDone : kDamage;
}

}  // namespace durra::tools
