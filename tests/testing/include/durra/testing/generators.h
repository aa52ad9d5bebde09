// RapidCheck generators of what a store is given: keys that are easily confused, values of all sizes that matter,
// batches.  The user links RapidCheck.
//
//   rc::check("...", [](const durra::testing::Edits& changes) { ... });
#pragma once
#include <durra/testing/model.h>
#include <rapidcheck.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace durra::testing {

// Keys of which each is easily taken for another: 7 and "7", prefixes, the longest, bytes that are no text, hashes that
// collide.
inline const std::vector<Name>& confusable_names() {
  static const std::vector<Name> names{Name(7),
                                       "7",
                                       Name(0),
                                       Name(~std::uint64_t{0}),
                                       "a",
                                       "ab",
                                       "abc",
                                       Name(1 << 30),
                                       std::string(1024, 'k'),
                                       std::string(1023, 'k'),
                                       std::string("\xff\0\xff", 3),
                                       Name::crowd(0),
                                       Name::crowd(1),
                                       Name::crowd(64)};
  return names;
}

// One of those, or one of `crowd` keys whose hashes collide: 15 make a leaf of the index grow, 33 split it.
inline rc::Gen<Name> some_name(std::uint64_t crowd = 40) {
  return rc::gen::weightedOneOf<Name>(
      {{9, rc::gen::elementOf(confusable_names())},
       {1, rc::gen::map(rc::gen::inRange<std::uint64_t>(0, crowd), [](std::uint64_t i) { return Name::crowd(i); })}});
}

// Mostly small; some beyond a page; some that fill a region of 64 KiB, or need a run of them.  Half of them compress.
inline rc::Gen<Payload> some_payload() {
  using rc::gen::inRange;
  const auto size = rc::gen::weightedOneOf<std::size_t>({{6, inRange<std::size_t>(0, 200)},
                                                         {3, inRange<std::size_t>(200, 9'000)},
                                                         {1, inRange<std::size_t>(60'000, 70'000)},
                                                         {1, inRange<std::size_t>(70'000, 400'000)}});
  return rc::gen::apply([](std::size_t bytes, std::uint64_t seed,
                           bool soft) { return soft ? Payload::soft(bytes, seed) : Payload::noise(bytes, seed); },
                        size, inRange<std::uint64_t>(0, 1000), rc::gen::arbitrary<bool>());
}

inline rc::Gen<Condition> some_condition() {
  return rc::gen::element(Condition::current, Condition::none, Condition::stale);
}

// A put or an erase; two in five on a condition, which mostly holds.
inline rc::Gen<Edit> some_edit() {
  using Seen = std::optional<Condition>;
  const auto condition = rc::gen::weightedElement<Seen>(
      {{6, Seen()}, {2, Condition::current}, {1, Condition::none}, {1, Condition::stale}});
  return rc::gen::apply(
      [](const Name& n, bool erase, const Payload& v, std::optional<Condition> seen) {
        return Edit{n, erase ? std::optional<Payload>() : v, seen};
      },
      some_name(), rc::gen::arbitrary<bool>(), some_payload(), condition);
}
// At most `size_max` of them.  RapidCheck's size, which would also bound what an edit is made of, bounds their number.
inline rc::Gen<Edits> some_edits(int size_max = 8) {
  return rc::gen::resize(size_max, rc::gen::container<Edits>(rc::gen::resize(rc::kNominalSize, some_edit())));
}

}  // namespace durra::testing

namespace rc {

template <>
struct Arbitrary<durra::testing::Name> {
  static Gen<durra::testing::Name> arbitrary() { return durra::testing::some_name(); }
};
template <>
struct Arbitrary<durra::testing::Payload> {
  static Gen<durra::testing::Payload> arbitrary() { return durra::testing::some_payload(); }
};
template <>
struct Arbitrary<durra::testing::Condition> {
  static Gen<durra::testing::Condition> arbitrary() { return durra::testing::some_condition(); }
};
template <>
struct Arbitrary<durra::testing::Edit> {
  static Gen<durra::testing::Edit> arbitrary() { return durra::testing::some_edit(); }
};

}  // namespace rc
