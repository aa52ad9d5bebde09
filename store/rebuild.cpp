// REBUILD: judge every region by the decision table, then put the newest version of every key into fresh leaves.
#include "store/rebuild.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <vector>

#include "format/decide.h"
#include "format/walk.h"
#include "store/append.h"
#include "store/batch.h"
#include "store/compact.h"
#include "store/index.h"
#include "store/parse.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/stamp.h"
#include "store/step.h"
#include "store/sync.h"

namespace durra::detail {
namespace {

using format::Action;
using format::RegionState;
using format::RegionType;
using format::RegionWord;

// What is to become of a region, and of those behind it that it covers.
struct Judgement {
  std::uint64_t region, covers;
  bool keep;                    // else FREE
  std::uint64_t generation;     // of the life that ends, if it is freed
  format::RegionHeader header;  // if it is kept
  std::uint64_t end;
  std::uint64_t synced;  // as it was, as far as all of it could be read
};

// What the first pass learns; it changes nothing, so an open that fails leaves the file as it was.
struct Survey {
  std::vector<Judgement> judgements;
  ParseNotes notes;
  std::uint64_t file_end = 0;    // its states are not to be trusted to tell
  std::uint64_t regions = 0;     // that anything on the disk tells of
  std::uint64_t generation = 0;  // the greatest seen
};

// A private copy: nobody else writes, but tools may read.
format::Descriptor copy_of(format::Descriptor& d) noexcept {
  format::Descriptor c{};
  c.state = shared::state_load(d.state);
  c.tail = shared::tail_load(d.tail);
  c.synced = shared::hint_load(d.synced);
  return c;
}

// What the file has at `at`; a T of zeros where it does not reach.  Not through the mapping: on a tmpfs a look at a
// hole takes a page, and ends the process where there is none.
template <class T>
Result<T> read_from(const Handle& h, std::uint64_t at, std::uint64_t file_end) {
  T copy{};
  if (at + sizeof copy <= file_end)
    if (auto done = os::read_at(h.file, at, &copy, sizeof copy); !done) return done.error();
  return copy;
}

void set_state(Handle& h, std::uint64_t r, const RegionWord& w) noexcept {
  shared::state_store(h.space.descriptor(r).state, format::pack(w));
}

void free_region(Handle& h, std::uint64_t r, std::uint64_t generation) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  const RegionWord now = format::unpack(shared::state_load(d.state));
  if (generation == 0) shared::tail_store(d.tail, 0);  // never used: its claim was lost in part
  if (now == RegionWord{RegionState::free, RegionType::data, false, 0, generation}) return;
  set_state(h, r, {RegionState::free, RegionType::data, false, 0, generation});
}

// Sealed, never continued: what lies behind a torn tail may be stamped (F17b).
void keep_region(Handle& h, std::uint64_t r, const format::RegionHeader& header, std::uint64_t end,
                 std::uint64_t synced) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  const std::uint64_t g = header.generation;
  const RegionWord now{RegionState::sealed, static_cast<RegionType>(header.type), header.run > 1, 0, g};
  shared::tail_store(d.tail, end);
  shared::tail_store(d.settled, end);
  shared::hint_store(d.run, format::tagged(g, header.run));
  shared::hint_store(d.synced, format::tagged(g, synced / 8));
  shared::dead_mark_store(d.may_hold_dead, g);
  shared::hint_store(d.dead, format::tagged(g, lost_room(now, h.space.region_size(), end)));
  shared::hint_store(d.gate, format::tagged(g, 0));  // of tickets that begin anew
  shared::hint_store(d.retire_epoch, format::tagged(g, 0));
  shared::epoch_note(d.seal_epoch, 0);
  set_state(h, r, now);
}

Error damage_at(const Handle& h, std::uint64_t r, std::uint64_t inside) noexcept {
  return Error{Code::damaged, 0, h.space.region_offset(r) + inside,
               "records that were synced are unreadable; durra recover makes a new file of what is left"};
}

