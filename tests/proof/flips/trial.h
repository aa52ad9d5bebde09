// One broken file: opened, looked at, used.
#pragma once
#include <cstdint>
#include <set>
#include <string>

#include "tests/proof/flips/image.h"

namespace durra::test {

enum class Way : std::uint8_t {
  read_only,   // opened so, and looked at
  read_write,  // opened, looked at, used, looked at, closed; opened again, looked at
  rebuilt,     // the same, but the index is distrusted at first
  verified,    // durra::verify
  recovered,   // durra::recover, and what it made is looked at
  count_
};
const char* name(Way) noexcept;

struct Change {
  enum class Kind : std::uint8_t { none, bit, word, cut };
  Kind kind = Kind::none;
  std::uint64_t at = 0;     // file offset: of the byte or word, or where the file ends now
  std::uint64_t value = 0;  // bit: 0 to 7; word: its new value
};
std::string text(const Change&);

// What happened, as far as it is not simply right.
enum Bit : std::uint32_t {
  refused = 1,           // open (or recover) answered with an error
  get_error = 1 << 1,    // a get did
  get_rotten = 1 << 2,   // other bytes than were put, and intact() says so
  get_miss = 1 << 3,     // a key that is there was not found, without an error
  get_wrong = 1 << 4,    // other bytes, and intact() does not say so; or a key that was erased
  scan_error = 1 << 5,   // a scan said that it skipped something
  scan_rotten = 1 << 6,  // a scan showed what nobody put, and intact() says so
  scan_miss = 1 << 7,    // a scan did not show a key, without an error
  scan_wrong = 1 << 8,   // a scan showed something that nobody put, or twice
  put_error = 1 << 9,    // a put or an erase was refused
  put_lost = 1 << 10,    // an acknowledged put (or erase) is not there
  changed = 1 << 11,     // a read-only opener changed the file
  told = 1 << 12,        // verify or recover found damage
  rebuilt = 1 << 13,     // it was not asked for, but the index was
  odd_error = 1 << 14,   // a code that damage cannot excuse
  bad_copy = 1 << 15,    // what recover made does not open
};
std::string text_of_bits(std::uint32_t bits);

// Breaks one file again and again, always the same inode, so that its index is believed where the image says so.
class Trial {
 public:
  Trial(const Image&, std::string path);
  ~Trial();
  Trial(const Trial&) = delete;

  std::uint32_t run(Way, const Change&);
  // What run() would read of the unchanged file is noted through the trace; see trace.h.
  void prepare(const Change&);                   // writes the file
  std::uint32_t look(Way);                       // at the file as it is
  const Image& image() const { return image_; }  // as it is in this file
  const std::string& path() const { return path_; }

 private:
  void set(Bit b) { bits_ |= b; }
  void gets(const Store&);
  void scan(const Store&);
  void snapshot(const Store&);
  void show(const Result<Record>&, const std::string& key, const Held*);
  void records(Records&);
  void look_at(const Store&);
  void use(Store&);
  void open_and_use(bool rebuild);
  void recovers();
  void excuse(const Error&);
  void check_unchanged();

  Image image_;
  Content now_;  // what must be there
  std::vector<std::string> erased_;
  std::set<std::string> unknown_;  // changes of these were refused: they may be what they were
  const std::string path_;
  Change change_;
  int fd_;
  std::uint32_t bits_ = 0;
};

}  // namespace durra::test
