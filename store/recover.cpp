// recover: a new store from whatever parses in a damaged one.  The damaged file is only read, in pieces; nothing that
// it claims of itself is believed without a check, and where a record cannot be read the walk looks for the next that
// can.
#include <algorithm>
#include <unordered_map>

#include "format/decide.h"
#include "format/walk.h"
#include "store/copy.h"
#include "store/file_walk.h"
#include "store/open.h"

namespace durra {
namespace detail {
namespace {

// The best version known of one key, and whether a better one is lost.
struct Best {
  std::uint64_t at = 0, region_seed = 0, room = 0, stamp = 0;  // of the newest intact version
  std::uint64_t lost_at = 0, lost_stamp = 0;                   // of the newest unreadable one
  bool tombstone = false, stampless = false;                   // stampless: some version cannot be dated
  bool named = false;                                          // the key is known, not its tag alone
  bool passing = false;  // it lies where our pin came too late: another place of it is better
  std::string key;
};

class Salvager {
 public:
  Salvager(const os::File& file, const format::Superblock& super, std::uint64_t size, bool accept_older,
           const Progress& progress)
      : reader_(file, super, size), accept_older_(accept_older), progress_(progress) {}

  Result<Salvage> run(const std::string& fresh_path) {
    const std::uint64_t regions = described();
    for (std::uint64_t r = 0; r < regions;) {
      r += region(r);
      if (progress_ && !progress_(r, regions * 2)) return stopped();
    }
    return write(fresh_path);
  }