Result<Judgement> judge(Handle& h, std::uint64_t r, Survey& survey) {
  const Space& space = h.space;
  const auto d = copy_of(space.descriptor(r));
  const std::uint64_t begin = space.region_offset(r), end = std::max(begin, survey.file_end);
  const auto read = read_from<format::RegionHeader>(h, begin, end);
  if (!read) return read.error();
  const format::RegionHeader& header = *read;
  const bool valid = format::check(header, space.seed(), r, space.region_count()) == nullptr;
  const auto evidence = format::evidence(d, valid ? &header : nullptr);
  const Action action = format::decide(evidence);
  const RegionWord word = format::unpack(d.state);
  const std::uint64_t generation = std::max(evidence.crc_ok ? word.generation : 0, valid ? header.generation : 0);
  survey.generation = std::max(survey.generation, generation);
  if (action == Action::damage) return damage_at(h, r, 0);
  const Judgement over{r, 1, false, generation, {}, 0, 0};
  if (action == Action::free) return over;

  const std::uint64_t size = std::min(header.run * space.region_size(), end - begin);
  const Parse reach(space, r, header.generation, size, survey.notes);
  const std::uint64_t synced = evidence.synced ? format::untag(d.synced, word.generation) * 8 : 0;
  if (action == Action::parse_strict && reach.first_bad() < synced) return damage_at(h, r, reach.first_bad());
  // A run without its record covers nothing; a region that its owner did not live to write to is as good as free.
  if (reach.end() == format::kRegionData) {
    const auto first = read_from<std::uint64_t>(h, begin + format::kRegionData, end);
    if (!first) return first.error();
    if (header.run > 1 || *first == 0) return over;
  }
  if (auto backed = back_descriptors(h, r + header.run - 1); !backed) return backed.error();
  const std::uint64_t kept = header.generation == word.generation ? std::min(synced, reach.first_bad()) : 0;
  return Judgement{r, header.run, true, header.generation, header, reach.end(), kept};
}

// What a power cut broke is void from now on, and says so (an envelope: for all of its batch): else the next rebuild
// would meet it below a mark, as damage.
void make_void(Handle& h, std::uint64_t at) noexcept {
  auto* const header = reinterpret_cast<format::RecordHeader*>(h.space.base() + at);
  shared::draft_store(header->stamp, 0);
  shared::draft_store(header->word, 0);
}

// A region that was over may be kept though not all is there that was synced in it: the next life had begun to write.
// Then its mark is lowered on the disk before its state says that the mark counts, or a power cut between the two would
// look like damage.
Result<void> lower_marks(Handle& h, const Survey& survey) {
  bool lowered = false;
  for (const Judgement& j : survey.judgements) {
    std::uint64_t& word = h.space.descriptor(j.region).synced;
    const std::uint64_t g = j.header.generation;
    if (!j.keep || format::untag(shared::hint_load(word), g) * 8 <= j.synced) continue;
    shared::hint_store(word, format::tagged(g, j.synced / 8));
    lowered = true;
  }
  return lowered ? os::sync(h.file) : Result<void>{};
}

void carry_out(Handle& h, const Judgement& j, Survey& survey) noexcept {
  if (!j.keep) return free_region(h, j.region, j.generation);
  keep_region(h, j.region, j.header, j.end, j.synced);
  for (std::uint64_t i = 1; i < j.covers; ++i) {
    const std::uint64_t word = shared::state_load(h.space.descriptor(j.region + i).state);
    const std::uint64_t g = format::intact(word) ? format::generation_of(word) : j.generation;
    survey.generation = std::max(survey.generation, g);
    shared::hint_store(h.space.descriptor(j.region + i).run, format::tagged(g, i));
    set_state(h, j.region + i, {RegionState::body, RegionType::data, true, 0, g});
  }
}

// How many regions the file, the hint or a descriptor knows: each may be on the disk without the others, and what lies
// behind a lost end must not look healthy.  The table is sparse, and mostly a hole.
Result<std::uint64_t> known_regions(Handle& h) {
  constexpr std::uint64_t kStep = 4096, kSize = sizeof(format::Descriptor);
  const std::uint64_t table = h.space.super().descriptors_offset, count = h.space.region_count();
  std::uint64_t known = h.space.regions();
  for (std::uint64_t r = known; r < count;) {
    const auto data = os::next_data(h.file, table + r * kSize);
    if (!data) return data.error();
    if (*data >= table + count * kSize) break;
    const std::uint64_t end = std::min(count, ((*data / kStep + 1) * kStep - table) / kSize);
    for (r = std::max(r, (*data - table) / kSize); r < end; ++r) {
      format::Descriptor& d = h.space.descriptor(r);
      if (shared::state_load(d.state) != 0 || shared::tail_load(d.tail) != 0) known = r + 1;
    }
  }
  return known;
}

Result<Survey> judge_all(Handle& h) {
  Survey survey;
  const auto known = known_regions(h);
  if (!known) return known.error();
  survey.regions = *known;
  if (survey.regions == 0) return survey;
  const auto now = os::info(h.file);
  if (!now) return now.error();
  survey.file_end = now->size;
  if (auto done = back_descriptors(h, survey.regions - 1); !done) return done.error();
  for (std::uint64_t r = 0; r < survey.regions;) {
    auto judged = judge(h, r, survey);
    if (!judged) return judged.error();
    survey.judgements.push_back(*judged);
    r += judged->covers;
  }
  return survey;
}

