// Claiming and leaving regions.  Each step says what a death after it leaves (†), and who cleans up.
#include "store/region_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "store/append.h"
#include "store/reap.h"
#include "store/step.h"
#include "store/sync.h"
#include "store/tidy.h"

namespace durra::detail {
namespace {

using format::RegionState;
using format::RegionType;
using format::RegionWord;

// Bytes written at a time: a huge page, which one entry of the TLB maps; or so little that the flush of one record,
// which writes all of its piece, writes little.
constexpr std::uint64_t kCoarse = 2ull << 20, kFine = 4096;

RegionWord load(Handle& h, std::uint64_t r) noexcept {
  return format::unpack(shared::state_load(h.space.descriptor(r).state));
}
// Whether anybody may have it.
bool is_free(Handle& h, std::uint64_t r, const RegionWord& w) noexcept {
  return w.state == RegionState::free && !is_gone(h.space.descriptor(r));
}
bool change(Handle& h, std::uint64_t r, const RegionWord& from, const RegionWord& to) noexcept {
  return shared::state_change(h.space.descriptor(r).state, format::pack(from), format::pack(to));
}

Error no_region(const Handle& h, std::uint64_t bytes) noexcept {
  return Error{Code::full, 0, bytes, "max_size is reached", h.space.region_count() * h.space.region_size()};
}

// FREE regions of the file: below the hint by their state, above it all.
std::uint64_t count_free(Handle& h) noexcept {
  const std::uint64_t hint = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  std::uint64_t n = h.space.region_count() - hint;
  for (std::uint64_t r = 0; r < hint; ++r) n += is_free(h, r, load(h, r));
  return n;
}

bool reserve_is_safe(Handle& h, std::uint64_t wanted, Reserve reserve) noexcept {
  const std::uint64_t keep = wanted + static_cast<std::uint64_t>(reserve);
  const std::uint64_t hint = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  return h.space.region_count() - hint >= keep || count_free(h) >= keep;
}

// Step 2: FREE → CLAIMED(me) under a generation never seen before.  Null when somebody else was first.
std::optional<RegionWord> try_claim(Handle& h, LocalSeat& seat, std::uint64_t r, RegionType type, bool run) noexcept {
  const RegionWord free = load(h, r);
  if (!is_free(h, r, free)) return {};
  const std::uint64_t floor = shared::raised_load(h.space.control().gen_floor);
  const RegionWord mine{RegionState::claimed, type, run, seat.number, std::max(free.generation + 1, floor)};
  shared::raise(h.space.control().region_hint, r + 1);  // first, so that whoever looks for CLAIMED ones looks here
  if (!change(h, r, free, mine)) return {};
  step("claim.2");  // † reaper → FREE
  return mine;
}

// Whether nothing ever lay in these regions, which were claimed just now, that the disk could still show.  A hole alone
// says little: it may be one that the disk has not heard of yet.
bool never_used(Handle& h, std::uint64_t r, std::uint64_t k) {
  for (std::uint64_t i = r; i < r + k; ++i)
    if (load(h, i).generation != 1) return false;
  const auto data = os::next_data(h.file, h.space.region_offset(r));
  return data && *data >= h.space.region_offset(r + k);
}

// Zeros that no power cut takes back: what is punched is zeros at once, but the disk has what was there until a flush.
Result<void> zeros_on_disk(Handle& h, LocalSeat& seat, std::uint64_t at, std::uint64_t size, bool never_used) {
  if (auto done = os::punch(h.file, at, size); !done) return done;
  if (auto done = os::allocate(h.file, at, size); !done) return done;
  if (!never_used) flush_bytes(h, seat, at, size);
  return {};
}

// Step 3 for `k` regions from r: written zeros, then present and writable pages.
// What `piece` is: the unit in which the page cache keeps these bytes, and writes them back.
// Of blocks the disk itself must say zeros, before anything is written: a power cut may keep the page that names a
// block and lose those behind it, and what stood there before would be the block's memory (H24).
Result<void> fill_space(Handle& h, LocalSeat& seat, std::uint64_t r, std::uint64_t k, RegionType type,
                        std::uint64_t piece = kCoarse) {
  if (auto no = h.lost_files()) return *no;
  const std::uint64_t at = h.space.region_offset(r), size = k * h.space.region_size();
  if (type == RegionType::block) {
    if (auto done = zeros_on_disk(h, seat, at, size, never_used(h, r, k)); !done) return done;
  } else if (auto done = os::write_zeros(h.file, at, size, piece); !done) {
    return done;
  }
  step("claim.3");  // † reaper → FREE
  return os::populate(h.map.base() + at, size);
}

// Steps 4 and 5: everything that a walker needs, then OPEN.
void open_region(Handle& h, std::uint64_t r, const RegionWord& claimed, std::uint64_t k, std::uint32_t owner,
                 bool fine = false) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  const auto header =
      format::make_region_header(h.space.seed(), r, claimed.generation, claimed.type, k, os::coarse_now_ns());
  std::memcpy(h.map.base() + h.space.region_offset(r), &header, sizeof header);
  shared::tail_store(d.tail, format::kRegionData);
  shared::tail_store(d.settled, format::kRegionData);
  shared::hint_store(d.synced, format::tagged(claimed.generation, 0));
  shared::hint_store(d.stamp_max, 0);
  shared::hint_store(d.piece, format::tagged(claimed.generation, fine ? kFine : 0));
  shared::hint_store(d.dead, format::tagged(claimed.generation, 0));
  // Tags come round: what a life 65,536 generations ago noted must not count for this one.
  shared::hint_store(d.gate, format::tagged(claimed.generation, 0));
  shared::hint_store(d.retire_epoch, format::tagged(claimed.generation, 0));
  shared::epoch_note(d.seal_epoch, format::kNotSealed);
  shared::dead_mark_store(d.may_hold_dead, format::nothing_dead(claimed.generation));
  step("claim.4");  // † reaper → FREE
  RegionWord open = claimed;
  open.state = RegionState::open;
  open.owner = owner;
  shared::state_store(d.state, format::pack(open));
  step("claim.5");  // † reaper → PARTIAL or SEALED
}

struct Claimed {
  std::uint64_t number;
  RegionWord word;
};

// The first FREE region from the hint on that could be claimed, once round.
Result<Claimed> claim_one(Handle& h, LocalSeat& seat, RegionType type) {
  auto& hint = h.space.control().free_hint;
  const std::uint64_t count = h.space.region_count();
  const std::uint64_t start = shared::hint_load(hint) % count;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t r = (start + i) % count;
    if (auto backed = back_descriptors(h, r); !backed) return backed.error();
    if (const auto mine = try_claim(h, seat, r, type, false)) {
      shared::hint_store(hint, r + 1);
      return Claimed{r, *mine};
    }
  }
  return no_region(h, h.space.region_size());
}

