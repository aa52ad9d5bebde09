// Moving live records out of a region, under their stamps.
#include "store/compact.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "store/append.h"
#include "store/batch.h"
#include "store/reclaim.h"
#include "store/region_table.h"
#include "store/stamp.h"
#include "store/step.h"

namespace durra::detail {
namespace {

using format::RegionState;
using format::RegionWord;

enum class Moved : std::uint8_t { done, no_room, not_durable, blocked };

// A copy of one record of a batch stands for itself: were it on the disk before the batch is, a power cut would leave a
// part of it (F16).
bool is_durable(Handle& h, const RecordRef& r) noexcept {
  if (h.is_volatile) return true;
  const std::uint64_t home = h.space.home_of(r.at);
  format::Descriptor& d = h.space.descriptor(home);
  const std::uint64_t generation = format::generation_of(shared::state_load(d.state));
  return r.at + r.size() <= h.space.region_offset(home) + format::untag(shared::raised_load(d.synced), generation) * 8;
}

// The mark of its region is that of another life: it has rotted, and no flush raises it any more.
bool never_durable(Handle& h, const RecordRef& r) noexcept {
  format::Descriptor& d = h.space.descriptor(h.space.home_of(r.at));
  const std::uint64_t generation = format::generation_of(shared::state_load(d.state));
  return shared::raised_load(d.synced) >> 48 != (generation & 0xffff);
}

// The payload packed, if the handle wants cold ones so and it is worth it; else empty.
std::vector<std::byte> packed_cold(const Handle& h, const RecordRef& r) {
  constexpr std::size_t kWorth = 256;
  const auto payload = r.payload();
  const bool plain = !r.shape.compressed && r.shape.align_log2 == 3;
  if (!h.compress_cold || !plain || payload.size() < kWorth) return {};
  auto small = packed(payload);
  if (small.size() > payload.size() - payload.size() / 8) small.clear();
  return small;
}

// A copy at the tail of the seat's region, void until its CAS is won.
std::optional<RecordRef> lay_copy(Handle& h, LocalSeat& seat, const RecordRef& r, std::uint64_t stamp) {
  Change c;
  c.key = {r.tag(), r.key()};
  c.shape = r.shape;
  c.shape.kind = r.tombstone() ? format::RecordKind::tombstone : format::RecordKind::put;
  c.shape.relocated = true;
  const auto small = packed_cold(h, r);
  const auto payload = small.empty() ? r.payload() : std::span<const std::byte>(small);
  c.shape.payload_size = payload.size();
  c.shape.compressed = r.shape.compressed || !small.empty();
  if (!seat.region || has_run(h, seat) || seat.region->capacity - seat.region->tail < size_bound(c.shape)) return {};
  const Laid laid = lay(h, seat, c);
  if (!payload.empty()) std::memcpy(writable_payload(laid.record).data(), payload.data(), payload.size());
  seal(laid.record);
  shared::draft_store(laid.record.header->prev, shared::prev_load(r.header->prev));
  step("compact.copy");  // † bytes beyond tail
  shared::tail_store(h.space.descriptor(seat.region->number).tail, laid.end);
  seat.region->tail = laid.end;
  // The old stamp now, so that whoever meets the copy keeps it; its check only after the CAS: a copy that loses it
  // stays void for ever.
  shared::stamp_decide(laid.record.header->stamp, stamp);
  step("compact.laid");  // † void record: stamped, without its check
  return laid.record;
}

// Whatever becomes of a copy, also when memory runs out: it is settled, or the region has two ends for ever.
class SettleCopy {
 public:
  SettleCopy(Handle& h, LocalSeat& seat) noexcept : h_(h), seat_(seat) {}
  ~SettleCopy() {
    if (laid.has_value()) shared::tail_store(h_.space.descriptor(seat_.region->number).settled, seat_.region->tail);
  }
  SettleCopy(const SettleCopy&) = delete;
  std::optional<RecordRef> laid;

