// The scheduler: points, choices, deaths, sleep.
#include "tests/proof/schedules/scheduler.h"

#include <bit>
#include <cstdlib>

#include "tests/proof/schedules/arena.h"
#include "tests/proof/schedules/os.h"

namespace durra::schedules {

Scheduler scheduler;

// ---- Outside of all fibers ------------------------------------------------------------------------------------------
void Scheduler::enter(void* self) noexcept {
  auto& s = *static_cast<Scheduler*>(self);
  if (s.alone_ != nullptr) {
    (*s.alone_)();
    Fiber::leave();
  }
  s.body_(s.now_);
  s.players_[s.now_].state = State::done;
  s.hand_over(false);
  std::abort();  // nobody goes back to one who is done
}

bool Scheduler::alone(unsigned fiber, const std::function<void()>& body) {
  end_ = End::complete;
  fibers_[fiber].begin(&enter, this);
  now_ = fiber;
  alone_ = &body;
  arena::use(true);
  Fiber::switch_to(fibers_[fiber]);
  arena::use(false);
  alone_ = nullptr;
  fibers_[fiber].keep_locals();
  return end_ == End::complete;
}

End Scheduler::observe(const std::function<void()>& body) {
  fibers_[kObserver].begin(&enter, this);
  now_ = kObserver;
  alone_ = &body;
  end_ = End::complete;
  steps_ = 0;
  watching_ = true;
  arena::use(true);
  Fiber::switch_to(fibers_[kObserver]);
  arena::use(false);
  watching_ = false;
  alone_ = nullptr;
  return end_;
}

void Scheduler::checkpoint() {
  arena::checkpoint();
  memory.checkpoint();
  races_.rewind();
}

void Scheduler::rewind() noexcept {
  memory.rewind();
  arena::rewind();
  races_.rewind();
}

End Scheduler::run(unsigned players, void (*body)(unsigned), Explorer& explorer) {
  explorer_ = &explorer;
  explorer.rewind();
  body_ = body;
  count_ = players;
  dead_ = 0;
  steps_ = slept_ = 0;
  contests_ = memory.contests();
  end_ = End::complete;
  for (unsigned p = 0; p < players; ++p) {
    players_[p] = {};
    players_[p].state = State::fresh;
    fibers_[p].begin(&enter, this);
  }
  for (unsigned p = players; p < kFibers; ++p) players_[p] = {};
  arena::use(true);
  watching_ = true;
  // The first choice is who begins.
  const Choice first = explorer.choose({0, ready(), 0, 0, false});
  now_ = first;
  players_[first].state = State::ready;
  Fiber::switch_to(fibers_[first]);
  watching_ = false;
  arena::use(false);
  return end_;
}

// ---- Choices --------------------------------------------------------------------------------------------------------
std::uint8_t Scheduler::ready() const noexcept {
  std::uint8_t bits = 0;
  for (unsigned p = 0; p < count_; ++p)
    if (players_[p].state == State::ready || players_[p].state == State::fresh)
      bits |= static_cast<std::uint8_t>(1u << p);
  return bits;
}

std::uint64_t Scheduler::state() noexcept {
  std::uint64_t h = memory.hash();
  for (unsigned p = 0; p < count_; ++p) {
    const Player& l = players_[p];
    h = mix(h, mix(l.history, static_cast<std::uint64_t>(l.state) << 32 | l.waits_for));
  }
  return h;
}

[[noreturn]] void Scheduler::stop(End how) noexcept {
  end_ = how;
  Fiber::leave();
  std::abort();
}

void Scheduler::go_to(unsigned player) noexcept {
  now_ = player;
  if (players_[player].state == State::fresh) players_[player].state = State::ready;
  Fiber::switch_to(fibers_[player]);
}

void Scheduler::point(std::uint32_t word, bool may_switch) noexcept {
  ++points_;
  decide(true, may_switch, false);
  remember(word);  // that he is past it, also where only the observer will tell
}

// The current one cannot go on, or does not want to.
void Scheduler::hand_over(bool others_only) noexcept { decide(others_only, true, others_only); }

// Until somebody is chosen to run: who got here, if he may, or another.
void Scheduler::decide(bool current_may, bool others_may, bool others_only) noexcept {
  const unsigned me = now_;
  for (;;) {
    const auto mine = static_cast<std::uint8_t>(1u << me);
    const bool can = current_may && players_[me].state == State::ready;
    std::uint8_t may_run = others_may || !can ? ready() : 0;
    may_run = static_cast<std::uint8_t>(can ? may_run | mine : may_run & ~mine);
    if (others_only && (may_run & ~mine) != 0) may_run &= static_cast<std::uint8_t>(~mine);
    if (may_run == 0) {
      if (wake_first_sleeper()) continue;
      stop(End::complete);
    }
    std::uint8_t may_die = 0;
    for (unsigned p = 0; p < count_; ++p)
      if (players_[p].state == State::ready || players_[p].state == State::asleep)
        may_die |= static_cast<std::uint8_t>(1u << p);
    if (!others_may) may_die &= mine;
    const bool can_go_on = (may_run & mine) != 0 && !others_only;
    const Choice c = explorer_->choose({state(), may_run, may_die, static_cast<std::uint8_t>(me), can_go_on});
    if (c == kCut) stop(End::cut);
    if (c >= kKill) {
      kill(c - kKill);
      continue;
    }
    if (c != me) go_to(c);
    return;
  }
}

void Scheduler::kill(unsigned player) noexcept {
  players_[player].state = State::dead;
  ++dead_;
  release_locks_of(player);
}

// Nobody else can do anything: the first whose patience is over goes on.
bool Scheduler::wake_first_sleeper() noexcept {
  Player* first = nullptr;
  for (unsigned p = 0; p < count_; ++p)
    if (players_[p].state == State::asleep && (first == nullptr || players_[p].until < first->until))
      first = &players_[p];
  if (first == nullptr) return false;
  first->state = State::ready;
  first->elapsed = first->until;
  first->waits_for = Memory::kNone;
  first->history = mix(first->history, first->until);
  ++slept_;
  return true;
}

// ---- Accesses -------------------------------------------------------------------------------------------------------
void Scheduler::plain(std::uint32_t word, bool write, const void* place) noexcept {
  if (++steps_ > kStepsMax) stop(End::endless);
  const bool contested = write ? memory.writes(now_, word) : memory.reads(now_, word);
  if (now_ == kObserver) return;
  learn();
  if (!contested) return;
  if (races_.plain(now_, word, write, place, race_)) stop(End::race);
  remember(write ? word : memory.value(word));
}

void Scheduler::did_read(std::uint32_t word, Word value, bool acquires, const void* place) noexcept {
  const bool contested = memory.reads(now_, word);
  if (now_ == kObserver) return;
  learn();
  if (!contested) return;
  if (races_.atomic(now_, word, false, place, race_)) stop(End::race);
  if (acquires) races_.acquire(now_, word);
  remember(value);
}

void Scheduler::will_write(std::uint32_t word, Word change, bool releases, bool is_update, const void* place) noexcept {
  const bool contested = memory.writes(now_, word);
  if (now_ == kObserver) return;
  learn();
  if (!contested) return;
  if (races_.atomic(now_, word, true, place, race_)) stop(End::race);
  if (releases)
    races_.release(now_, word, is_update);
  else if (!is_update)
    races_.stores_relaxed(word);
  remember(change);
}

// ---- The kernel -----------------------------------------------------------------------------------------------------
void Scheduler::nap(std::uint64_t ns) noexcept {
  pass(ns);
  if (!watching_ || now_ == kObserver) return;
  if (++steps_ > kStepsMax) stop(End::endless);
  remember(ns);
  hand_over(true);
}

void Scheduler::sleep_on(std::uint32_t word, std::uint64_t at_most_ns) noexcept {
  Player& p = players_[now_];
  if (!watching_ || now_ == kObserver) return pass(at_most_ns);
  p.state = State::asleep;
  p.waits_for = word;
  p.until = p.elapsed + at_most_ns;
  hand_over(false);
}

void Scheduler::wake(std::uint32_t word) noexcept {
  if (!watching_) return;
  for (Player& p : players_) {
    if (p.state != State::asleep || p.waits_for != word) continue;
    p.state = State::ready;
    p.waits_for = Memory::kNone;
  }
}

Word Scheduler::kernel_load(std::uint32_t n) noexcept {
  Word& w = memory.kernel(n);
  if (!watching_) return w;
  const std::uint32_t word = memory.find(&w);
  arrive(word);
  did_read(word, w, true, nullptr);
  return w;
}

void Scheduler::kernel_store(std::uint32_t n, Word value) noexcept {
  Word& w = memory.kernel(n);
  if (watching_) {
    const std::uint32_t word = memory.find(&w);
    arrive(word);
    will_write(word, value, true, true, nullptr);
  }
  w = value;
}

bool Scheduler::kernel_change(std::uint32_t n, Word from, Word to) noexcept {
  if (kernel_load(n) != from) return false;
  Word& w = memory.kernel(n);
  if (watching_) will_write(memory.find(&w), to, true, true, nullptr);
  w = to;
  return true;
}

void Scheduler::kernel_force(unsigned player, std::uint32_t n, Word value) noexcept {
  Word& w = memory.kernel(n);
  const unsigned me = now_;
  now_ = player;
  if (watching_) will_write(memory.find(&w), value, true, true, nullptr);
  now_ = me;
  w = value;
}

}  // namespace durra::schedules