// Two who look at the same time may each find enough for one: the reserve is looked at again with what was claimed.
Result<Claimed> claim_beside_reserve(Handle& h, LocalSeat& seat, RegionType type, Reserve reserve) {
  for (int tries = 0; tries < 4 && reserve_is_safe(h, 1, reserve); ++tries) {
    step("claim.room");  // † nothing happened
    const auto claimed = claim_one(h, seat, type);
    if (!claimed || reserve_is_safe(h, 0, reserve)) return claimed;
    release_claimed(h, claimed->number, claimed->word);
  }
  return no_region(h, h.space.region_size());
}

Result<std::uint64_t> claim_fresh(Handle& h, LocalSeat& seat, RegionType type, Reserve reserve) {
  if (!reserve_is_safe(h, 1, reserve)) reap_dead(h);
  const auto claimed = claim_beside_reserve(h, seat, type, reserve);
  if (!claimed) return claimed.error();
  const auto& [r, word] = *claimed;
  const bool fine = seat.fine && type == RegionType::data;
  // What is left of an earlier life in the page cache keeps its large pieces: it must go first.
  if (fine && word.generation > 1 && !h.lost_files())
    (void)os::punch(h.file, h.space.region_offset(r), h.space.region_size());
  if (auto filled = fill_space(h, seat, r, 1, type, fine ? kFine : kCoarse); !filled) {
    release_claimed(h, r, word);
    return filled.error();
  }
  open_region(h, r, word, 1, type == RegionType::index ? 0 : seat.number, fine);
  shared::figure_add(seat.shared->claims, 1);
  return r;
}