 private:
  Handle& h_;
  LocalSeat& seat_;
};

// One record of the victim: dead, or moved.  Afterwards its key's newest version has its stamp, whatever it is.
Moved move_record(Handle& h, LocalSeat& seat, const RecordRef& r) {
  SettleCopy settle(h, seat);
  std::optional<RecordRef>& copy = settle.laid;
  Moved done = Moved::done;
  for (;;) {
    const Lookup at = find_for_change(h, {r.tag(), r.key()});
    if (at.found == Found::frozen) {
      if (!grow_leaf(h, seat, at)) done = Moved::blocked;
      if (done == Moved::blocked) break;
      continue;
    }
    if (at.found == Found::damaged) done = Moved::blocked;
    if (at.found != Found::record) break;
    const auto newest = durra::detail::newest(h, seat, at.record);  // a pending batch is decided first
    if (!newest) done = Moved::blocked;
    if (done == Moved::blocked) break;
    const std::uint64_t stamp = *newest ? fill(h, *newest) : 0;
    // A copy's check would say of a rotten stamp that it is the right one.
    if (*newest && (stamp == 0 || stamp_if_version(h, *newest) != stamp)) done = Moved::blocked;
    if (done == Moved::blocked) break;
    if (newest->at != r.at) {
      // The head is of a batch that was decided against: whoever looks must not have to look here for what stood
      // before.
      if (at.record.at != r.at) break;
      const std::uint64_t before = *newest ? format::slot_word(format::slot_hash(r.tag()), newest->at) : format::kDead;
      if (!shared::index_swing(*at.slot, at.word, before)) continue;
      break;
    }
    if (!copy && format::in_batch(r.shape.kind) && !is_durable(h, r))
      return never_durable(h, r) ? Moved::blocked : Moved::not_durable;
    if (!copy && (!r.body_intact() || size_bound(r.shape) > region_room(h))) done = Moved::blocked;
    if (done == Moved::blocked) break;
    if (!copy) copy = lay_copy(h, seat, r, stamp);
    if (!copy) return Moved::no_room;
    const std::uint64_t to = format::slot_word(format::slot_hash(r.tag()), copy->at);
    if (!shared::index_swing(*at.slot, at.word, to)) continue;
    step("compact.swing");  // † moved; whoever meets the copy writes its check
    fill(h, *copy);
    break;
  }
  return done;
}

// Up to 16 records of the victim from `at` on, their index lines and those of the records on their way.
struct Group {
  std::array<RecordRef, 16> records;
  std::size_t count = 0;
  bool damaged = false;
};
Group next_group(const Handle& h, const RegionCompaction& c, std::size_t limit) noexcept {
  Group g;
  for (std::uint64_t at = c.at; at < c.end && g.count < std::min(limit, g.records.size());) {
    RecordRef& r = g.records[g.count];
    if (h.space.locate(at, r) != nullptr || r.size() > c.end - at) {
      g.damaged = true;
      break;
    }
    at += r.size();
    ++g.count;
  }
  for (std::size_t i = 0; i < g.count; ++i) prefetch_leaf(h, {g.records[i].tag(), {}});
  for (std::size_t i = 0; i < g.count; ++i) prefetch_record(h, {g.records[i].tag(), {}});
  return g;
}

RegionWord word_of(Handle& h, std::uint64_t r) noexcept {
  return format::unpack(shared::state_load(h.space.descriptor(r).state));
}

std::uint64_t dead_bytes(Handle& h, std::uint64_t r, const RegionWord& w) noexcept {
  return format::untag(shared::hint_load(h.space.descriptor(r).dead), w.generation);
}

struct Victim {
  std::uint64_t region;
  RegionWord word;
  double score;
};

// (1 - u)·age / (1 + u): old regions that are mostly garbage first.  A run is one only when nothing in it is live, or
// its records are small enough to be moved.
std::optional<Victim> choose(Handle& h, Worth worth) noexcept {
  std::optional<Victim> best;
  const std::uint64_t end = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  const std::uint64_t now = os::coarse_now_ns();
  std::uint64_t oldest = 0;
  for (std::uint64_t r = 0; r < end; ++r) {
    const RegionWord w = word_of(h, r);
    if (w.type != format::RegionType::data || (w.state != RegionState::sealed && w.state != RegionState::partial))
      continue;
    format::Descriptor& d = h.space.descriptor(r);
    const std::uint64_t tail = shared::tail_load(d.tail);
    if (tail < format::kRegionData || tail > h.space.run_length(r, w) * h.space.region_size() || !ends_agree(w, d))
      continue;
    const std::uint64_t used = tail - format::kRegionData + lost_room(w, h.space.region_size(), tail);
    const std::uint64_t dead = std::min(dead_bytes(h, r, w), used);
    if (dead == 0 || dead * 256 < used * static_cast<std::uint64_t>(worth)) continue;
    if (w.run && dead * 16 < used * 15) continue;
    const std::uint64_t sealed_in = shared::epoch_of(d.seal_epoch);
    move_epoch_past(h, sealed_in);
    if (oldest == 0) oldest = oldest_pin(h);
    if (oldest <= sealed_in) continue;
    const double u = 1.0 - static_cast<double>(dead) / static_cast<double>(used);
    const double age = 1.0 + static_cast<double>(now - std::min(now, shared::hint_load(d.sealed_ns)));
    const double score = (1.0 - u) * age / (1.0 + u);
    if (!best || score > best->score) best = Victim{r, w, score};
  }
  return best;
}

// Something in it cannot be moved: not tried again soon, for the hint says now that nothing is to be won.
CompactionStep give_up(Handle& h, LocalSeat& seat) noexcept {
  const RegionCompaction& c = *seat.compaction;
  shared::hint_store(h.space.descriptor(c.region).dead, format::tagged(c.generation, 0));
  stop_compaction(h, seat);
  return CompactionStep::given_up;
}

}  // namespace

bool begin_compaction(Handle& h, LocalSeat& seat, Worth worth) noexcept {
  if (seat.compaction) return true;
  for (int tries = 0; tries < 4; ++tries) {
    const auto victim = choose(h, worth);
    if (!victim) return false;
    format::Descriptor& d = h.space.descriptor(victim->region);
    RegionWord mine = victim->word;
    mine.state = RegionState::compacting;
    mine.owner = seat.number;
    step("compact.look");  // † nothing happened
    if (!shared::state_change(d.state, format::pack(victim->word), format::pack(mine))) continue;
    step("compact.1");  // † reaper → SEALED
    // Asked again: others may have had it since and left it, with the same word.
    if (!pins_are_younger(h, d)) {
      shared::state_change(d.state, format::pack(mine), format::pack(victim->word));
      continue;
    }
    shared::dead_mark_store(d.may_hold_dead, format::moved_from(mine.generation));
    const std::uint64_t base = h.space.region_offset(victim->region);
    seat.compaction = {victim->region, mine.generation, base + format::kRegionData, base + shared::tail_load(d.tail)};
    return true;
  }
  return false;
}

CompactionStep compact_some(Handle& h, LocalSeat& seat, std::uint32_t records) {
  RegionCompaction& c = *seat.compaction;
  {
    OperationPin pinned(h, seat);
    if (!pinned) return CompactionStep::no_pin;
    while (records != 0 && c.at < c.end) {
      const Group g = next_group(h, c, records);
      for (std::size_t i = 0; i < g.count; ++i) {
        const RecordRef& r = g.records[i];
        const Moved moved = format::is_keyed(r.shape.kind) ? move_record(h, seat, r) : Moved::done;
        if (moved == Moved::no_room) return CompactionStep::no_room;
        if (moved == Moved::not_durable) return CompactionStep::not_durable;
        if (moved == Moved::blocked) return give_up(h, seat);
        c.at += r.size();
      }
      if (g.damaged) return give_up(h, seat);
      records -= static_cast<std::uint32_t>(g.count);
    }
    if (c.at < c.end) return CompactionStep::going_on;
  }
  step("compact.2");  // † reaper → SEALED, with nothing live in it
  const RegionCompaction over = c;
  seat.compaction.reset();
  retire(h, over.region, word_of(h, over.region));
  return CompactionStep::retired;
}

void stop_compaction(Handle& h, LocalSeat& seat) noexcept {
  if (!seat.compaction) return;
  const std::uint64_t r = seat.compaction->region;
  seat.compaction.reset();
  close_region(h, r, word_of(h, r));
}

}  // namespace durra::detail
