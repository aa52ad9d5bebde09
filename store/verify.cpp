// verify: every byte that is in use, against FORMAT.md.  Reads through a descriptor only, also while others work:
// what is judged lies below a tail that was read before.
#include <durra/care.h>

#include <algorithm>
#include <set>

#include "format/decide.h"
#include "format/walk.h"
#include "store/file_walk.h"
#include "store/open.h"
#include "store/verify_index.h"

namespace durra {
namespace detail {
namespace {

using format::RegionState;
using format::RegionType;

class Verifier {
 public:
  Verifier(const os::File& file, const format::Superblock& super, std::uint64_t size, const Progress& progress)
      : file_(file), reader_(file, super, size), progress_(progress) {}

  Result<Verdict> run() {
    find_the_living();
    for (std::uint64_t r = 0; r < described(); ++r) {
      if (auto done = region(r); !done) return done.error();
      if (progress_ && !progress_(r + 1, described())) return Error{Code::timeout, 0, 0, "stopped as asked"};
    }
    if (index_counts()) {
      judge_clock();
      index_.run([&](std::uint64_t at, format::Why why, std::string what) { damage(at, why, std::move(what)); });
    }
    if (reader_.failed()) verdict_.damage.insert(verdict_.damage.begin(), {*reader_.failed(), FileReader::kUnread});
    return std::move(verdict_);
  }

