// verify, of the index: whoever looks for a key that has a version finds its newest one.
#pragma once
#include <functional>
#include <optional>
#include <unordered_set>
#include <vector>

#include "format/layout.h"
#include "store/file_walk.h"

namespace durra::detail {

class IndexCheck {
 public:
  using Damage = std::function<void(std::uint64_t offset, format::Why, std::string what)>;
  explicit IndexCheck(FileReader& reader) noexcept : reader_(reader) {}

  // A version that the walk over the records met, with its stamp; 0: not known.
  struct Version {
    std::uint64_t tag, at, stamp;
    bool tombstone;  // may have left the index, if it is the newest of its key
  };
  void note(const Version& v) { versions_.push_back(v); }

  // Walks the index, after all versions were noted.  A key that has a value never leaves it, and what it names only
  // gets newer: so what the walk met before must be there also in a live store.
  void run(const Damage&);

 private:
  // A record that a look-up for its own key comes by.
  struct Named {
    std::uint64_t tag, stamp;
  };
  std::optional<Named> named_by(std::uint64_t offset, const format::RecordHeader&);
  void node(std::uint64_t parent, std::uint64_t prefix, std::uint32_t bits, std::uint32_t depth);
  void leaf(std::uint64_t at, const std::vector<std::uint64_t>& slots, std::uint64_t prefix, std::uint32_t bits);
  void compare();
  bool can_hold_record(std::uint64_t offset);
  void still_there(std::uint64_t offset, std::uint64_t word, format::Why);

  FileReader& reader_;
  const Damage* damage_ = nullptr;
  std::vector<Version> versions_;
  std::vector<Named> named_;
  std::unordered_set<std::uint64_t> met_;  // nodes: of those that name one another there is no end
  std::uint64_t met_bytes_ = 0;            // of them
};

}  // namespace durra::detail
