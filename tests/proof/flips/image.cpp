// The files that are broken.
#include "tests/proof/flips/image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <stdexcept>

#include "format/batch.h"
#include "format/checksum.h"
#include "format/leaf.h"
#include "format/seat.h"
#include "tests/support/file_edit.h"
#include "tests/support/scratch.h"

namespace durra::test {

Key key_of(const std::string& name) { return name[0] == '#' ? Key(std::stoull(name.substr(1))) : Key(name); }
std::string name_of(const Record& r) { return r.is_text() ? std::string(r.key()) : "#" + std::to_string(r.id()); }

Options image_options() {
  Options o;
  o.max_size = 1_MiB;
  o.region_size = 64_KiB;
  o.participants = 8;
  return o;
}

namespace {

std::vector<std::uint64_t> read_words(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat s {};
  if (::fstat(fd, &s) != 0) throw std::runtime_error("cannot read " + path);
  std::vector<std::uint64_t> words(static_cast<std::size_t>(s.st_size) / 8);
  const bool all = ::pread(fd, words.data(), words.size() * 8, 0) == s.st_size;
  ::close(fd);
  if (!all) throw std::runtime_error("cannot read " + path);
  return words;
}

// A new store whose uuid is always the same, and with it every check.
void create_fixed(const std::string& path) {
  { auto made = open(path, image_options()).value(); }
  FileEdit edit(path);
  const auto& was = edit.super();
  std::array<std::uint8_t, 16> uuid;
  uuid.fill(7);
  edit.set(0, format::make_superblock({was.region_size, 1_MiB, was.seat_count}, uuid, 1));
}

// Fills a store and knows what it put.
class Filler {
 public:
  Filler(Store& store, Image& image) : store_(store), image_(image) {}

  void put(const std::string& key, const std::string& text, const Put& how = {}) {
    store_.put(key_of(key), text, how).value();
    image_.content[key] = {text};
  }
  void erase(const std::string& key) {
    store_.erase(key_of(key)).value();
    image_.content.erase(key);
    image_.erased.push_back(key);
  }

  // A bit of everything that a record can be.
  void everything() {
    // Versions of one key 64 bytes apart, so that a flip of one bit of an offset leads from one to another.
    for (int i = 0; i < 4; ++i) put("twin", "version" + std::to_string(i));
    put("plain", "as it was put at first");
    put("plain", "and then again");
    put("#7", "seven");
    put("#7", "seven, once more");
    put("empty", "");
    put("gone", "soon");
    erase("gone");
    put(std::string(200, 'k'), "a long key");
    put("aligned", "on a line of its own", {.align = 64});
    put("packed", std::string(600, 'p'), {.compress = true});
    put("packed before", std::string(600, 'b'), {.compress = true});
    put("packed before", "not packed now");
    put("in batch", "not yet");
    put("erased in batch", "not yet");
    batch();
  }
  void batch() {
    store_.put(Batch().put("in batch", "a batch").put("in batch too", "its second").erase("erased in batch")).value();
    image_.content["in batch"] = {"a batch"};
    image_.content["in batch too"] = {"its second"};
    image_.content.erase("erased in batch");
    image_.erased.push_back("erased in batch");
  }
  // Keys of one root word and one first slot: the leaf grows, and becomes an inner node with leaves.
  void crowd(std::uint32_t count, std::uint64_t seed, std::uint32_t root_bits) {
    const auto place = [&](std::uint64_t id) {
      const std::uint64_t tag = format::tag_of(id, seed);
      return std::pair(tag >> (64 - root_bits), format::first_slot(format::slot_hash(tag), 32));
    };
    const auto wanted = place(1);
    for (std::uint64_t id = 1; count > 0; ++id)
      if (place(id) == wanted) put("#" + std::to_string(id), "crowd"), --count;
  }

