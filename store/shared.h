// Every access to a word that several processes change goes through this file: the only memory orders of the project.
// Each function names its partner and what breaks without it; PROTOCOL.md §2 is the same table with the scenarios.
//
// std::atomic_ref on words of the mapping: lock-free on every supported machine (asserted below).
#pragma once
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "format/head.h"
#include "format/leaf.h"
#include "format/record.h"
#include "format/region.h"
#include "format/seat.h"

namespace durra::shared {

using Word = std::uint64_t;
using Ref = std::atomic_ref<Word>;
static_assert(Ref::is_always_lock_free);

// ---- S1 publication: the index word ------------------------------------------------------------------------------
// Partner: each other, S5 (clock).  seq_cst on both sides: a writer changes the word, then reads the clock; a snapshot
// moves the clock, then reads words.  Weaker, and a version that a snapshot had to see gets a stamp before it (F4).
inline Word index_load(Word& w) noexcept { return Ref(w).load(std::memory_order_seq_cst); }
// Release: the record behind `to` is complete for whoever reads the word.
inline bool index_swing(Word& w, Word from, Word to) noexcept {
  return Ref(w).compare_exchange_strong(from, to, std::memory_order_seq_cst);
}

// ---- S2 nodes of the index: parent words ----------------------------------------------------------------------------
// Partner: each other.  Without release the words of a new node could be read as zeros: keys would vanish.  seq_cst as
// the first read under a pin, so that a reclaimer that did not see the pin is seen by the reader.
inline Word parent_load(Word& w) noexcept { return Ref(w).load(std::memory_order_seq_cst); }
inline bool parent_swing(Word& w, Word from, Word to) noexcept {
  return Ref(w).compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_acquire);
}
// After it no index_swing on this word can succeed; the value before, with all that was published by it.
inline Word freeze(Word& w) noexcept { return Ref(w).fetch_or(format::kFreeze, std::memory_order_seq_cst); }
// Into a node that nobody can reach yet; made visible by parent_swing.
inline void node_init(Word& w, Word value) noexcept { Ref(w).store(value, std::memory_order_relaxed); }

// ---- S3 tail and settled --------------------------------------------------------------------------------------------
// Partner: tail_load of walkers (verify, scan, reaper).  Without release a walker would read a header not yet written.
inline void tail_store(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_release); }
inline Word tail_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
// Index regions have no owner: space is cut off by CAS.  The bytes are zeros already; parent_swing publishes.
inline bool tail_cut(Word& w, Word from, Word to) noexcept {
  return Ref(w).compare_exchange_strong(from, to, std::memory_order_relaxed);
}

// ---- S4 state of a region -------------------------------------------------------------------------------------------
// Partner: each other.  The next holder of a region sees what the last one wrote (tail before PARTIAL, F24).
inline Word state_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline bool state_change(Word& w, Word from, Word to) noexcept {
  return Ref(w).compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_acquire);
}
// By the one who alone holds the region (owner in CLAIMED, rebuild).
inline void state_store(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_release); }

// ---- S5 clock -------------------------------------------------------------------------------------------------------
// Partner: S1.
inline Word clock_load(format::Control& c) noexcept { return Ref(c.clock).load(std::memory_order_seq_cst); }
inline bool clock_tick(format::Control& c, Word from) noexcept {
  return Ref(c.clock).compare_exchange_strong(from, from + 1, std::memory_order_seq_cst);
}

// ---- S6 stamp of a record -------------------------------------------------------------------------------------------
// The stamp is decided by the first CAS from 0; the word (its check) is stored after it with release, so that whoever
// acquires a word with bit 63 reads the stamp that is certain.
inline Word stamp_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline void stamp_decide(Word& w, Word v) noexcept {
  Word none = 0;
  Ref(w).compare_exchange_strong(none, v, std::memory_order_acq_rel, std::memory_order_acquire);
}
inline Word check_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline void check_store(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_release); }

// ---- S7 words of a record that is not published yet, and prev -------------------------------------------------------
// Published by S1; relaxed because only their owner stores them before that.
inline void draft_store(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_relaxed); }
inline Word prev_load(Word& w) noexcept { return Ref(w).load(std::memory_order_relaxed); }

