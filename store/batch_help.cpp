// help: the steps of a batch that anybody may take for anybody.  The order of (i), (ii) and (iv) is what makes it
// right: the model of it makes a circle of versions without.
#include <algorithm>

#include "store/append.h"
#include "store/batch.h"
#include "store/stamp.h"
#include "store/step.h"
#include "store/wait.h"

namespace durra::detail {
namespace {

using format::Verdict;

Verdict verdict_for(Code c) noexcept {
  switch (c) {
    case Code::conflict: return Verdict::conflict;
    case Code::full: return Verdict::full;
    case Code::mismatch: return Verdict::mismatched;
    default: return Verdict::damaged;
  }
}

class Helper {
 public:
  // `above`: whoever came here from a batch of his own, because it needed this one decided.
  Helper(Handle& h, LocalSeat& seat, const RecordRef& envelope, const Helper* above) noexcept
      : handle_(h), seat_(seat), envelope_(envelope), above_(above) {}

  Result<void> run() {
    auto done = install_all();
    if (done && pending() && fix()) wake_words(handle_, words_);
    if (!done) abort_batch(envelope_, verdict_for(done.error().code));
    return done;
  }

 private:
  bool pending() const noexcept { return is_pending(envelope_); }
  static Error damage(std::uint64_t at, format::Why why) noexcept { return Error{Code::damaged, 0, at, why}; }

  Result<void> install_all() {
    format::Envelope e;
    if (const auto why = contents_of(envelope_, e)) return damage(envelope_.at, why);
    note(shared::prev_load(envelope_.header->prev));
    std::uint64_t at = envelope_.at + format::kEnvelopeSize;
    for (std::uint64_t j = 0; j < e.count && pending(); ++j) {
      RecordRef mine;
      if (const auto why = handle_.space.locate(at, mine)) return damage(at, why);
      if (!format::in_batch(mine.shape.kind) || mine.link().envelope != at - envelope_.at)
        return damage(at, "batch: a record of another");
      if (auto done = install(mine); !done) return done;
      words_ |= 1u << word_of(mine.tag());
      at += mine.size();
    }
    return {};
  }

  // Until the record is its key's head, or somebody has decided the batch.
  Result<void> install(const RecordRef& mine) {
    const KeyView key{mine.tag(), mine.key()};
    for (;;) {
      const std::uint64_t prev = shared::helped_prev_load(mine.header->prev);  // (i)
      auto at = find_place(handle_, seat_, key);                               // (ii)
      if (!at) return at.error();
      if (at->record && at->record.at == mine.at) return note_superseded(mine);
      const RecordRef head = at->record;
      if (auto settled = settle(head); !settled) return settled;  // (iii)
      const Shown now = head ? resolve(handle_, head) : Shown{};
      if (now.why != nullptr) return now.error();
      if (now.record) fill(handle_, now.record);
      if (!pending()) return {};  // (iv)
      const std::uint64_t superseded = now.record ? now.record.at : 0;
      if (prev != superseded) {  // (v)
        shared::helped_prev_change(mine.header->prev, prev, superseded);
        step("batch.prev");  // † pending: reaped, or helped
        continue;
      }
      if (auto no = refused(mine, now.record)) return *no;
      if (now.record) mark_superseded(handle_, now.record);
      const std::uint64_t to = format::slot_word(format::slot_hash(key.tag), mine.at);
      if (!shared::index_swing(*at->slot, at->word, to)) continue;
      if (now.record) note_dead(handle_, seat_, now.record);
      step("batch.5");  // † some heads are pending: reaped, or helped
      return note_superseded(mine);
    }
  }

  // A pending batch in the way is decided first.  Keys ascend, so nobody comes back to himself, and a seat has one
  // pending at a time: a circle is rot, and a chain of more than there are seats.  Those above that others have decided
  // meanwhile do not count: their seats may be in the chain again.
  Result<void> settle(const RecordRef& head) {
    if (!head || !format::in_batch(head.shape.kind) || stamp_if_certain(head) != 0) return {};
    RecordRef other;
    if (const auto why = envelope_of(handle_, head, other)) return damage(head.at, why);
    if (!is_pending(other) || !pending()) return {};
    std::uint32_t below = 0;
    for (const Helper* h = this; h != nullptr; h = h->above_)
      if (h->envelope_.at == other.at || (h->pending() && ++below > handle_.space.super().seat_count))
        return damage(head.at, "batch: keys out of order");
    (void)Helper(handle_, seat_, other, this).run();  // decided, either way
    return {};
  }

  std::optional<Error> refused(const RecordRef& mine, const RecordRef& now) const noexcept {
    if (now && now.shape.kind == format::RecordKind::block)
      return Error{Code::mismatch, 0, now.at, "the name belongs to a block"};
    const std::uint64_t expected = mine.link().expected;
    if (expected == format::kUnconditional) return {};
    const auto stamp = now ? version(handle_, now) : 0;
    if (!stamp) return no_version(now);
    if (*stamp == expected) return {};
    return Error{Code::conflict, 0, *stamp, "another version is there"};
  }

  // The batch's stamp is to be above all that it supersedes.  One that is later than the clock is rot.
  void note(std::uint64_t stamp) noexcept {
    const std::uint64_t t = format::stamp_time(stamp);
    if (t <= shared::clock_load(handle_.space.control())) superseded_ = std::max(superseded_, t);
  }
  Result<void> note_superseded(const RecordRef& mine) noexcept {
    const std::uint64_t prev = shared::helped_prev_load(mine.header->prev);
    RecordRef old;
    if (prev != 0 && handle_.space.locate(prev, old) == nullptr) note(fill(handle_, old));
    return {};
  }

  // Step 6.  The clock is read after the word: it is past every snapshot that has pushed by then, and one that pushes
  // in between makes this try again.
  bool fix() noexcept {
    auto& control = handle_.space.control();
    for (;;) {
      const std::uint64_t word = shared::decision_load(envelope_.header->stamp);
      if (format::verdict_of(word) != Verdict::pending) return false;
      const std::uint64_t now = shared::clock_load(control);
      if (now <= superseded_) {
        shared::clock_tick(control, now);
        continue;
      }
      if (!shared::decision_change(envelope_.header->stamp, word, format::decision(Verdict::fixed, now))) continue;
      step("batch.6");  // † published; whoever meets it writes its check, whoever waits for it looks again
      return true;
    }
  }

  Handle& handle_;
  LocalSeat& seat_;
  const RecordRef envelope_;
  const Helper* const above_;
  std::uint32_t words_ = 0;       // futex words of the batch's keys, as bits
  std::uint64_t superseded_ = 0;  // the greatest t of a stamp that the batch supersedes
};

}  // namespace

Result<void> help(Handle& h, LocalSeat& seat, const RecordRef& envelope) {
  return Helper(h, seat, envelope, nullptr).run();
}

}  // namespace durra::detail
