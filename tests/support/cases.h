// Many numbered cases, each judged in a process that may die of it: a crash, a hang or an exception is a failure of
// that case, and another process goes on with the next one.
//
//   Cases cases(proof, "fault", 10);                       // at most 10 s each
//   cases.run(count, [&](std::uint64_t i, Cases& c) { if (!good(i)) c.failure("not good"); c.add(kHits, 1); },
//             [&](std::uint64_t i) { return "case " + std::to_string(i); });
//   proof.figure("hits", cases.sum(kHits));
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "tests/support/proof.h"

namespace durra::test {

class Cases {
 public:
  static constexpr unsigned kSums = 8;

  Cases(Proof&, unsigned patience_s);
  ~Cases();
  Cases(const Cases&) = delete;

  using Judge = std::function<void(std::uint64_t number, Cases&)>;
  using Name = std::function<std::string(std::uint64_t number)>;
  // Cases 0 to count - 1, each once, by proof.jobs() processes; tells the proof what failed.  Stops after 50 failures.
  void run(std::uint64_t count, const Judge&, const Name&);

  // For the judge, in its process.
  void failure(const std::string& story);
  void add(unsigned sum, std::uint64_t n);

  std::uint64_t sum(unsigned which) const;
  std::uint64_t crashes() const { return crashes_; }  // hangs included

 private:
  struct Shared;
  void work(unsigned job, std::uint64_t count, const Judge&);
  void tell(const Name&);

  Proof& proof_;
  const unsigned patience_s_;
  Shared* shared_;
  unsigned job_ = 0;
  std::uint64_t crashes_ = 0;
};

}  // namespace durra::test
