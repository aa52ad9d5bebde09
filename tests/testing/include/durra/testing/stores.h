// A store that is used from several handles at once, and everything that may be compared with a Model.
//
//   Stores stores;                                   // a small store in a folder of its own
//   Model model;
//   stores.put(0, "a", "1"), model.put("a", "1");    // by handle 0
//   stores.handles.push_back(open(stores.path, stores.options).value());
//   stores.differs(model, 1);                        // what handle 1 shows otherwise: "" for nothing
//
// There is one handle at first; numbers of handles wrap.  One thread at a time.
#pragma once
#include <durra/care.h>
#include <durra/testing/model.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace durra::testing {

// A new folder; removed, with all in it, by the process that made it.  In /dev/shm where that has 256 MiB left, else,
// or if a `disk` is asked for, which Durability::power needs, in $TMPDIR or /tmp (set TMPDIR where that is a tmpfs).
// std::runtime_error: it cannot be made.
class Folder {
 public:
  enum class Where { fast, disk };
  explicit Folder(Where = Where::fast);
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& file) const { return path_ + "/" + file; }

 private:
  std::string path_;
  int owner_;
};

// Regions of 64 KiB: claims, leaf splits and growth come within some puts, and an image of the file is small.
Options small_store();

// Kills this process: SIGKILL.
[[noreturn]] void die();
// Runs `act` in a forked process, which opens the store itself.  True: SIGKILL ended it; false: something else did
// (what it threw is told on stderr), or a minute was not enough.  std::system_error: it could not be forked.
bool dies(const std::function<void()>& act);

// The i-th of 65,536 integer keys that this store's index cannot tell apart by their hashes.
std::uint64_t crowd_key(const Store&, std::uint64_t i);

class Stores {
 public:
  explicit Stores(const Options& = small_store());  // throws what Result::value() does if it cannot be made

  // What commands use as they like.
  const Options options;
  const Folder folder;
  const std::string path = folder / "s.durra";
  std::vector<Store> handles;
  std::vector<Snapshot> snapshots;
  std::vector<Record> held;
  std::optional<Tail> tail;
  Stamps stamps;
  Followed followed;  // what `tail` has shown

  Store& handle(std::size_t i) { return handles[i % handles.size()]; }

  // Names to keys and back.  A key that nobody named is a text or a number.
  Key key(const Name&) const;  // borrows from this object or the Name
  Name name(const Record&) const;
  Stamp stamp(const Model&, const Name&, Condition, unsigned which = 0) const;  // for a condition
  Batch batch(const Model&, const Edits&) const;

  // What the calls answered, and what is wrong with the stamps they gave ("ok, but …").
  std::string put(std::size_t by, const Name&, const Payload&, const Put& = {});
  std::string append(std::size_t by, const Payload&);
  std::string changed(const Name&, Stamp);          // notes it: "ok"
  std::string changed(const Model&, const Edits&);  // by a batch, whose model this is after it: all of one stamp
  [[nodiscard]] std::string look_up(const Model&);  // somebody else changed something: notes all stamps

  // Comparisons: "" or what is different.
  std::string differs(const Contents&, const Result<Record>&, const Name&) const;
  std::string differs(const Contents&, Records) const;
  std::string differs(const Model&, std::size_t by);  // by get, get_many and scans, with and without a prefix
  std::string differs(const Contents&, const Snapshot&) const;

 private:
  std::vector<std::string> events_;  // their keys
  std::uint64_t seed_ = 0;           // of the store's hashes
};

}  // namespace durra::testing