// Gives bodies back, last first.  Only the owner of a CLAIMED head, or its reaper, may: so at most one does at a time.
// Bodies are taken ascending and released descending, so those of this head are exactly the unbroken row of BODY
// regions behind it: a body of another run would have its own head in between.
void release_bodies(Handle& h, std::uint64_t head, std::uint64_t k) noexcept {
  std::uint64_t mine = 1;
  while (mine < k && load(h, head + mine).state == RegionState::body) ++mine;
  for (std::uint64_t i = mine; i-- > 1;) {
    const RegionWord w = load(h, head + i);
    change(h, head + i, w, {RegionState::free, RegionType::data, false, 0, w.generation});
    step("run.release");  // † head still CLAIMED: the next reaper goes on
  }
}

// RUN: k neighbouring regions for one record.
Result<std::uint64_t> claim_run_at(Handle& h, LocalSeat& seat, std::uint64_t head, std::uint64_t k, RegionType type,
                                   Reserve reserve, bool& blocked) {
  blocked = true;
  if (auto backed = back_descriptors(h, head + k - 1); !backed) return backed.error();
  const auto word = try_claim(h, seat, head, type, true);
  if (!word) return head;
  // k is known before the first body is taken, tagged with this life: the reaper of a CLAIMED head reads it.
  shared::hint_store(h.space.descriptor(head).run, format::tagged(word->generation, k));
  step("run.1");  // † reaper releases k regions
  shared::raise(h.space.control().region_hint, head + k);
  const std::uint64_t floor = shared::raised_load(h.space.control().gen_floor);
  for (std::uint64_t i = 1; i < k; ++i) {
    const RegionWord free = load(h, head + i);
    const RegionWord body{RegionState::body, RegionType::data, true, 0, std::max(free.generation + 1, floor)};
    if (!is_free(h, head + i, free) || !change(h, head + i, free, body)) {
      release_claimed(h, head, *word);
      return head;
    }
    shared::hint_store(h.space.descriptor(head + i).run, format::tagged(body.generation, i));  // published by OPEN
    step("run.2");  // † reaper releases k regions
  }
  if (!reserve_is_safe(h, 0, reserve)) {  // as claim_beside_reserve
    release_claimed(h, head, *word);
    return no_region(h, k * h.space.region_size());
  }
  if (auto filled = fill_space(h, seat, head, k, type); !filled) {
    release_claimed(h, head, *word);
    return filled.error();
  }
  blocked = false;
  open_region(h, head, *word, k, seat.number);
  shared::figure_add(seat.shared->claims, k);
  return head;
}

Result<std::uint64_t> claim_run(Handle& h, LocalSeat& seat, std::uint64_t k, Reserve reserve,
                                RegionType type = RegionType::data) {
  if (!reserve_is_safe(h, k, reserve)) return no_region(h, k * h.space.region_size());
  std::uint64_t head = 0;
  while (head + k <= h.space.region_count()) {
    const std::uint64_t hint = shared::raised_load(h.space.control().region_hint);
    std::uint64_t free = 0;  // neighbours from head on that are FREE now; above the hint all are
    while (free < k && (head + free >= hint || is_free(h, head + free, load(h, head + free)))) ++free;
    if (free < k) {
      head += free + 1;
      continue;
    }
    bool blocked = false;
    auto claimed = claim_run_at(h, seat, head, k, type, reserve, blocked);
    if (!claimed || !blocked) return claimed;
    ++head;
  }
  return no_region(h, k * h.space.region_size());
}

bool is_fine(Handle& h, std::uint64_t r, std::uint64_t generation) noexcept {
  return format::untag(shared::hint_load(h.space.descriptor(r).piece), generation) == kFine;
}

