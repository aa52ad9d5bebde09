// Damage that was found, in words and in JSON; and which of two files an error is about.
#pragma once
#include <durra/care.h>

#include <optional>
#include <string>
#include <vector>

#include "tools/failure.h"
#include "tools/json.h"

namespace durra::tools {

// "0x30c4c0  region 3, "user/17", 212 bytes: checksum mismatch"
std::string finding_text(const Finding&);

// Prints the envelope with data and damage; not ok, and exit 3, when there is damage or loss.
int answer_with_damage(const Call&, Json data, const std::vector<Finding>& damage, std::uint64_t lost = 0);

// Prints the envelope with figures that leave out what cannot be read, if anything: then it is not ok, and exit 3.
int answer_in_part(const Call&, Json data, const std::optional<Error>& unreadable);

// Of a copy from `old` to `fresh`: the complaint about the one that the error is about.
Complaint copy_complaint(const Error&, const std::string& old, const std::string& fresh);

}  // namespace durra::tools
