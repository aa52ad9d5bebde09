// A proof's work, shared out among forked processes that count their figures together.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/proof.h"

namespace durra::test {

class Workers {
 public:
  // At most 32 figures, in the order in which they are reported.
  Workers(Proof&, std::vector<std::string> figures);
  ~Workers();
  Workers(const Workers&) = delete;

  // Runs `body` in that many processes, and counts their failures; one that breaks is a failure too.  May be called
  // again.
  void run(unsigned processes, const std::function<void()>& body);
  void report();  // the figures, to the proof

  // In a worker: the next number, 0 first, that no other has been given since run().
  std::uint64_t next();
  std::uint64_t& operator[](const std::string& figure);  // of this worker; added up when it ends

 private:
  struct Shared;
  Proof& proof_;
  const std::vector<std::string> names_;
  std::vector<std::uint64_t> own_;
  Shared* shared_;
};

}  // namespace durra::test