Result<void> carry_out(Handle& h, Survey& survey) {
  if (auto done = lower_marks(h, survey); !done) return done;
  for (const std::uint64_t at : survey.notes.broken) make_void(h, at);
  for (const Judgement& j : survey.judgements) {
    carry_out(h, j, survey);
    step("rebuild.1");  // † next opener starts over
  }
  return {};
}

void forget_index(Handle& h, std::uint64_t regions) noexcept {
  for (std::uint32_t i = 0; i < h.space.super().root_words; ++i) shared::node_init(h.space.root(i), 0);
  for (std::uint64_t r = 0; r < regions; ++r) {
    const RegionWord w = format::unpack(shared::state_load(h.space.descriptor(r).state));
    if (w.type == RegionType::index) free_region(h, r, w.generation);
  }
  shared::hint_store(h.space.control().index_region, 0);
  shared::hint_store(h.space.control().free_hint, 0);
}

// The seats of the dead, and the index they shared, are over.
void forget_the_dead(Handle& h, std::uint64_t regions) noexcept {
  for (std::uint32_t n = 0; n < h.space.super().seat_count; ++n) {
    format::Seat& s = h.space.seat(n);
    if (shared::note_load(s.sync) != 0)
      shared::note_store(s.sync, 0);  // what it may have been told of, doubts tell now
    const std::uint64_t word = shared::seat_load(s.state);
    if (format::seat_state(word) == format::SeatState::free) continue;
    for (auto& cell : s.pins) shared::pin_clear(cell);
    shared::seat_store(s.state, format::seat_word(format::seat_generation(word), format::SeatState::free));
  }
  forget_index(h, regions);
  shared::hint_store(h.space.control().partial_hint, 0);
}

// F41, H3: nothing of before can be met again: not a stamp, not a generation, seen or lost in a power cut.  The clock
// on disk of a store that was closed in order is exact; else it lags by what was not written back.
Result<format::Control> next_words(Handle& h, const Survey& survey, bool in_order) noexcept {
  auto& control = h.space.control();
  constexpr std::uint64_t kClockJump = 1ull << 28, kSmallJump = 1ull << 16;
  format::Control next{};
  if (shared::clock_load(control) >= format::kStampTimeMax)  // the sum below would begin anew
    return Error{Code::damaged, 0, format::kControlOffset, "control block: clock out of range"};
  next.clock = std::max(shared::clock_load(control), survey.notes.time) + (in_order ? kSmallJump : kClockJump);
  next.epoch = shared::epoch_load(control) + 1;
  next.gen_floor = std::max(shared::raised_load(control.gen_floor), survey.generation) + format::kGenerationJump;
  if (const auto why = format::check(next)) return Error{Code::damaged, 0, format::kControlOffset, why};
  return next;
}
void set_words(Handle& h, const Survey& survey, const format::Control& next) noexcept {
  auto& control = h.space.control();
  shared::guarded_store(control.clock, next.clock);
  shared::guarded_store(control.epoch, next.epoch);
  shared::guarded_store(control.region_hint, survey.regions);
  shared::guarded_store(control.gen_floor, next.gen_floor);
  shared::guarded_store(control.sync_request, 0);  // nobody holds a ticket, and a power cut may have torn the two apart
  shared::guarded_store(control.sync_done, 0);
}

// A version that compaction had moved is there twice; scans have to know.
void mark_moved_from(Handle& h, const RecordRef& r) noexcept {
  format::Descriptor& d = h.space.descriptor(h.space.home_of(r.at));
  shared::dead_mark_store(d.may_hold_dead, format::moved_from(format::generation_of(shared::state_load(d.state))));
}

// The newest version of its key wins; of equal ones any, for they are copies.
Result<void> insert(Handle& h, LocalSeat& seat, const RecordRef& record, std::uint64_t stamp) {
  for (;;) {
    const Lookup at = find_for_change(h, {record.tag(), record.key()});
    switch (at.found) {
      case Found::damaged: return at.error();
      case Found::crowded:
      case Found::frozen:
        if (auto grown = grow_leaf(h, seat, at); !grown) return grown;
        continue;
      case Found::record: {
        const std::uint64_t there = stamp_if_version(h, at.record);
        if (there == stamp) mark_moved_from(h, record);
        if (there >= stamp) return note_dead(h, seat, record), Result<void>{};
        break;
      }
      case Found::empty: break;
    }
    const std::uint64_t to = format::slot_word(format::slot_hash(record.tag()), record.at);
    if (!shared::index_swing(*at.slot, at.word, to)) continue;
    if (at.found == Found::record) note_dead(h, seat, at.record);
    return {};
  }
}

