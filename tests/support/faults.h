// Makes the k-th call of a kind to the operating system fail, and counts calls.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>

#include "store/os.h"

namespace durra::test {

// In force from its construction to its destruction, one at a time.  Any thread may call what it watches over.
class Faults final : public os::Faults {
 public:
  Faults() { os::set_faults(this); }
  ~Faults() override { os::set_faults(nullptr); }
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  // The k-th call of that kind from now on fails with this errno (k = 1: the next), and with `forever` all after it.
  void fail(os::Call, int errno_value, std::uint64_t k = 1, bool forever = false);
  // The same for the k-th call of any kind.
  void fail_any(int errno_value, std::uint64_t k, bool forever = false);
  void heal();  // nothing fails any more

  std::uint64_t count(os::Call c) const { return counts_[static_cast<std::size_t>(c)].load(); }
  std::uint64_t count() const { return all_.load(); }
  std::uint64_t failed() const { return failed_.load(); }  // how many calls were made to fail

  int before(os::Call) override;

 private:
  struct Rule {
    std::atomic<std::uint64_t> at{0};  // fails when the count gets here; 0: never
    std::atomic<bool> forever{false};
    std::atomic<int> errno_value{0};
    void set(int e, std::uint64_t at_count, bool for_ever);
    int verdict(std::uint64_t count) const;
  };
  static constexpr auto kKinds = static_cast<std::size_t>(os::Call::count_);
  std::array<std::atomic<std::uint64_t>, kKinds> counts_{};
  std::array<Rule, kKinds> rules_;
  std::atomic<std::uint64_t> all_{0}, failed_{0};
  Rule any_;
};

}  // namespace durra::test