// ---- S18 batches ----------------------------------------------------------------------------------------------------
// The decision word of an envelope.  A change is seq_cst: a fixer has swung all index words (S1), then reads the clock
// (S5), then fixes; a snapshot moves the clock, reads an index word, then pushes: weaker, and a batch could be fixed at
// an instant that was already read without it.  Load acquire: who sees FIXED sees every index word that was swung for
// it.
inline Word decision_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline bool decision_change(Word& w, Word from, Word to) noexcept {
  return Ref(w).compare_exchange_strong(from, to, std::memory_order_seq_cst, std::memory_order_acquire);
}
// prev of a batch record, by whoever helps; it stands still from the S1 swing on that installs the record.
inline Word helped_prev_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline void helped_prev_change(Word& w, Word from, Word to) noexcept {
  Ref(w).compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_acquire);
}
// What a reaper decides for a dead seat.  Noted before tail covers the envelope (S3), cleared before the region leaves
// the seat (S4): else a second reaper would find the next owner's batch at the same place (H11).
inline Word batch_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline void batch_note(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_release); }

// ---- S8 pins --------------------------------------------------------------------------------------------------------
// Enter: seq_cst read-modify-write before the first seq_cst load of an index or parent word; a reclaimer unlinks, moves
// the epoch, then scans pins (all seq_cst): one of the two sees the other.  Leave: release, so that reads under the pin
// come before it.
inline Word pin_load(Word& w) noexcept { return Ref(w).load(std::memory_order_seq_cst); }
inline bool pin_enter(Word& w, Word from, Word to) noexcept {
  return Ref(w).compare_exchange_strong(from, to, std::memory_order_seq_cst);
}
inline Word pin_leave(Word& w, Word count) noexcept { return Ref(w).fetch_sub(count, std::memory_order_acq_rel); }
inline Word pin_close(Word& w) noexcept { return Ref(w).fetch_or(format::kPinClosing, std::memory_order_acq_rel); }
// By the new owner or the reaper of a seat, when no pin of it can exist.
inline void pin_clear(Word& w) noexcept { Ref(w).store(0, std::memory_order_release); }
// seq_cst: who walks through regions loads it once more behind its pin, and a reclaimer moves it before it scans pins.
inline Word epoch_load(format::Control& c) noexcept { return Ref(c.epoch).load(std::memory_order_seq_cst); }

// ---- S9 seats -------------------------------------------------------------------------------------------------------
// Partner: each other.  FREE is stored after everything the dead held was given back (F33).
inline Word seat_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline void seat_store(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_release); }

// ---- S10 may_hold_dead ----------------------------------------------------------------------------------------------
// Stored before the S1 swing that supersedes a record of the region; a scan moves the clock (S5), then loads it: a scan
// that misses it knows that the superseding version is later than its instant.  seq_cst for that reason.
inline Word dead_mark_load(Word& w) noexcept { return Ref(w).load(std::memory_order_seq_cst); }
inline void dead_mark_store(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_seq_cst); }
// Who only supersedes does not write over the mark of who moves.
inline void dead_mark_change(Word& w, Word from, Word to) noexcept {
  Ref(w).compare_exchange_strong(from, to, std::memory_order_seq_cst);
}

