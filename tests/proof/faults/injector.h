// One fault at one call to the operating system, or at that call and all after it.
#pragma once
#include <atomic>
#include <cstdint>
#include <random>
#include <string>

#include "store/os.h"
#include "tests/support/dice.h"
#include "tests/support/disk.h"

namespace durra::test {

struct Fault {
  std::uint64_t at = 0;  // the how-manyth call, from 1; 0: none
  int errno_value = 0;
  std::uint64_t row = 1;  // so many calls in a row fail; ~0: for ever
};

// In force from its construction to its destruction; counts, and makes fail, between arm() and heal().
class Injector final : public os::Faults {
 public:
  Injector() { os::set_faults(this); }
  ~Injector() override { os::set_faults(nullptr); }
  Injector(const Injector&) = delete;

  void arm(const Fault& f) {
    fault_ = f;
    calls_ = hits_ = 0;
    call_ = os::Call::count_;
    sync_failed_ = false;
    armed_ = true;
  }
  void heal() { armed_ = false; }
  void tell(Disk* disk) { disk_ = disk; }  // also who is told of flushes; null: nobody

  std::uint64_t calls() const { return calls_; }
  std::uint64_t hits() const { return hits_; }
  os::Call call() const { return call_; }            // the first that failed
  bool sync_failed() const { return sync_failed_; }  // some call of that kind did
  int errno_value() const { return fault_.errno_value; }

  int before(os::Call c) override {
    if (!armed_) return 0;
    const std::uint64_t n = ++calls_;
    if (fault_.at == 0 || n < fault_.at || n - fault_.at >= fault_.row) return 0;
    if (hits_++ == 0) call_ = c;
    if (c == os::Call::sync || c == os::Call::ask) sync_failed_ = true;
    return fault_.errno_value;
  }
  // Stores that are made before anything fails are always the same, and with them the places of keys.
  bool random(void* to, std::size_t size) override {
    if (armed_) return false;
    throw_dice(dice_, to, size);
    return true;
  }
  void flushed(const void* from, std::size_t size) override {
    if (disk_ != nullptr) disk_->flushed(from, size);
  }

 private:
  Fault fault_;
  std::atomic<std::uint64_t> calls_{0}, hits_{0};
  std::atomic<os::Call> call_{os::Call::count_};
  std::atomic<bool> armed_{false}, sync_failed_{false};
  Disk* disk_ = nullptr;
  std::mt19937_64 dice_;
};

}  // namespace durra::test
