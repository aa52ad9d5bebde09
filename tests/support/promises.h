// What a program was promised at each moment, and whether a store that was found after a power cut keeps it: what was
// durable is there in that version or a later one, nothing torn, a batch whole or not at all, no event shown twice or
// left out.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace durra::test {

// Put by whoever checks that the store works on; looks pass it over.
inline constexpr std::string_view kAfterwards = "afterwards";

// What somebody found in a store: per key the operation whose value it has.
struct Found {
  static constexpr int kAbsent = -1;
  std::vector<int> ops;                              // by key; the cursor's and the events' too
  std::vector<unsigned> read;                        // events that the cursor says were consumed
  std::vector<unsigned> shown;                       // events that the tail shows next, if it was asked
  bool tail = false;                                 // it was asked
  std::optional<std::int64_t> count;                 // the typed things, if they are there
  std::optional<std::set<std::uint64_t>> field;      // which values its elements have
  std::optional<std::vector<std::uint64_t>> ring{};  //
  std::string wrong;  // what no store may show: torn values, a get that differs from the scan
  bool operator==(const Found&) const = default;
};
// By gets and by a scan.  `tail`: also by the tail, which takes its name for a while.
Found look(Store&, const Program&, bool tail);

enum class Broken : std::uint8_t { nothing, torn, lost, half_a_batch, feed };

class Promises {
 public:
  // `on_disk`: so many operations had their effects on the disk before anything else happened.
  Promises(const Program&, std::span<const Moment>, std::size_t on_disk = 0);

  struct Verdict {
    Broken what = Broken::nothing;
    std::string story;
  };
  // Of a store as a power cut at `moment` left it.
  Verdict judge(const Found&, std::uint64_t moment) const;
  // Whether anything at all was durable then: before, there need not be a file.
  bool any(std::uint64_t moment) const;

 private:
  struct Version {
    int op;  // kAbsent: the key is not there
    std::uint64_t begun, durable;
    int batch;  // the operation, or -1
  };
  void all_durable(std::uint64_t moment);
  Verdict judge_key(const Found&, unsigned key, std::uint64_t moment) const;
  Verdict judge_batch(const Found&, unsigned op, std::uint64_t moment) const;
  Verdict judge_feed(const Found&) const;
  Verdict judge_typed(const Found&, std::uint64_t moment) const;
  bool matches(const Found&, unsigned key, std::size_t from, std::uint64_t moment) const;

  const Program& program_;
  std::vector<std::vector<Version>> versions_;  // by key, the oldest first
  std::vector<Version> typed_;                  // what typed things went on
};

}  // namespace durra::test
