// Tail: what changed, in order of stamps, a collection at a time (PROTOCOL.md TAIL).
#pragma once
#include <compare>
#include <set>
#include <string>
#include <vector>

#include "store/snapshot.h"

namespace durra::detail {

// A key in the order in which records of one stamp are shown.  The key itself and not its tag: in a copy of the file
// tags differ, and positions go on.
struct KeyName {
  bool is_text = false;
  std::uint64_t id = 0;
  std::string_view text;
  friend auto operator<=>(const KeyName&, const KeyName&) = default;
};
inline KeyName name_of(const Handle& h, const RecordRef& r) noexcept {
  if (r.shape.key_size != 0) return {true, 0, r.key()};
  return {false, format::id_of(r.tag(), h.space.seed()), {}};
}

// A place in the order of all versions: behind the version (stamp, key), or behind all with that stamp.
struct Position {
  std::uint64_t stamp = 0;
  bool whole = true;
  bool is_text = false;
  std::uint64_t id = 0;
  std::string text;

  KeyName name() const noexcept { return {is_text, id, text}; }
  bool is_behind(std::uint64_t s, const KeyName& n) const noexcept {
    return s < stamp || (s == stamp && (whole || n <= name()));
  }
  bool is_behind_all_of(std::uint64_t s) const noexcept { return s < stamp || (s == stamp && whole); }
};
inline Position behind(std::uint64_t stamp, const KeyName& n) {
  return {stamp, false, n.is_text, n.id, std::string(n.text)};
}
inline Position behind_time(std::uint64_t time) { return {time << 16 | 0xffff, true, false, 0, {}}; }

// What a tail remembers of a region, so that it reads only what is new: in the life `generation` the records of
// [kRegionData, end) were read after they had settled, and their stamps lie from `low` to `high`.
struct SeenRegion {
  std::uint64_t generation = 0;
  std::uint64_t end = format::kRegionData;
  std::uint64_t low = ~0ull, high = 0;
};

// A version to be shown.  `record` is good while the collection's pin is held; afterwards there are names.
struct TailEntry {
  std::uint64_t stamp;
  RecordRef record;
};

inline constexpr std::size_t kCollectMax = 65'536;

struct TailState {
  Handle* handle;
  std::string key;                    // of the name; "": none.  It is in use in this handle from here to the end
  std::uint32_t seat = 0;             // that holds the name
  std::uint64_t seat_generation = 0;  // 0: nobody does yet
  std::string prefix;                 // of the keys it shows
  Position shown;                     // behind the last record that was given: what save() saves
  Position reached;                   // where the next collection begins

  std::vector<TailEntry> entries;  // the collection
  std::size_t next = 0;            // the first entry not yet looked at
  std::uint64_t* pin = nullptr;    // what keeps the entries in place
  std::uint64_t pinned_ns = 0;     // when: os::steady_ns()
  std::vector<Position> names;     // of the entries from `first_name` on, once the pin is gone
  std::size_t first_name = 0;
  Position end;  // where `reached` goes when all entries were looked at

  std::vector<SeenRegion> regions;
  std::set<std::uint64_t> told;  // places of damage that next() has told
  std::optional<Error> damage;   // to be told

  explicit TailState(Handle& h) noexcept : handle(&h) { h.refer(); }
  TailState(const TailState&) = delete;
  ~TailState();
};

// Fills `entries` with the first kCollectMax versions behind `reached` of what an instant shows, pinned.
Result<void> collect(TailState&);

// Lets go of the place of what is collected; goes on by its keys.
void unpin(TailState&);

// The name: a record {holder, position}.  Errors as in store.h.
Result<void> take_name(TailState&, std::string_view name);  // and goes on where it was left
Result<void> save_position(TailState&);
void save_position(const TailState&, Batch&);
void give_name_back(TailState&) noexcept;

}  // namespace durra::detail
