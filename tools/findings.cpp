// Damage that was found.
#include "tools/findings.h"

#include <unistd.h>

#include <cstdio>

#include "tools/exit.h"
#include "tools/text.h"

namespace durra::tools {

std::string finding_text(const Finding& finding) {
  if (finding.error.code != Code::damaged) return finding.what + ": " + finding.error.message();
  const std::string why = finding.error.what != nullptr ? finding.error.what : "damaged";
  return hex_text(finding.error.detail) + "  " + (finding.what.empty() ? "" : escape(finding.what) + ": ") + why;
}

int answer_with_damage(const Call& call, Json data, const std::vector<Finding>& damage, std::uint64_t lost) {
  const bool ok = damage.empty() && lost == 0;
  data["damage"] = Json::array();
  for (const auto& finding : damage) {
    auto json = error_json(finding.error, finding.error.message());
    json["where"] = finding.what;
    data["damage"].push_back(std::move(json));
  }
  Json json = envelope(call.verb.name, call.store, ok);
  json["data"] = std::move(data);
  if (!ok) {
    const Error error = damage.empty() ? Error{Code::damaged} : damage[0].error;
    json["error"] = error_json(error, count_text(damage.size(), "place") + " damaged");
  }
  std::fputs(line_of(json).c_str(), stdout);
  return ok ? kDone : kDamage;
}

int answer_in_part(const Call& call, Json data, const std::optional<Error>& unreadable) {
  Json json = envelope(call.verb.name, call.store, !unreadable);
  json["data"] = std::move(data);
  if (unreadable) json["error"] = error_json(*unreadable, unreadable->message());
  std::fputs(line_of(json).c_str(), stdout);
  return unreadable ? kDamage : kDone;
}

Complaint copy_complaint(const Error& error, const std::string& old, const std::string& fresh) {
  const bool about_old = error.code == Code::damaged || error.code == Code::unsupported || error.code == Code::busy ||
                         access(old.c_str(), R_OK) != 0;
  return complaint(about_old ? old : fresh, error);
}

}  // namespace durra::tools
