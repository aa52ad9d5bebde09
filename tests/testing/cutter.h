// What a power cut leaves of a file, by a trace of what was stored to it and what was flushed: of each block any
// version that it has had since its last flush, and of the length any since it was last flushed.
#pragma once
#include <durra/testing/trace.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/testing/chance.h"

namespace durra::testing {

// How what was not flushed got to the disk.
struct Writeback {
  enum class Kind : std::uint8_t {
    none,     // not at all
    all,      // as it was last
    some,     // each block as it was last, with the chance `share` of 256, or not
    any,      // each block as it was at any time
    one_not,  // all but one
    one,      // one
  };
  Kind kind;
  unsigned block;  // bytes that are written whole: 8 to 4,096
  unsigned share;

  static Writeback by_chance(Chance&);
  std::string words() const;
};

// `count` places to cut at, each the number of events before it, rising: anywhere, and one in four of `acknowledged`.
std::vector<std::size_t> places_by_chance(const Trace&, std::uint64_t count,
                                          const std::vector<std::size_t>& acknowledged, Chance&);

class Cutter {
 public:
  explicit Cutter(const Trace&);  // which outlives it

  // The first `count` events have happened; rises.
  void advance(std::size_t count);
  // It is on the disk, as is its name; before that it may have a name, and the disk have it or not.
  bool exists() const { return exists_; }
  bool has_name() const { return has_name_; }
  // The file as a cut leaves it; good until the next call.
  std::string_view cut(const Writeback&, Chance&);
  std::uint64_t hash() const { return hash_; }  // of the last cut's bytes and length

 private:
  struct Page {
    std::vector<std::uint32_t> pending;  // events, since the last flush
    std::uint64_t hash = 0;              // of what is on the disk
    bool listed = false;                 // in dirty_
  };
  std::pair<std::uint64_t, std::uint64_t> range_of(const Event&) const;
  void store(std::size_t event);
  void flush(std::uint64_t from, std::uint64_t to);
  void reach(std::uint64_t size);
  void revert();
  std::uint16_t whole(const Page&, std::size_t count) const;
  void write(std::size_t page, const Writeback&, Chance&, std::size_t odd);
  void apply(std::size_t page, std::uint32_t event, std::uint64_t block, const std::vector<std::uint16_t>* until,
             std::size_t index, std::string& to) const;
  std::uint64_t hash_of(std::size_t page, const std::string& bytes) const;

  const Trace& trace_;
  std::size_t done_ = 0;
  bool exists_ = false, has_name_ = false;
  std::string disk_, image_;
  std::vector<Page> pages_;
  std::vector<std::uint32_t> dirty_;    // pages with something pending
  std::vector<std::uint32_t> changed_;  // pages of image_ that differ from disk_
  std::uint64_t length_ = 0, disk_length_ = 0;
  std::uint64_t disk_hash_ = 0, hash_ = 0;
  std::vector<std::uint16_t> until_;  // per block of a page: how many of its pending events are on the disk
};

}  // namespace durra::testing