 private:
  Store& store_;
  Image& image_;
};

// A beat in the far future: else whoever writes the image would be taken for a restore, and its index be rebuilt (F9).
void beat(Image& image) {
  const std::uint64_t last = image.super().seats_offset + (image.super().seat_count - 1) * sizeof(format::Seat);
  image.words[(last + offsetof(format::Seat, beat_ns)) / 8] = 1ull << 62;
}

Image finished(Image image, const std::string& path) {
  image.words = read_words(path);
  beat(image);
  return image;
}

// Closed in order.
Image closed(const Scratch& scratch) {
  Image image{.name = "closed"};
  const std::string path = scratch / image.name;
  create_fixed(path);
  {
    auto store = open(path, image_options()).value();
    Filler fill(store, image);
    fill.everything();
    const FileEdit edit(path);
    fill.crowd(34, edit.seed(), static_cast<std::uint32_t>(std::countr_zero(edit.super().root_words)));
  }
  return finished(std::move(image), path);
}

// What death leaves: an envelope whose batch is installed and not decided, with its seat's note of it.
void undecide(FileEdit& edit, std::uint32_t seat) {
  std::optional<FoundRecord> envelope;
  const auto records = edit.records();
  for (const auto& r : records)
    if (r.shape.kind == format::RecordKind::envelope) envelope = r;  // the last
  for (const auto& r : records) {
    if (r.at != envelope->at && !(format::in_batch(r.shape.kind) && r.at > envelope->at)) continue;
    auto header = edit.get<format::RecordHeader>(r.at);
    const auto pending = static_cast<std::uint64_t>(format::Verdict::pending);
    header.stamp = r.at == envelope->at ? pending : 0;
    header.word = 0;
    edit.set(r.at, header);
  }
  edit.set(edit.super().seats_offset + seat * sizeof(format::Seat) + offsetof(format::Seat, batch), envelope->at);
  auto d = edit.descriptor(envelope->region);
  d.settled = envelope->at - edit.region_at(envelope->region);
  edit.set(edit.descriptor_at(envelope->region), d);
}
// Published and not stamped.
void unstamp(FileEdit& edit, const std::string& key) {
  const auto record = edit.find(key);
  auto header = edit.get<format::RecordHeader>(record.at);
  header.stamp = header.word = 0;
  edit.set(record.at, header);
  auto d = edit.descriptor(record.region);
  d.settled = record.at - edit.region_at(record.region);
  edit.set(edit.descriptor_at(record.region), d);
}

// Its processes killed: one in the middle of a batch, one that has published a put and not stamped it.
Image killed(const Scratch& scratch) {
  Image image{.name = "killed"};
  const std::string path = scratch / "living", dead = scratch / image.name;
  create_fixed(path);
  {
    auto store = open(path, image_options()).value();
    Filler fill(store, image);
    fill.put("synced", "this was closed in order");
    fill.put("flight", "before");
    fill.put("undone", "before the batch");
  }
  auto first = open(path, image_options()).value(), second = open(path, image_options()).value();
  Filler by_first(first, image), by_second(second, image);
  by_first.everything();
  first.put(Batch().put("undone", "never").put("undone too", "never")).value();
  image.erased.push_back("undone too");
  by_second.put("second", "of a second process");
  second.put("flight", "published").value();
  image.content["flight"].in_flight = "published";
  {
    const auto words = read_words(path);
    const int fd = ::open(dead.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (::pwrite(fd, words.data(), words.size() * 8, 0) < 0) throw std::runtime_error("cannot copy a store");
    ::close(fd);
  }
  FileEdit edit(dead);
  undecide(edit, 0);
  unstamp(edit, "flight");
  return finished(std::move(image), dead);
}

// The same file brought from elsewhere: its index is rebuilt.
Image copied(const Image& of) {
  Image image = of;
  image.name = "copied";
  image.elsewhere = true;
  return image;
}

// Compacted: lives that are over, records that were moved, what an index forgot.
Image reclaimed(const Scratch& scratch) {
  Image image{.name = "reclaimed"};
  const std::string path = scratch / image.name;
  create_fixed(path);
  {
    auto store = open(path, image_options()).value();
    Filler fill(store, image);
    fill.put("kept", "moved by compaction");
    fill.put("gone", "long ago");
    fill.erase("gone");
    fill.batch();
    for (int i = 0; i < 12; ++i) fill.put("bulk", std::string(12'000, static_cast<char>('a' + i)));
    fill.put("bulk", "small now");
    CompactOptions all;
    all.keep_erased = std::chrono::milliseconds(0);
    compact(store, all).value();
    fill.put("later", "in a second life");
  }
  return finished(std::move(image), path);
}

// A record that owns regions.
Image run(const Scratch& scratch) {
  Image image{.name = "run"};
  const std::string path = scratch / image.name;
  create_fixed(path);
  {
    auto store = open(path, image_options()).value();
    Filler fill(store, image);
    fill.put("small", "before it");
    fill.put("large", std::string(66'000, 'L'));
    fill.put("small", "after it");
  }
  return finished(std::move(image), path);
}

}  // namespace

std::vector<Image> images() {
  const Scratch scratch;
  std::vector<Image> all;
  all.push_back(closed(scratch));
  all.push_back(killed(scratch));
  all.push_back(copied(all.back()));
  all.push_back(reclaimed(scratch));
  all.push_back(run(scratch));
  return all;
}

}  // namespace durra::test