 private:
  using Entry = std::pair<const std::uint64_t, Best>;
  static Error stopped() { return Error{Code::timeout, 0, 0, "stopped as asked"}; }
  void damage(std::uint64_t offset, format::Why why, std::string what) {
    if (salvage_.damage.size() < 10'000) salvage_.damage.push_back({{Code::damaged, 0, offset, why}, std::move(what)});
  }

  // Regions that the descriptors may speak of: also those behind a file that lost its end.
  std::uint64_t described() const {
    std::uint64_t hint = 0;
    if (!reader_.read(format::kControlOffset + offsetof(format::Control, region_hint), &hint, sizeof hint)) hint = 0;
    return std::clamp(hint, reader_.regions(), reader_.super().region_count);
  }

  static std::string named(std::uint64_t r) { return "region " + std::to_string(r); }

  // Reads what region r holds; returns how many regions it covers.
  std::uint64_t region(std::uint64_t r) {
    reader_.forget();
    const auto d = reader_.descriptor(r);  // before the header, which then is of no older life
    const bool described = d && is_sound(r, *d);
    const auto w = described ? format::unpack(d->state) : format::RegionWord{};
    passing_ = described && w.state == format::RegionState::retired;
    format::RegionHeader header{};
    const auto why = read_header_of(r, header);
    if (why == nullptr && (!described || header.generation >= format::life_floor(w))) {
      if (header.type != static_cast<std::uint64_t>(format::RegionType::index))
        return life(r, described ? &*d : nullptr, header.generation, header.run);
      return 1;
    }
    // The header is gone, but the descriptor knows which life it was.
    if (!described || !format::may_hold_records(d->state) || is_over(r, *d)) return 1;
    damage(reader_.region_offset(r), why != nullptr ? why : "region header: of an older life", named(r));
    if (!reader_.holds(reader_.region_offset(r), sizeof header)) return 1;
    return life(r, &*d, w.generation, w.run ? 1 + bodies_behind(r) : 1);
  }

  // One that was RETIRED before our pin may be freed while it is read.
  bool is_over(std::uint64_t r, const format::Descriptor& d) const {
    const auto now = passing_ ? reader_.descriptor(r) : d;
    return now && now->state != d.state;
  }

  // False, and said: nobody knows whether what is in the region counts.
  bool is_sound(std::uint64_t r, const format::Descriptor& d) {
    const auto is_gone = [](const format::Descriptor& one) { return one.state == 0 && one.tail != 0; };
    format::Why why = format::intact(d.state) ? nullptr : "region state: checksum mismatch";
    if (why == nullptr && is_gone(d)) {
      const auto now = reader_.descriptor(r);  // in a live store it may just have been claimed
      if (!now || is_gone(*now)) why = "region state: never used, with a tail";
    }
    if (why != nullptr)
      damage(reader_.descriptor_offset(r), why, named(r) + "; what was erased may show, what was there may be missing");
    return why == nullptr;
  }

  format::Why read_header_of(std::uint64_t r, format::RegionHeader& header) {
    const std::uint64_t base = reader_.region_offset(r);
    const std::byte* p = reader_.bytes(base, sizeof header);
    if (p == nullptr)
      return reader_.holds(base, sizeof header) ? "region header: cannot be read" : "region is outside the file";
    __builtin_memcpy(&header, p, sizeof header);
    const bool valid = format::check(header, reader_.seed(), r, reader_.super().region_count) == nullptr;
    return valid ? nullptr : "region header: checksum mismatch";
  }

  // Those of a run's head are exactly the unbroken row of them behind it.
  std::uint64_t bodies_behind(std::uint64_t head) const {
    std::uint64_t count = 0;
    while (head + count + 1 < reader_.super().region_count) {
      const auto d = reader_.descriptor(head + count + 1);
      if (!d || !format::intact(d->state) || format::unpack(d->state).state != format::RegionState::body) break;
      ++count;
    }
    return count;
  }

  // What was complete when the descriptor of this life was written: what cannot be read there is no torn tail.  And
  // where its owner has left it, nothing is behind it: a rebuild leaves there what it has seen nobody's.
  struct Complete {
    std::uint64_t tail = 0, settled = 0, synced = 0;  // file offsets
    bool left = false;
  };
  // `d`: as it was before anything of the region was read; null: there is no sound one.
  Complete complete(std::uint64_t r, const format::Descriptor* d, std::uint64_t generation) const {
    if (d == nullptr || format::generation_of(d->state) != generation) return {};
    const std::uint64_t base = reader_.region_offset(r);
    const auto state = format::unpack(d->state).state;
    return {base + std::min(d->tail, format::kFileSizeMax), base + std::min(d->settled, format::kFileSizeMax),
            base + format::untag(d->synced, generation) * 8,
            state == format::RegionState::sealed || state == format::RegionState::partial};
  }

  std::uint64_t life(std::uint64_t r, const format::Descriptor* d, std::uint64_t generation, std::uint64_t run) {
    if (run != 1 && in_vain_ / 4 > reader_.file_size()) {  // so that all work is at most a few times the file
      damage(reader_.region_offset(r), "runs overlap", named(r) + "; only this region of its run was read");
      run = 1;
    }
    const Complete known = complete(r, d, generation);
    const std::uint64_t seed = format::region_seed(reader_.seed(), r, generation);
    const std::uint64_t base = reader_.region_offset(r);
    const std::uint64_t size = run * reader_.super().region_size;
    (void)reader_.holds(base, size);  // a live store grows
    const std::uint64_t end = std::min(base + size, reader_.file_size());
    FileRecord rec;
    std::uint64_t at = base + format::kRegionData, whole = at;
    while (at + format::kRecordHeaderSize <= end) {
      if (read_header(reader_, at, seed, end - at, rec) == nullptr) {
        (void)read_body(reader_, rec);  // what cannot be read is not intact
        judge(rec, end - at, known);
        at += format::record_size(rec.shape, at);
        if (rec.body_intact) whole = at;
      } else if (known.left && at >= known.tail) {
        break;
      } else if (const std::uint64_t next = resync(at, seed, end)) {
        damage(at, "unreadable bytes between records",
               named(r) + ", " + std::to_string(next - at) + " bytes; older versions may show for keys that were here");
        at = next;
      } else {
        break;
      }
    }
    if (at < std::min(known.tail, base + size) && !is_over(r, *d))  // also where the file has lost its end
      damage(at, "unreadable up to the tail", named(r) + "; older versions may show for keys that were here");
    end_batch();
    if (run == 1 || whole > base + size - reader_.super().region_size) return run;
    in_vain_ += end - base;
    return 1;  // a run whose record is gone: its other regions may have lives of their own
  }

  // The next place in the region with a header that checks, and a stamp; 0: none.  Bodies are not looked at: each
  // header may claim all that follows.
  std::uint64_t resync(std::uint64_t at, std::uint64_t seed, std::uint64_t end) {
    FileRecord rec;
    at += 8;
    while (at + format::kRecordHeaderSize <= end) {
      if (reader_.bytes(at, format::kRecordHeaderSize) == nullptr) {
        at = format::align_up(at + 1, FileReader::kPage);
      } else if (read_header(reader_, at, seed, end - at, rec) == nullptr && rec.stamp_intact) {
        return at;
      } else {
        at += 8;
      }
    }
    return 0;
  }

  // What the batch that the walk is in says of its records.
  struct InBatch {
    format::BatchWalk walk;
    std::uint64_t at = 0, stamp = 0;                            // of its envelope; stamp 0: it is not fixed
    std::vector<std::pair<FileRecord, std::uint64_t>> waiting;  // with their room, until all have come
  };

  // Singles are versions by their own stamps.  Records of a batch are by their envelope's, and together; but of what
  // was durable each that can be read is kept, for its batch was whole once.
  void judge(FileRecord& rec, std::uint64_t room, const Complete& known) {
    if (!format::in_batch(rec.shape.kind)) {
      end_batch();
      if (rec.is_envelope()) begin_batch(rec, rec.at < known.settled);
      return note(rec, room, rec.at < known.settled);
    }
    const bool its = batch_.walk.add(rec.at, rec.header, rec.shape, rec.link, rec.body_intact);
    const bool durable = rec.at < known.synced;
    if (its || !durable) date(rec, its ? batch_.stamp : 0);
    if (durable) {
      if (batch_.walk.whole()) batch_ = {};
      return note(rec, room, true);
    }
    if (!its) return;
    batch_.waiting.emplace_back(rec, room);
    if (!batch_.walk.whole()) return;
    for (const auto& [one, its_room] : batch_.waiting) note(one, its_room, true);
    batch_ = {};
  }

  void begin_batch(const FileRecord& rec, bool settled) {
    const bool is_void = format::is_void(rec.shape, rec.header.stamp, rec.header.word);
    if (settled && !is_void && !(rec.body_intact && rec.stamp_intact))
      damage(rec.at, "envelope checksum mismatch", "a batch; older versions may show for its keys");
    if (!rec.body_intact) return;
    batch_.walk = format::BatchWalk(rec.at, rec.envelope, rec.region_seed);
    batch_.at = rec.at;
    if (!rec.is_fixed()) return;
    if (format::value_of(rec.header.stamp) < FreshStore::kTimeEnd)
      batch_.stamp = format::value_of(rec.header.stamp) << 16;
    else
      damage(rec.at, kOutOfRange, "a batch; older versions may show for its keys");
  }
  void end_batch() {
    if (batch_.stamp != 0) damage(batch_.at, "a batch is not whole", "older versions may show for its keys");
    batch_ = {};
  }

  static void date(FileRecord& rec, std::uint64_t stamp) noexcept {
    rec.header.stamp = stamp;
    rec.stamp_intact = stamp != 0;
    if (stamp == 0) rec.header.word = 0;
  }

  void note(const FileRecord& rec, std::uint64_t room, bool settled) {
    if (!format::is_keyed(rec.shape.kind)) return;
    if (rec.body_intact && !has_its_key(rec))  // checks that agree on what durra does not write
      return damage(rec.at, "record tag: of another key", '"' + rec.key + '"');
    if (!rec.stamp_intact || format::stamp_time(rec.header.stamp) >= FreshStore::kTimeEnd)
      return note_stampless(rec, settled);
    if (!rec.body_intact) return note_lost(rec);
    Best& best = find(rec);
    const bool as_new = best.stamp == rec.header.stamp && best.passing && !passing_;
    if (best.at != 0 && best.stamp >= rec.header.stamp && !as_new) return;
    best.at = rec.at;
    best.passing = passing_;
    best.region_seed = rec.region_seed;
    best.room = room;
    best.stamp = rec.header.stamp;
    best.tombstone = format::is_tombstone(rec.shape.kind);
  }

  // Void, or torn: never a version.  But one that was settled is a version whose stamp is rotten, unless it is void;
  // and one that says it has a stamp was one, if neither that nor its body is what was written.
  void note_stampless(const FileRecord& rec, bool settled) {
    const bool is_void = format::is_void(rec.shape, rec.header.stamp, rec.header.word);
    const bool torn = !settled && !rec.stamp_intact && (rec.body_intact || rec.header.stamp == 0);
    if (is_void || torn) return;
    Best& best = find(rec);
    best.stampless = true;
    damage(rec.at, rec.stamp_intact ? kOutOfRange : "record stamp: checksum mismatch",
           named(rec.header.tag, best) + "; an older version may show");
  }

  void note_lost(const FileRecord& rec) {
    Best& best = find(rec);
    if (best.lost_stamp > rec.header.stamp) return;
    best.lost_stamp = rec.header.stamp;
    best.lost_at = rec.at;
  }

  bool has_its_key(const FileRecord& rec) const noexcept {
    return rec.shape.key_size == 0 || format::tag_of(std::string_view(rec.key), reader_.seed()) == rec.header.tag;
  }

  // The key's entry.  Its text may itself be damaged in a lost record; the tag is under the header's check.
  Best& find(const FileRecord& rec) {
    const bool known = has_its_key(rec);
    const auto [begin, end] = best_.equal_range(rec.header.tag);
    auto i =
        std::find_if(begin, end, [&](const Entry& e) { return !known || !e.second.named || e.second.key == rec.key; });
    if (i == end) i = best_.emplace(rec.header.tag, Best{});
    Best& best = i->second;
    if (known && !best.named) {
      best.named = true;
      best.key = rec.key;
    }
    return best;
  }

  std::string named(std::uint64_t tag, const Best& best) const {
    if (!best.named) return "a key that cannot be read";
    return best.key.empty() ? std::to_string(format::id_of(tag, reader_.seed())) : '"' + best.key + '"';
  }

  Result<Salvage> write(const std::string& path) {
    auto fresh = FreshStore::create(path, reader_.super());
    if (!fresh) return fresh.error();
    std::vector<const Entry*> in_file_order;  // so that the damaged file is read once, ahead
    in_file_order.reserve(best_.size());
    for (const Entry& e : best_) in_file_order.push_back(&e);
    std::ranges::sort(in_file_order, {}, [](const Entry* e) { return e->second.at; });
    std::uint64_t done = 0, clock = 0;
    for (const Entry* e : in_file_order) {
      const Best& best = e->second;
      clock = std::max({clock, format::stamp_time(best.stamp), format::stamp_time(best.lost_stamp)});
      if (auto kept = write_one(*fresh, e->first, best); !kept) return kept.error();
      if (progress_ && ++done % 1024 == 0 && !progress_(best_.size() + done, best_.size() * 2)) return stopped();
    }
    if (auto finished = fresh->finish(clock, os::now_ns() >> 30); !finished) return finished.error();
    if (reader_.failed()) salvage_.damage.insert(salvage_.damage.begin(), {*reader_.failed(), FileReader::kUnread});
    return std::move(salvage_);
  }

  Result<void> write_one(FreshStore& fresh, std::uint64_t tag, const Best& best) {
    const bool lost = best.lost_stamp > best.stamp;
    if (lost) {
      const bool older = best.at != 0 && !best.tombstone;
      damage(best.lost_at, "record checksum mismatch",
             named(tag, best) + (!older          ? ""
                                 : accept_older_ ? "; an older version is kept"
                                                 : "; an older version is intact"));
      if (!older || !accept_older_) return ++salvage_.lost, Result<void>{};
    }
    if (best.at == 0 && best.stampless) ++salvage_.lost;
    if (best.at == 0 || best.tombstone) return {};
    FileRecord rec;
    if (best.passing) reader_.forget();
    auto why = read_record(reader_, best.at, best.region_seed, best.room, rec);
    if (why == nullptr && !rec.body_intact) why = "record checksum mismatch";
    if (why != nullptr && best.passing) return {};  // it is over: whatever counts of it is elsewhere
    if (why != nullptr) return reader_.failed().value_or(Error{Code::damaged, 0, best.at, why});
    const bool is_block = rec.shape.kind == format::RecordKind::block;
    const auto payload = [&](std::span<std::byte> to) -> Result<void> {
      const std::uint64_t at = best.at + format::payload_start(rec.shape, best.at);
      auto done = reader_.read(at, to.data(), to.size());
      if (!done && is_block) return read_memory(at, to, named(tag, best)), Result<void>{};
      return done;
    };
    const Key key = rec.key.empty() ? Key(format::id_of(tag, reader_.seed())) : Key(rec.key);
    if (auto added = fresh.add(key, rec.shape, best.stamp, payload, is_block ? &rec.block : nullptr); !added)
      return added;
    ++salvage_.kept;
    salvage_.bytes += rec.shape.payload_size;
    return {};
  }

  // A block's, of which no check says that it is all or nothing: what cannot be read of it is zeros.
  void read_memory(std::uint64_t at, std::span<std::byte> to, const std::string& key) {
    bool said = false;
    while (!to.empty()) {
      const auto piece = to.first(std::min<std::size_t>(FileReader::kPage - at % FileReader::kPage, to.size()));
      if (!reader_.read(at, piece.data(), piece.size())) {
        std::ranges::fill(piece, std::byte{0});
        if (!said) damage(at, "block: cannot be read everywhere", key + "; what cannot be is zeros");
        said = true;
      }
      at += piece.size();
      to = to.subspan(piece.size());
    }
  }

  static constexpr format::Why kOutOfRange = "record stamp: out of range";
  FileReader reader_;
  InBatch batch_;
  bool passing_ = false;  // the region that is read was RETIRED before our pin, perhaps
  const bool accept_older_;
  const Progress& progress_;
  std::unordered_multimap<std::uint64_t, Best> best_;  // by tag
  std::uint64_t in_vain_ = 0;                          // bytes of runs that cover nothing: others may claim them again
  Salvage salvage_{};
};

Result<Salvage> recover(const std::string& damaged, const std::string& fresh, bool accept_older,
                        const Progress& progress) {
  auto file = os::open(damaged, os::Access::read);
  if (!file) return file.error();
  const auto super = read_superblock(*file, false);
  if (!super) return super.error();
  pin(*file);  // so that what somebody moves is also where it was
  const auto info = os::info(*file);
  if (!info) return info.error();
  return Salvager(*file, *super, info->size, accept_older, progress).run(fresh);
}

}  // namespace
}  // namespace detail

Result<Salvage> recover(std::string_view damaged, std::string_view fresh, bool accept_older, const Progress& progress) {
  return detail::recover(std::string(damaged), std::string(fresh), accept_older, progress);
}

}  // namespace durra
