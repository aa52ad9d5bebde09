// The reference model of a store: what each call must answer and what is there afterwards.  Nothing here needs
// RapidCheck or a store; stores.h compares a store with it, commands.h drives both.
//
//   Model model;
//   model.put("a", "1");                                  // "ok"
//   model.put_if("a", "2", Condition::none);                   // "conflict"
//   model.put({{"a", {}}, {"b", "3", Condition::current}});    // a batch: "ok", and "a" is erased
//
// Values of one thread at a time, like the containers of the standard library.
#pragma once
#include <durra/store.h>

#include <compare>
#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace durra::testing {

// "ok", or the name of the code.
template <class T>
std::string outcome(const Result<T>& r) {
  return r ? "ok" : name(r.error().code);
}

// Names a key and owns it.  Besides strings and integers: the i-th of the integers whose hashes collide in one store
// (they crowd one leaf of its index), and the i-th event that was appended (the store chose its key).  Which key of a
// store that is, Stores says.
struct Name {
  enum class Kind : std::uint8_t { text, number, crowd, event };
  Kind kind = Kind::number;
  std::uint64_t number = 0;  // 0 for text
  std::string text;          // "" for all others

  Name() = default;
  Name(const char* s) : kind(Kind::text), text(s) {}
  Name(std::string s) : kind(Kind::text), text(std::move(s)) {}
  template <std::integral I>
  explicit Name(I n, Kind k = Kind::number) : kind(k), number(static_cast<std::uint64_t>(n)) {}
  static Name crowd(std::uint64_t i) { return Name(i & 0xffff, Kind::crowd); }  // there are 65,536
  static Name event(std::uint64_t i) { return Name(i, Kind::event); }
  auto operator<=>(const Name&) const = default;
};
std::ostream& operator<<(std::ostream&, const Name&);

// Bytes that never change; a copy costs a pointer.  Printed short: as text, or as the recipe it was made by.
class Payload {
 public:
  Payload() : Payload(std::string()) {}
  Payload(const char* text) : Payload(std::string(text)) {}
  Payload(std::string bytes);
  static Payload noise(std::size_t size, std::uint64_t seed);  // no compressor makes it smaller
  static Payload soft(std::size_t size, std::uint64_t seed);   // any compressor does
  const std::string& bytes() const noexcept { return *bytes_; }
  bool operator==(const Payload& o) const noexcept { return *bytes_ == *o.bytes_; }
  friend std::ostream& operator<<(std::ostream&, const Payload&);

 private:
  Payload(std::string bytes, std::string recipe);
  std::shared_ptr<const std::string> bytes_;
  std::string recipe_;
};

// All live keys.
using Contents = std::map<Name, Payload>;

// The version that a condition names: the one that is there (`absent` if none is), none, or one that the key has no
// more or never had.
enum class Condition : std::uint8_t { current, none, stale };
std::ostream& operator<<(std::ostream&, Condition);

// One change of a batch: what to put (nothing: erase), and on what condition.
struct Edit {
  Name name;
  std::optional<Payload> value{};
  std::optional<Condition> seen{};
};
using Edits = std::vector<Edit>;
std::ostream& operator<<(std::ostream&, const Edit&);
std::ostream& operator<<(std::ostream&, const Edits&);

// What a store holds, and who holds what of it.  Each change answers what the store must: "ok" or the code's name.
struct Model {
  Contents now;
  std::set<Name> ever;       // whatever was put: a Tail shows the last version of each, erased or not
  std::uint64_t events = 0;  // appended

  // What Stores has open; see commands.h.
  std::size_t handles = 1;
  std::vector<Contents> snapshots;
  std::vector<Payload> held;  // of Records that somebody holds
  bool tail = false;

  bool has(const Name& n) const { return now.contains(n); }
  bool holds(const Name&, Condition) const;                                  // whether a put_if would go through
  bool alone() const { return snapshots.empty() && held.empty() && !tail; }  // no more than handles

  std::string put(const Name&, const Payload&);
  std::string put_if(const Name&, const Payload&, Condition);
  std::string erase(const Name&);
  std::string erase_if(const Name&, Condition);
  std::string append(const Payload&);  // as Name::event(events)
  std::string put(const Edits&);       // a batch
};

// What a store has said of stamps: `absent` never, and later versions of a key have greater ones.
class Stamps {
 public:
  // A version of the key was made.  False: it may not have this stamp.
  bool add(const Name&, Stamp);
  // The newest, `absent` if there never was one.
  Stamp newest(const Name&) const;
  // One that the key does not have now: an older one of its own, which one depends on `which`, or an invention.
  Stamp stale(const Name&, unsigned which) const;

 private:
  std::map<Name, std::vector<Stamp>> known_;
};

// What a Tail may show: of each key later and later versions, none twice behind one saved position; of events each; and
// when nothing more comes, every key as it is.
class Followed {
 public:
  // The tail gave this version (nothing: an erase).  False: it was not to come any more.
  bool shown(const Name&, const std::optional<Payload>&, Stamp);
  void saved() { saved_ = now_; }
  void reopened() { now_ = saved_; }  // what was not saved may come again
  // The tail has nothing more to give: what it should have shown, "" if nothing.
  std::string missing(const Model&) const;

 private:
  struct Last {
    Stamp stamp;
    std::optional<Payload> value;
  };
  std::map<Name, Last> now_, saved_;
};

}  // namespace durra::testing