OpenRegion opened(Handle& h, std::uint64_t r, std::uint64_t capacity) noexcept {
  const RegionWord w = load(h, r);
  return {r,
          w.generation,
          format::region_seed(h.space.seed(), r, w.generation),
          shared::tail_load(h.space.descriptor(r).tail),
          capacity,
          is_fine(h, r, w.generation)};
}

// Zeros from the tail of a block region on.  Where somebody died while laying a block down there, they are made, also
// on the disk (H24).
Result<void> clear_behind(Handle& h, LocalSeat& seat, std::uint64_t r, std::uint64_t tail) {
  const std::uint64_t at = h.space.region_offset(r) + tail, end = h.space.region_offset(r + 1);
  std::byte* const bytes = h.space.base() + at;
  const auto is_zero = [](std::byte b) { return b == std::byte{0}; };
  if (std::all_of(bytes, bytes + std::min(end - at, format::kRecordHeaderSize), is_zero)) return {};
  if (auto no = h.lost_files()) return *no;
  const std::uint64_t pages = std::min(format::align_up(at, 4096), end);
  if (pages != end) {
    if (auto done = zeros_on_disk(h, seat, pages, end - pages, false); !done) return done;
    if (auto done = os::populate(h.map.base() + pages, end - pages); !done) return done;
  }
  // What tells that somebody died here goes last: whoever dies meanwhile leaves it to the next.
  const std::uint64_t rest = std::min(at + format::kRecordHeaderSize, pages);
  std::memset(h.space.base() + rest, 0, pages - rest);
  flush_bytes(h, seat, at, pages - at);
  std::memset(bytes, 0, rest - at);
  flush_bytes(h, seat, at, rest - at);
  return {};
}

// Where a region that somebody left goes on, if there is so much room and nothing in the way.
std::optional<std::uint64_t> room_behind(Handle& h, std::uint64_t r, const RegionWord& w, std::uint64_t room) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  const std::uint64_t size = h.space.region_size(), tail = shared::tail_load(d.tail);
  if (tail < format::kRegionData || tail % 8 != 0 || tail > size) return {};  // damaged: verify says so
  if (!ends_agree(w, d) || size - tail < room) return {};
  // A file that was cut short has none of its pages there: a store to them would be a fault.
  if (h.space.at(h.space.region_offset(r), size) == nullptr) return {};
  return tail;
}

// Step 1: a PARTIAL region with enough room goes on under its new owner, at the tail that was published (F24).
std::optional<OpenRegion> adopt(Handle& h, LocalSeat& seat, std::uint64_t room, RegionType type) {
  auto& control = h.space.control();
  const std::uint64_t hint = std::min(shared::raised_load(control.region_hint), h.space.region_count());
  for (std::uint64_t r = 0; r < hint; ++r) {
    const RegionWord w = load(h, r);
    if (w.state != RegionState::partial || w.type != type || w.run) continue;
    if (type == RegionType::data && seat.fine && !is_fine(h, r, w.generation)) continue;
    const auto before = room_behind(h, r, w, room);
    if (!before) continue;
    RegionWord mine = w;
    mine.state = RegionState::open;
    mine.owner = seat.number;
    step("claim.look");  // † nothing happened
    if (!change(h, r, w, mine)) continue;
    step("claim.1");  // † reaper → PARTIAL or SEALED
    // Asked again: others may have had the region since and left it, with the same word and another tail.
    const auto tail = room_behind(h, r, w, room);
    if (!tail || (type == RegionType::block && !clear_behind(h, seat, r, *tail))) {
      close_region(h, r, mine);
      continue;
    }
    return opened(h, r, h.space.region_size());
  }
  return {};
}
bool adopt_partial(Handle& h, LocalSeat& seat, std::uint64_t room) {
  auto& partial = h.space.control().partial_hint;  // of data: blocks are made seldom, and look without it
  if (shared::hint_load(partial) == 0) return false;
  seat.region = adopt(h, seat, room, RegionType::data);
  if (seat.region) {
    const auto left = shared::hint_load(partial);
    shared::hint_store(partial, left == 0 ? 0 : left - 1);
  } else if (!seat.fine) {
    shared::hint_store(partial, 0);  // none that anyone could use
  }
  return seat.region.has_value();
}

}  // namespace