// ---- S11 hints and figures: relaxed, because a stale value costs time or a wrong figure on a screen, never a record -
inline Word hint_load(Word& w) noexcept { return Ref(w).load(std::memory_order_relaxed); }
inline void hint_store(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_relaxed); }
inline void hint_add(Word& w, Word n) noexcept { Ref(w).fetch_add(n, std::memory_order_relaxed); }
// Who has a seat: may be read in the middle of being written, then it is a mixture of two.
inline std::uint32_t hint_load(std::uint32_t& w) noexcept { return std::atomic_ref(w).load(std::memory_order_relaxed); }
inline void hint_store(std::uint32_t& w, std::uint32_t v) noexcept {
  std::atomic_ref(w).store(v, std::memory_order_relaxed);
}
using Name = std::array<char, 16>;
inline Name hint_load(Name& name) noexcept {
  Name copy;
  for (std::size_t i = 0; i < name.size(); ++i) copy[i] = std::atomic_ref(name[i]).load(std::memory_order_relaxed);
  return copy;
}
inline void hint_store(Name& name, const Name& v) noexcept {
  for (std::size_t i = 0; i < name.size(); ++i) std::atomic_ref(name[i]).store(v[i], std::memory_order_relaxed);
}
// A figure that only its seat's holder counts: no read-modify-write; threads that share a seat may lose a count.
inline void figure_add(Word& w, Word n) noexcept {
  Ref(w).store(Ref(w).load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

// ---- S12 raised words: region_hint, gen_floor -----------------------------------------------------------------------
// region_hint is raised before the region becomes OPEN, hence before anything in it is published: whoever sees a record
// also sees its region counted.  Partner: raised_load of walkers.
inline Word raised_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline void raise(Word& w, Word v) noexcept {
  Word now = Ref(w).load(std::memory_order_acquire);
  while (now < v && !Ref(w).compare_exchange_weak(now, v, std::memory_order_acq_rel)) {
  }
}

// ---- S13 words changed only under the RECOVER lock (clean flag, rebuild's own stores) -------------------------------
// The lock orders them; atomic because tools read them without it.
inline Word guarded_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline void guarded_store(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_release); }
// Word by word; its check tells one that a death left half written.
using IdentityWords = std::array<Word, sizeof(format::Identity) / sizeof(Word)>;
inline format::Identity identity_load(format::Control& c) noexcept {
  auto* from = reinterpret_cast<Word*>(&c.identity);
  IdentityWords words;
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = guarded_load(from[i]);
  return std::bit_cast<format::Identity>(words);
}
inline void identity_store(format::Control& c, const format::Identity& v) noexcept {
  auto* to = reinterpret_cast<Word*>(&c.identity);
  const auto words = std::bit_cast<IdentityWords>(v);
  for (std::size_t i = 0; i < words.size(); ++i) guarded_store(to[i], words[i]);
}

// ---- S19 sync -------------------------------------------------------------------------------------------------------
// Tickets.  Partner: each other.  A ticket is taken after what it is to cover was stored, and a flusher loads the last
// ticket before it looks at any region: acq_rel on the count, so that it sees all that its tickets cover.  Weaker, and
// a sync could answer for a record that its flush did not see.
inline Word ticket_take(format::Control& c) noexcept {
  return Ref(c.sync_request).fetch_add(1, std::memory_order_acq_rel) + 1;
}
inline Word ticket_last(format::Control& c) noexcept { return Ref(c.sync_request).load(std::memory_order_acquire); }
// sync_done, synced and doubts that ended are raised (S12) after the system call that makes them true.  `synced` only
// within the life it belongs to: whoever was slow must not mark the next one (H2b).
inline void synced_raise(Word& w, Word generation, Word value) noexcept {
  Word now = Ref(w).load(std::memory_order_acquire);
  while (now >> 48 == (generation & 0xffff) && format::untag(now, generation) < value &&
         !Ref(w).compare_exchange_weak(now, format::tagged(generation, value), std::memory_order_acq_rel)) {
  }
}
// The first failure stays.  Partner: error_load, before and after every flush and durable put.
inline void error_stick(Word& w, Word v) noexcept {
  Word none = 0;
  Ref(w).compare_exchange_strong(none, v, std::memory_order_acq_rel);
}
inline Word error_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
// seat.sync around a flush, and the doubts of whoever finds it set.  seq_cst: an opener that came after a failure was
// reported to somebody else sees that one's note, or the sticky error (H8).
inline void note_store(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_seq_cst); }
inline Word note_load(Word& w) noexcept { return Ref(w).load(std::memory_order_seq_cst); }
inline void doubt(Word& w) noexcept { Ref(w).fetch_add(1, std::memory_order_acq_rel); }
// Makes the page of this word dirty and changes nothing, whoever stores to it at the same time.
inline void touch(Word& w) noexcept { Ref(w).fetch_or(0, std::memory_order_relaxed); }
// Who flushes: a hint.  Whoever loses, or finds it stale, only flushes a second time.
inline bool hint_change(Word& w, Word from, Word to) noexcept {
  return Ref(w).compare_exchange_strong(from, to, std::memory_order_relaxed);
}
// Of one process: a seat's puts that its handle's thread has not yet synced.  Exchanges on both sides: a put that finds
// the mark set is in the store order before the thread that takes the mark away.
inline void unsynced_mark(std::atomic<bool>& m) noexcept { m.exchange(true, std::memory_order_seq_cst); }
inline bool unsynced_take(std::atomic<bool>& m) noexcept { return m.exchange(false, std::memory_order_seq_cst); }

