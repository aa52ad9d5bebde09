// Memory that a test's processes share.
#pragma once
#include <cstddef>

namespace durra::test {

// A place that parent and children share, for what a body has to say: a plain T, all zeros at first.
class SharedPage {
 public:
  SharedPage();
  ~SharedPage();
  SharedPage(const SharedPage&) = delete;
  template <class T>
  T& as() const noexcept {
    static_assert(sizeof(T) <= kSize);
    return *static_cast<T*>(memory_);
  }
  static constexpr std::size_t kSize = 1 << 20;

 private:
  void* memory_;
};

}  // namespace durra::test