// Descriptors lie in a sparse part of the head: before the first store to one, its disk blocks are made certain, so
// that a full disk is an error here and not SIGBUS later.  64 KiB at a time, ascending, never undone.
Result<void> back_descriptors(Handle& h, std::uint64_t r) {
  if (r < shared::mark_load(h.descriptors_ready)) return {};
  if (auto no = h.lost_files()) return *no;
  const std::uint64_t end = h.space.super().regions_offset;
  const std::uint64_t offset = h.space.descriptor_offset(r) & ~(format::kSectionAlign - 1);
  const std::uint64_t begin = h.space.descriptor_offset(shared::mark_load(h.descriptors_ready));
  const std::uint64_t from = begin & ~(format::kSectionAlign - 1);
  const std::uint64_t to = std::min(offset + format::kSectionAlign, end);
  const auto hole = os::next_hole(h.file, from);
  if (!hole) return hole.error();
  if (*hole < to) {  // or who opens the store, and is refused, would leave a file that changed (F9)
    if (auto done = os::allocate(h.file, from, to - from); !done) return done;
    if (auto done = os::populate(h.map.base() + from, to - from); !done) return done;
  }
  shared::mark_raise(h.descriptors_ready, (to - h.space.super().descriptors_offset) / sizeof(format::Descriptor));
  return {};
}

void release_claimed(Handle& h, std::uint64_t r, const RegionWord& w) noexcept {
  if (w.run) release_bodies(h, r, h.space.run_length(r, w));
  change(h, r, w, {RegionState::free, RegionType::data, false, 0, w.generation});
  auto& hint = h.space.control().free_hint;
  if (shared::hint_load(hint) > r) shared::hint_store(hint, r);
}

bool punch_region(Handle& h, LocalSeat& seat, std::uint64_t r) noexcept {
  if (h.lost_files()) return false;
  const auto mine = try_claim(h, seat, r, RegionType::data, false);
  if (!mine) return false;
  const bool done = static_cast<bool>(os::punch(h.file, h.space.region_offset(r), h.space.region_size()));
  step("punch.1");  // † reaper → FREE
  release_claimed(h, r, *mine);
  return done;
}

void close_region(Handle& h, std::uint64_t r, const RegionWord& w) noexcept {
  format::Descriptor& d = h.space.descriptor(r);
  const std::uint64_t size = h.space.region_size();
  const std::uint64_t tail = shared::tail_load(d.tail);
  if (w.run && w.state == RegionState::open && tail == format::kRegionData) {  // nothing was ever published in it
    RegionWord back = w;
    back.state = RegionState::claimed;
    if (change(h, r, w, back)) release_claimed(h, r, back);
    return;
  }
  const bool partial = !w.run && w.state == RegionState::open && tail <= size && size - tail >= size / 8;
  RegionWord left = w;
  left.state = partial ? RegionState::partial : RegionState::sealed;
  left.owner = 0;
  shared::hint_store(d.sealed_ns, os::coarse_now_ns());
  // Whatever helpers still do to this region's batches, they do under pins that are not younger than this.
  shared::epoch_note(d.seal_epoch, shared::epoch_load(h.space.control()));
  if (!change(h, r, w, left)) return;
  if (partial && w.type == RegionType::data) shared::hint_add(h.space.control().partial_hint, 1);
}

void mark_synced(Handle& h) noexcept {
  const std::uint64_t end = std::min(shared::raised_load(h.space.control().region_hint), h.space.region_count());
  for (std::uint64_t r = 0; r < end; ++r) {
    format::Descriptor& d = h.space.descriptor(r);
    const RegionWord w = load(h, r);
    if (w.type == RegionType::index || (w.state != RegionState::sealed && w.state != RegionState::partial)) continue;
    shared::hint_store(d.synced, format::tagged(w.generation, shared::tail_load(d.tail) / 8));
  }
}

void leave_region(Handle& h, LocalSeat& seat) noexcept {
  for (DeadCount& count : seat.dead) tell_dead(h, count);
  if (!seat.region) return;
  close_region(h, seat.region->number, load(h, seat.region->number));
  seat.region.reset();
}