 private:
  void damage(std::uint64_t offset, format::Why why, std::string what) {
    if (verdict_.damage.size() < 10'000) verdict_.damage.push_back({{Code::damaged, 0, offset, why}, std::move(what)});
  }
  static std::string named(std::uint64_t r) { return "region " + std::to_string(r); }
  std::string named(std::uint64_t r, const FileRecord& rec) const {
    const std::string key =
        rec.key.empty() ? std::to_string(format::id_of(rec.header.tag, reader_.seed())) : '"' + rec.key + '"';
    return named(r) + ", " + key;
  }

  // Regions that the descriptors may speak of: also those behind a file that lost its end.
  std::uint64_t described() {
    if (described_ == 0) {
      std::uint64_t hint = 0;
      if (!reader_.read(format::kControlOffset + offsetof(format::Control, region_hint), &hint, sizeof hint)) hint = 0;
      described_ = std::clamp(hint, reader_.regions(), reader_.super().region_count);
    }
    return described_;
  }

  void find_the_living() {
    std::set<std::uint32_t> pids;
    for (std::uint32_t n = 0; n < reader_.super().seat_count; ++n) {
      format::Seat seat{};
      if (!reader_.read(reader_.super().seats_offset + n * sizeof seat, &seat, sizeof seat)) return;
      if (format::seat_state(seat.state) != format::SeatState::live) continue;
      const auto held = os::is_held(file_, format::kLockSeats + n, 1, os::Lock::shared);
      if (!held || *held == 0) continue;
      living_.insert(n);
      pids.insert(seat.pid);
    }
    verdict_.processes = pids.size();
  }

  // In a live store a region may move on, even into another life, while it is looked at: then what looked wrong is
  // looked at again.
  Result<void> region(std::uint64_t r) {
    for (int again = 0;; ++again) {
      const auto d = reader_.descriptor(r);
      if (!d) return d.error();
      const Verdict before{verdict_.regions, verdict_.records, verdict_.bytes, verdict_.torn_tails, 0, {}};
      const std::size_t known = verdict_.damage.size();
      judge(r, *d);
      if (verdict_.damage.size() == known || again == 8) return {};
      const auto now = reader_.descriptor(r);
      if (now && now->state == d->state && now->tail == d->tail && now->settled == d->settled) return {};
      verdict_.damage.resize(known);
      verdict_.regions = before.regions;
      verdict_.records = before.records;
      verdict_.bytes = before.bytes;
      verdict_.torn_tails = before.torn_tails;
    }
  }

  void judge(std::uint64_t r, const format::Descriptor& d) {
    if (!format::intact(d.state))
      return damage(reader_.descriptor_offset(r), "region state: checksum mismatch", named(r));
    if (d.state == 0 && d.tail != 0)
      return damage(reader_.descriptor_offset(r), "region state: never used, with a tail", named(r));
    const auto w = format::unpack(d.state);
    if (w.state == RegionState::free || w.state == RegionState::claimed || w.state == RegionState::body) return;
    ++verdict_.regions;
    reader_.forget();
    records(r, d, w);
  }

  // The header of a region that is in use, and every record below its tail.
  void records(std::uint64_t r, const format::Descriptor& d, const format::RegionWord& w) {
    const std::uint64_t base = reader_.region_offset(r);
    const std::byte* p = reader_.bytes(base, sizeof(format::RegionHeader));
    if (p == nullptr) return damage(base, "region is outside the file", named(r));
    format::RegionHeader header{};
    __builtin_memcpy(&header, p, sizeof header);
    auto why = format::check(header, reader_.seed(), r, reader_.super().region_count);
    if (why == nullptr && (header.generation != w.generation || header.type != static_cast<std::uint64_t>(w.type)))
      why = "region header: of another life than its descriptor";
    if (why != nullptr) return damage(base, why, named(r));
    const std::uint64_t size = header.run * reader_.super().region_size;
    if (d.tail < format::kRegionData || d.tail > size || d.settled > d.tail)
      return damage(reader_.descriptor_offset(r), "tail is outside the region", named(r));
    const bool left = w.state == RegionState::sealed || w.state == RegionState::partial;
    if (left && w.type == RegionType::data && d.settled != d.tail)  // whoever leaves a region has settled all of it
      damage(reader_.descriptor_offset(r), "tail and settled disagree", named(r));
    if (w.type != RegionType::index) walk(r, w, base, d.tail, size);
  }

  void walk(std::uint64_t r, const format::RegionWord& w, std::uint64_t base, std::uint64_t tail, std::uint64_t size) {
    const std::uint64_t seed = format::region_seed(reader_.seed(), r, w.generation);
    FileRecord rec;
    batch_ = {};
    fixed_ = false;
    std::uint64_t at = base + format::kRegionData;
    const std::uint64_t end = base + tail;
    while (at < end) {
      if (const auto why = read_record(reader_, at, seed, end - at, rec))
        return damage(at, why, named(r) + "; what follows in it was not read");
      if (const auto why = follow_batch(rec)) damage(rec.at, why, named(r, rec));
      if (!format::in_batch(rec.shape.kind)) judge_single(r, w, rec);
      ++verdict_.records;
      verdict_.bytes += rec.shape.payload_size;
      at += format::record_size(rec.shape, at);
    }
    if (batch_.open() && fixed_) damage(batch_.envelope_at(), "batch: records are missing", named(r));
    if (torn(w, end, base + size)) ++verdict_.torn_tails;
  }

  void judge_single(std::uint64_t r, const format::RegionWord& w, const FileRecord& rec) {
    const bool is_void = format::is_void(rec.shape, rec.header.stamp, rec.header.word);
    if (!rec.body_intact && !is_void)
      damage(rec.at, "record checksum mismatch",
             named(r, rec) + ", " + std::to_string(rec.shape.payload_size) + " bytes");
    else if (!stamp_agrees(rec))
      damage(rec.at, "record stamp: checksum mismatch", named(r, rec));
    // Of a region that is retired all that counts has another place, or has left the index.
    if (format::is_keyed(rec.shape.kind) && w.state != RegionState::retired && rec.body_intact && rec.stamp_intact)
      note(version(rec));
  }

  void note(const IndexCheck::Version& v) {
    latest_ = std::max(latest_, format::stamp_time(v.stamp));
    index_.note(v);
  }

  static IndexCheck::Version version(const FileRecord& rec) noexcept {
    return {rec.header.tag, rec.at, rec.header.stamp, format::is_tombstone(rec.shape.kind)};
  }

  // Records of a batch are versions all together.  Null, or what is wrong with it.
  format::Why follow_batch(const FileRecord& rec) {
    if (format::in_batch(rec.shape.kind)) {
      const bool its = batch_.add(rec.at, rec.header, rec.shape, rec.link, rec.body_intact);
      if (!fixed_) return nullptr;  // whatever it says, it is void
      if (!its) return fixed_ = false, "batch: not what was put";
      in_batch_.push_back(version(rec));
      if (!rec.body_intact) return "record checksum mismatch";
      if (!stamp_agrees(rec)) return "record stamp: checksum mismatch";
      if (batch_.open()) return nullptr;
      if (batch_.whole())
        for (const auto& v : in_batch_) note(v);
      return batch_.whole() ? nullptr : "batch: not what was put";
    }
    const bool broken = batch_.open() && fixed_;
    batch_ = {};
    fixed_ = false;
    in_batch_.clear();
    if (broken) return "batch: records are missing";
    if (rec.shape.kind != format::RecordKind::envelope || !rec.body_intact) return nullptr;
    if (!rec.is_envelope()) return "envelope: not one";
    fixed_ = rec.is_fixed();
    batch_ = format::BatchWalk(rec.at, rec.envelope, rec.region_seed);
    return nullptr;
  }

  // Stamp and check are two words: in a live store they may have been read in the middle of being given.
  bool stamp_agrees(const FileRecord& rec) const {
    const auto agrees = [&](std::uint64_t stamp, std::uint64_t word) {
      return (word & format::kStamped) == 0 || format::stamp_valid(stamp, word, rec.region_seed, rec.at);
    };
    if (agrees(rec.header.stamp, rec.header.word)) return true;
    std::uint64_t words[2] = {};
    if (!reader_.read(rec.at + offsetof(format::RecordHeader, stamp), words, sizeof words)) return false;
    return agrees(words[0], words[1]);
  }

  // Bytes behind the tail of a region that nobody alive appends to: a put that a death cut short.
  bool torn(const format::RegionWord& w, std::uint64_t end, std::uint64_t region_end) {
    if (w.state == RegionState::open && living_.contains(w.owner)) return false;
    if (region_end - end < 8) return false;
    const std::byte* p = reader_.bytes(end, 8);
    std::uint64_t word = 0;
    if (p != nullptr) __builtin_memcpy(&word, p, 8);
    return word != 0;
  }

  // A clock that went back gives stamps a second time, or below those that are there.  Read after all stamps.
  void judge_clock() {
    constexpr std::uint64_t at = format::kControlOffset + offsetof(format::Control, clock);
    std::uint64_t clock = 0;
    if (reader_.read(at, &clock, sizeof clock) && clock < latest_)
      damage(at, "control block: clock is before a stamp", "clock");
  }

  // Whether the next opener would use the index as it is.  Else it is rebuilt, and what it says now is no damage.
  bool index_counts() const {
    format::Control control{};
    const auto now = os::identity(file_);
    if (!now || !reader_.read(format::kControlOffset, &control, sizeof control)) return false;
    format::OpenEvidence evidence;
    evidence.lived_in = !living_.empty();
    evidence.same_file = format::same_file(control.identity, *now, reader_.seed());
    evidence.clean = control.clean == format::kClean;
    evidence.same_boot = format::same_boot(control.identity, *now, reader_.seed());
    return format::decide(evidence) != format::Trust::rebuild;
  }

  const os::File& file_;
  FileReader reader_;
  const Progress& progress_;
  Verdict verdict_{};
  std::set<std::uint32_t> living_;
  IndexCheck index_{reader_};
  format::BatchWalk batch_;
  bool fixed_ = false;                         // the batch is
  std::vector<IndexCheck::Version> in_batch_;  // of it, so far
  std::uint64_t described_ = 0;
  std::uint64_t latest_ = 0;  // the greatest t of a stamp
};

Result<Verdict> verify(const std::string& path, const Progress& progress) {
  auto file = os::open(path, os::Access::read);
  if (!file) return file.error();
  const auto super = read_superblock(*file, false);
  if (!super) return super.error();
  pin(*file);  // where that cannot be, what looks wrong is looked at again
  const auto info = os::info(*file);
  if (!info) return info.error();
  return Verifier(*file, *super, info->size, progress).run();
}

}  // namespace
}  // namespace detail

Result<Verdict> verify(std::string_view path, const Progress& progress) {
  return detail::verify(std::string(path), progress);
}

}  // namespace durra
