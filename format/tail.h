// The position of a named tail: the payload of the record under "\0tail/NAME", which is a record like any other.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace durra::format {

inline constexpr std::string_view kTailKey{"\0tail/", 6};  // then the name

// The key's text, if it is one, follows.
struct TailPosition {
  std::uint64_t store;       //  0  the store's seed: in a copy of the file nobody holds the name
  std::uint64_t generation;  //  8  of the seat that holds the name
  std::uint32_t seat;        // 16  kTailNobody: nobody does
  std::uint32_t whole;       // 20  1: behind all records with this stamp, whatever their key
  std::uint64_t stamp;       // 24  of the last record shown
  std::uint64_t id;          // 32  its key, if that is an integer; else 0
};
static_assert(sizeof(TailPosition) == 40);
static_assert(offsetof(TailPosition, seat) == 16 && offsetof(TailPosition, stamp) == 24 &&
              offsetof(TailPosition, id) == 32);

inline constexpr std::uint32_t kTailNobody = ~0u;

}  // namespace durra::format