// Versions wait here until their index lines have come.
class Inserter {
 public:
  Inserter(Handle& h, LocalSeat& seat) noexcept : h_(h), seat_(seat) {}
  Result<void> add(const RecordRef& r, std::uint64_t stamp) {
    prefetch_leaf(h_, {r.tag(), r.key()});
    waiting_[count_++] = {r, stamp};
    return count_ == waiting_.size() ? flush() : Result<void>{};
  }
  Result<void> flush() {
    for (std::size_t i = 0; i < count_; ++i)
      if (auto done = insert(h_, seat_, waiting_[i].record, waiting_[i].stamp); !done) return done;
    count_ = 0;
    return {};
  }

 private:
  struct Version {
    RecordRef record;
    std::uint64_t stamp;
  };
  Handle& h_;
  LocalSeat& seat_;
  std::array<Version, 16> waiting_{};
  std::size_t count_ = 0;
};

// Calls `each` with every version that can be read, and its stamp.
template <class Each>
Result<void> each_version(Handle& h, const Survey& survey, Each each) {
  for (std::uint64_t r = 0; r < survey.regions; ++r) {
    format::Descriptor& d = h.space.descriptor(r);
    const RegionWord w = format::unpack(shared::state_load(d.state));
    if (w.state != RegionState::sealed || w.type == RegionType::index) continue;
    const std::uint64_t seed = format::region_seed(h.space.seed(), r, w.generation);
    auto walk = walk_of(h.space, r, w.generation, shared::tail_load(d.tail));
    while (walk.next()) {
      const RecordRef record = ref_of(h.space, walk.record(), seed);
      const std::uint64_t stamp = stamp_if_version(h, record);
      if (stamp == 0) continue;
      if (auto done = each(record, stamp); !done) return done;
    }
  }
  return {};
}

Result<void> index_all(Handle& h, const Survey& survey) {
  auto seat = ExclusiveSeat::take(h);
  if (!seat) return seat.error();
  const Compacting to_the_last_region(**seat);
  Inserter into(h, **seat);
  const auto add = [&](const RecordRef& r, std::uint64_t stamp) { return into.add(r, stamp); };
  if (auto done = each_version(h, survey, add); !done) return done;
  return into.flush();
}

struct Version {
  std::uint64_t tag, stamp;
  RecordRef record;
};

// The newest version of each key, by tag.  Keys of one tag are told apart by their text.
std::vector<IndexEntry> newest(Handle& h, std::vector<Version>& all) {
  const auto order = [](const Version& v) { return std::tuple(v.tag, v.record.key(), ~v.stamp); };
  std::sort(all.begin(), all.end(), [&](const Version& a, const Version& b) { return order(a) < order(b); });
  std::vector<IndexEntry> kept;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i == 0 || all[i].tag != all[i - 1].tag || all[i].record.key() != all[i - 1].record.key())
      kept.push_back({all[i].tag, all[i].record.at});
    else if (all[i].stamp == all[i - 1].stamp)
      mark_moved_from(h, all[i].record);
  return kept;
}

// In a store that is full an index that grows leaf by leaf may find no room, in another order than the first time: here
// the versions are listed first, and each node is made as large as it must be.
Result<void> index_tightly(Handle& h, const Survey& survey) {
  forget_index(h, survey.regions);
  std::vector<Version> all;
  const auto add = [&](const RecordRef& r, std::uint64_t stamp) {
    all.push_back({r.tag(), stamp, r});
    return Result<void>{};
  };
  if (auto done = each_version(h, survey, add); !done) return done;
  auto seat = ExclusiveSeat::take(h);
  if (!seat) return seat.error();
  const Compacting to_the_last_region(**seat);
  return pack_index(h, **seat, newest(h, all));
}

}  // namespace

Result<void> rebuild(Handle& h, bool in_order, const std::function<Result<void>()>& before_it_changes) {
  auto survey = judge_all(h);
  if (!survey) return survey.error();
  if (auto words = next_words(h, *survey, in_order); !words) return words.error();
  if (auto done = before_it_changes(); !done) return done;
  if (auto done = carry_out(h, *survey); !done) return done;
  forget_the_dead(h, survey->regions);
  const auto words = next_words(h, *survey, in_order);  // the bodies of runs have told of more generations
  if (!words) return words.error();
  set_words(h, *survey, *words);
  step("rebuild.2");  // † next opener starts over
  auto indexed = index_all(h, *survey);
  if (!indexed && indexed.error().code == Code::full) indexed = index_tightly(h, *survey);
  if (!indexed) return indexed;
  step("rebuild.3");  // † next opener starts over
  shared::hint_add(h.space.control().rebuilds, 1);
  // A panic without a power cut must not lose what was only in the drive (F17d).  A page cache in doubt answers for
  // nothing: the next sync writes it anew.
  if (auto done = os::sync(h.file); !done) return done;
  if (!sync_lost(h) && !cache_in_doubt(h)) mark_synced(h);
  return {};
}

}  // namespace durra::detail
