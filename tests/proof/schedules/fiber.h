// Fibers: participants that take turns on one thread, each with a stack and with thread-local variables of its own.
#pragma once
#include <cstddef>
#include <vector>

namespace durra::schedules {

class Fiber {
 public:
  Fiber();
  Fiber(const Fiber&) = delete;
  // From now on it runs body(argument) from its beginning, when it is next switched to.  The body must not return.
  void begin(void (*body)(void*), void* argument) noexcept;
  // What its thread-local variables are now is what begin() brings back.
  void keep_locals() noexcept { kept_ = locals_; }

  // The one that runs; null outside of all.
  static Fiber* current() noexcept;
  static void switch_to(Fiber&) noexcept;  // from another or from outside
  static void leave() noexcept;            // to where the first switch_to came from

 private:
  static void jump(Fiber* to) noexcept;
  void* top_;  // of the stack
  void* stack_pointer_ = nullptr;
  std::vector<std::byte> locals_, kept_;
};

}  // namespace durra::schedules
