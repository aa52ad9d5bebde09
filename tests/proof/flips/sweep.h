// Which changes of an image are tried in one way of looking at it, and what their outcomes mean.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/proof/flips/trace.h"
#include "tests/proof/flips/trial.h"

namespace durra::test {

struct Sweep {
  const Image* image;
  Way way;
  std::vector<Change> changes;
  std::uint64_t unread = 0;    // bits that this way does not read: they cannot change what it says
  std::uint64_t left_out = 0;  // bits that another seed tries
  std::uint64_t checks = 0;    // of the changes, the last so many are of unread bits: nothing may come of them
  std::string broken{};        // why the unchanged file is not right, if it is not

  std::string name() const { return image->name + "/" + durra::test::name(way); }
  bool is_check(std::size_t i) const { return i + checks >= changes.size(); }
};

struct Plan {
  std::uint64_t seed = 1;
  bool brief = false;  // one change of many
};
// Looks at the unchanged file once, to learn what is read; `path`: where a file may be.
Sweep sweep_of(const Image&, Way, const Plan&, const std::string& path);

enum class Verdict : std::uint8_t {
  harmless,    // every answer as if nothing had happened
  detected,    // an error, with where, or what verify and recover report
  documented,  // an answer is missing, where the documentation says that it may be
  silent,      // an answer is wrong, and nobody says so
};
// `verified`: asked only when it matters: whether verify reports this change.
template <class Verified>
Verdict judge(const Sweep& sweep, const Change& change, std::uint32_t bits, Verified verified);

// Whether the documentation allows that something is missing: rot in the index is not seen by a get, rot above what was
// synced looks to a rebuild like the torn tail of a power cut.
bool may_be_missed_by_index(const Sweep&, const Change&);
// A clock that went back a little is believed where the index is; verify compares it with the stamps.
bool may_be_missed_by_clock(const Sweep&, const Change&);
bool may_be_torn_tail(const Sweep&, const Change&, std::uint32_t bits);
// A copy without its check is one that lost, says the format: also one whose check rots to exactly 0.
bool may_be_lost_copy(const Sweep&, const Change&, std::uint32_t bits);

template <class Verified>
Verdict judge(const Sweep& sweep, const Change& change, std::uint32_t bits, Verified verified) {
  constexpr std::uint32_t kNever = put_lost | changed | odd_error | bad_copy;
  constexpr std::uint32_t kWrong = get_miss | get_wrong | scan_miss | scan_wrong;
  constexpr std::uint32_t kTold = refused | get_error | get_rotten | scan_error | scan_rotten | put_error | told;
  if ((bits & kNever) != 0) return Verdict::silent;
  if ((bits & kWrong) == 0) return (bits & kTold) != 0 ? Verdict::detected : Verdict::harmless;
  if (may_be_lost_copy(sweep, change, bits)) return Verdict::documented;
  if (sweep.way == Way::recovered) return (bits & told) != 0 ? Verdict::detected : Verdict::silent;
  if (may_be_torn_tail(sweep, change, bits)) return Verdict::documented;
  const bool by_index = may_be_missed_by_index(sweep, change) && (bits & scan_miss) == 0;
  return (by_index || may_be_missed_by_clock(sweep, change)) && verified() ? Verdict::documented : Verdict::silent;
}

}  // namespace durra::test
