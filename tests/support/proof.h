// What every proof of tests/proof has in common: its command line, its seed, its line of figures.
//
//   int main(int argc, char** argv) {
//     Proof proof(argc, argv, "every instruction is a kill point");
//     ...                                       // proof.brief(), proof.seed(), proof.jobs(), proof.goes_on()
//     proof.figure("points", points);
//     proof.failures(failures);
//     return proof.finish();                    // "points 312,044, failures 0, seed 7, seconds 61.2"
//   }
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace durra::test {

inline constexpr int kSkipped = 77;  // the exit code of a proof that this machine cannot run

class Proof {
 public:
  // [--brief] [--seed N] [--jobs N] [--seconds N] [--only NAME].  Anything else prints this and exits with 2.
  Proof(int argc, char** argv, std::string what);

  bool brief() const { return brief_; }         // some seconds' worth of it
  std::uint64_t seed() const { return seed_; }  // chosen at random and printed, unless given
  unsigned jobs() const { return jobs_; }       // processes at work; as many as there are cores, unless given
  const std::string& only() const { return only_; }
  bool wants(const std::string& part) const { return only_.empty() || part == only_; }
  // Soak: whether to do it all once more with the next seed, because --seconds are not over.
  bool goes_on() const { return seconds_ > elapsed(); }
  double elapsed() const;  // seconds since the start

  void figure(const std::string& name, std::uint64_t value);
  // What went wrong, told at once with all that is needed to see it again; counted.
  void failure(const std::string& story);
  void failures(std::uint64_t more) { failed_ += more; }
  std::uint64_t failed() const { return failed_; }
  int finish();  // prints the figures; 0, or 1 if anything failed
  // Says loudly that and why this machine cannot show it, and ends the process.
  [[noreturn]] static void skip(const std::string& why);

 private:
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  bool brief_ = false;
  std::uint64_t seed_ = 0;
  unsigned jobs_;
  double seconds_ = 0;
  std::string only_;
  std::uint64_t failed_ = 0;
  std::vector<std::pair<std::string, std::uint64_t>> figures_;
};

}  // namespace durra::test
