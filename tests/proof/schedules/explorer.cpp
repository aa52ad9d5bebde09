// Depth-first search over schedules.
#include "tests/proof/schedules/explorer.h"

#include <bit>

#include "tests/proof/schedules/memory.h"

namespace durra::schedules {

bool States::add(std::uint64_t state, std::uint8_t left) {
  if (size_ * 2 >= keys_.size()) grow();
  state |= state == 0;
  const std::size_t mask = keys_.size() - 1;
  for (std::size_t i = state & mask;; i = (i + 1) & mask) {
    if (keys_[i] == 0) {
      keys_[i] = state;
      left_[i] = left;
      ++size_;
      return true;
    }
    if (keys_[i] != state) continue;
    if (left_[i] >= left) return false;
    left_[i] = left;
    return true;
  }
}

void States::clear() {
  keys_.assign(1u << 12, 0);
  left_.assign(1u << 12, 0);
  size_ = 0;
}

void States::grow() {
  const auto keys = std::move(keys_);
  const auto left = std::move(left_);
  const std::size_t size = std::max<std::size_t>(keys.size() * 2, 1u << 12);
  keys_.assign(size, 0);
  left_.assign(size, 0);
  size_ = 0;
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (keys[i] != 0) add(keys[i], left[i]);
}

void Explorer::begin(std::uint8_t preemptions, std::uint8_t kills) {
  path_.clear();
  states_.clear();
  preemptions_ = preemptions;
  kills_ = kills;
  diverged_ = replaying_ = false;
  rewind();
}

void Explorer::replay(const std::string& path) {
  begin(kUnbounded, 1);
  wanted_ = path;
  replaying_ = true;
}

std::string Explorer::path() const {
  std::string text;
  for (std::size_t i = 0; i < depth_; ++i)
    text += static_cast<char>(path_[i].chosen < kKill ? 'a' + path_[i].chosen : 'A' + path_[i].chosen - kKill);
  return text;
}

void Explorer::take(const Node& n) noexcept {
  ++depth_;
  if (n.chosen >= kKill)
    --kills_left_;
  else if (n.current != kCut && n.chosen != n.current && left_ != kUnbounded)
    --left_;
}

Choice Explorer::choose(const Moment& m) {
  if (depth_ < path_.size()) {
    const Node& n = path_[depth_];
    if (n.state != m.state) diverged_ = true;
    take(n);
    return n.chosen;
  }
  std::uint8_t choices = m.may_run;
  const bool bounded = left_ == 0 && m.can_go_on;
  if (bounded) choices = static_cast<std::uint8_t>(1u << m.current);
  if (kills_left_ != 0) choices |= static_cast<std::uint8_t>(m.may_die << kKill);
  const std::uint64_t who = preemptions_ == kUnbounded || !m.can_go_on ? 7 : m.current;
  if (!replaying_ && !states_.add(mix(m.state, who * 2 + kills_left_), left_)) return kCut;
  Choice first = m.can_go_on ? m.current : static_cast<Choice>(std::countr_zero(choices));
  if (replaying_ && depth_ < wanted_.size()) {
    const char c = wanted_[depth_];
    first = static_cast<Choice>(c >= 'a' ? c - 'a' : c - 'A' + kKill);
    if (first >= 8 || (choices >> first & 1) == 0)
      diverged_ = true, first = static_cast<Choice>(std::countr_zero(choices));
  }
  choices &= static_cast<std::uint8_t>(~(1u << first));
  path_.push_back({m.state, replaying_ ? std::uint8_t{0} : choices, first, m.can_go_on ? m.current : kCut});
  take(path_.back());
  return first;
}

bool Explorer::next() {
  while (!path_.empty() && path_.back().left == 0) path_.pop_back();
  if (path_.empty()) return false;
  Node& n = path_.back();
  n.chosen = static_cast<Choice>(std::countr_zero(n.left));
  n.left &= static_cast<std::uint8_t>(n.left - 1);
  return true;
}

}  // namespace durra::schedules