// ---- S20 futex words: odd = somebody may sleep on it ----------------------------------------------------------------
// Partner: S1 (for tails: S3; of the sync bell: S19), and each other.  A waiter makes the word odd, then looks at the
// index; a waker changes the index, then looks at the word.  seq_cst on both sides: weaker, and each may miss the
// other, and the waiter sleeps to the end of its slice though its version is there (F34).
inline std::uint32_t futex_load(std::uint32_t& w) noexcept {
  return std::atomic_ref(w).load(std::memory_order_seq_cst);
}
inline bool futex_next(std::uint32_t& w, std::uint32_t from) noexcept {
  return std::atomic_ref(w).compare_exchange_strong(from, from + 1, std::memory_order_seq_cst);
}

// ---- S21 reclaim ----------------------------------------------------------------------------------------------------
// The epoch moves on after something was unlinked (an index word swung, a region RETIRED); partner: S8.  A reclaimer
// unlinks, moves the epoch, fences, scans pins; a reader pins, then reads words: one of the two sees the other.
inline void epoch_move(format::Control& c, Word from) noexcept {
  Ref(c.epoch).compare_exchange_strong(from, from + 1, std::memory_order_seq_cst);
}
inline void reclaim_fence() noexcept { std::atomic_thread_fence(std::memory_order_seq_cst); }
// seal_epoch: stored before the S4 change that makes it count, loaded after the state was.
inline Word epoch_of(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline void epoch_note(Word& w, Word v) noexcept { Ref(w).store(v, std::memory_order_release); }
// gate, retire_epoch, run: tagged with a life, so that a freer who slept through it changes nothing (H5, H9).
inline Word tagged_load(Word& w) noexcept { return Ref(w).load(std::memory_order_acquire); }
inline bool tagged_change(Word& w, Word from, Word to) noexcept {
  return Ref(w).compare_exchange_strong(from, to, std::memory_order_acq_rel, std::memory_order_acquire);
}

// ---- S22 blocks -----------------------------------------------------------------------------------------------------
// The memory of a block while its users change it: a copy of it has whole words, each from some moment of the copying.
// Precondition: both are aligned to 8, and so is the size.
inline void block_copy(std::byte* to, const std::byte* from, std::uint64_t size) noexcept {
  for (std::uint64_t i = 0; i < size; i += 8) {
    const Word w = Ref(*reinterpret_cast<Word*>(const_cast<std::byte*>(from + i))).load(std::memory_order_relaxed);
    *reinterpret_cast<Word*>(to + i) = w;
  }
}

// ---- Within one process ---------------------------------------------------------------------------------------------
// S14 a local seat is used by one thread at a time.
inline bool try_acquire(std::atomic<bool>& busy) noexcept { return !busy.exchange(true, std::memory_order_acquire); }
inline bool looks_idle(const std::atomic<bool>& busy) noexcept { return !busy.load(std::memory_order_relaxed); }
inline void release(std::atomic<bool>& busy) noexcept { busy.store(false, std::memory_order_release); }
// S15 references to a handle: the last one tears it down and must see what all others did.
inline void refer(std::atomic<std::int64_t>& n) noexcept { n.fetch_add(1, std::memory_order_relaxed); }
inline bool unrefer(std::atomic<std::int64_t>& n) noexcept { return n.fetch_sub(1, std::memory_order_acq_rel) == 1; }
// S17 a countdown that threads sharing a seat may run down a little faster: what it paces is a hint.
inline bool count_down(std::atomic<std::uint32_t>& n) noexcept {
  const std::uint32_t left = n.load(std::memory_order_relaxed);
  if (left == 0) return true;
  n.store(left - 1, std::memory_order_relaxed);
  return false;
}
inline void count_from(std::atomic<std::uint32_t>& n, std::uint32_t from) noexcept {
  n.store(from, std::memory_order_relaxed);
}
// S16 process-local watermarks: what they promise was done by a system call before the store.
inline std::uint64_t mark_load(const std::atomic<std::uint64_t>& m) noexcept {
  return m.load(std::memory_order_acquire);
}
inline void mark_raise(std::atomic<std::uint64_t>& m, std::uint64_t v) noexcept {
  std::uint64_t now = m.load(std::memory_order_acquire);
  while (now < v && !m.compare_exchange_weak(now, v, std::memory_order_acq_rel)) {
  }
}

}  // namespace durra::shared
