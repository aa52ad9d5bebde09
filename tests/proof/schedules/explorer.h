// Which schedules are run: depth first, each choice once in each state.
//
// Stateless search (Godefroid, VeriSoft, POPL'97): a schedule is run from its beginning with the choices of its path.
// A state that was met before is not gone on from: what can come of it has been seen.  Where a pair has more states
// than the limit, the number of preemptions is bounded instead (Musuvathi and Qadeer, PLDI'07).
#pragma once
#include <cstdint>
#include <string>

#include "tests/proof/schedules/arena.h"

namespace durra::schedules {

// To let player n go on is n; to kill him is kKill + n.
using Choice = std::uint8_t;
inline constexpr Choice kKill = 4, kCut = 0xff;

// What may be done now.
struct Moment {
  std::uint64_t state;   // equal: the same may come
  std::uint8_t may_run;  // players, as bits
  std::uint8_t may_die;  // players, as bits
  std::uint8_t current;  // who got here, if he may go on: to let another go on is a preemption
  bool can_go_on;        // `current` is among may_run and asked for nothing
};

// A set of states, each with the most preemptions it was gone on from with.
class States {
 public:
  // Whether it is new, or met with more preemptions left than ever before.
  bool add(std::uint64_t state, std::uint8_t left);
  std::uint64_t size() const noexcept { return size_; }
  void clear();

 private:
  void grow();
  List<std::uint64_t> keys_;
  List<std::uint8_t> left_;
  std::uint64_t size_ = 0;
};

class Explorer {
 public:
  static constexpr std::uint8_t kUnbounded = 0xff;

  // From the first schedule on.
  void begin(std::uint8_t preemptions, std::uint8_t kills);
  // The given choices, then whatever comes first.
  void replay(const std::string& path);
  Choice choose(const Moment&);
  // After a schedule: whether there is another.
  bool next();
  void rewind() noexcept { depth_ = 0, left_ = preemptions_, kills_left_ = kills_; }

  std::string path() const;  // of the schedule that is run: a letter per choice, a capital one for a kill
  std::uint64_t states() const noexcept { return states_.size(); }
  bool diverged() const noexcept { return diverged_; }  // a path could not be run again: this harness is wrong
  std::uint8_t kills_left() const noexcept { return kills_left_; }

 private:
  struct Node {
    std::uint64_t state;
    std::uint8_t left;  // choices that are left, as bits
    Choice chosen;
    std::uint8_t current;  // kCut: no preemption here
  };
  void take(const Node&) noexcept;
  List<Node> path_;
  std::size_t depth_ = 0;
  std::uint8_t preemptions_ = kUnbounded, left_ = kUnbounded, kills_ = 0, kills_left_ = 0;
  States states_;
  bool diverged_ = false, replaying_ = false;
  std::string wanted_;
};

}  // namespace durra::schedules