namespace {

bool has_room(const Handle& h, const LocalSeat& seat, std::uint64_t room) noexcept {
  const bool fits = seat.region && (seat.region->fine || !seat.fine || has_run(h, seat));
  return fits && seat.region->capacity - seat.region->tail >= room;
}

// A run of its own; the region in use before stays in use by others.
Result<void> make_run(Handle& h, LocalSeat& seat, std::uint64_t room, Reserve reserve) {
  const std::uint64_t size = h.space.region_size();
  const std::uint64_t k = (room + format::kRegionData + size - 1) / size;
  leave_region(h, seat);
  auto head = claim_run(h, seat, k, reserve);
  if (!head && head.error().code == Code::full) {
    reap_dead(h);
    head = claim_run(h, seat, k, reserve);
    while (!head && head.error().code == Code::full && make_free(h, seat)) head = claim_run(h, seat, k, reserve);
  }
  if (!head) return head.error();
  leave_region(h, seat);  // where copies went, if any were made
  seat.region = opened(h, *head, k * size);
  return {};
}

// Also one whose pages are not in small pieces: there is no other.
bool adopt_any(Handle& h, LocalSeat& seat, std::uint64_t room) noexcept {
  shared::hint_add(h.space.control().partial_hint, 1);
  const bool fine = std::exchange(seat.fine, false);
  const bool adopted = adopt_partial(h, seat, room);
  seat.fine = fine;
  if (adopted) seat.region->fine = true;
  return adopted;
}

// The last chances of a writer that found no FREE region: somebody's leftover, then the garbage.
Result<void> make_room_when_full(Handle& h, LocalSeat& seat, std::uint64_t room, Reserve reserve, Error full) {
  reap_dead(h);
  if (adopt_any(h, seat, room)) return {};
  while (make_free(h, seat)) {
    if (has_room(h, seat, room)) return {};
    leave_region(h, seat);
    if (adopt_any(h, seat, room)) return {};
    if (auto fresh = claim_fresh(h, seat, RegionType::data, reserve)) {
      seat.region = opened(h, *fresh, h.space.region_size());
      return {};
    }
  }
  return has_room(h, seat, room) ? Result<void>{} : full;
}

}  // namespace

Result<void> make_room(Handle& h, LocalSeat& seat, std::uint64_t room, Reserve reserve) {
  if (has_room(h, seat, room)) return {};
  reap_sometimes(h);
  if (room > region_room(h)) return make_run(h, seat, room, reserve);
  leave_region(h, seat);
  if (adopt_partial(h, seat, room)) return {};
  tidy(h, seat);
  if (has_room(h, seat, room)) return {};
  leave_region(h, seat);
  auto fresh = claim_fresh(h, seat, RegionType::data, reserve);
  if (fresh) {
    seat.region = opened(h, *fresh, h.space.region_size());
    return {};
  }
  if (fresh.error().code != Code::full) return fresh.error();
  return make_room_when_full(h, seat, room, reserve, fresh.error());
}

Result<OpenRegion> claim_block_room(Handle& h, LocalSeat& seat, std::uint64_t room) {
  if (auto found = adopt(h, seat, room, RegionType::block)) return *found;
  const std::uint64_t size = h.space.region_size();
  const std::uint64_t k = (room + format::kRegionData + size - 1) / size;
  const auto claim = [&] {
    return k == 1 ? claim_fresh(h, seat, RegionType::block, Reserve::keep)
                  : claim_run(h, seat, k, Reserve::keep, RegionType::block);
  };
  tidy(h, seat);
  auto head = claim();
  if (!head && head.error().code == Code::full && reap_dead(h) != 0) head = claim();
  while (!head && head.error().code == Code::full && make_free(h, seat)) head = claim();
  if (!head) return head.error();
  return opened(h, *head, k * size);
}

Result<std::uint64_t> claim_index_region(Handle& h, LocalSeat& seat) {
  return claim_fresh(h, seat, RegionType::index, seat.compacting ? Reserve::last : Reserve::use);
}

}  // namespace durra::detail
