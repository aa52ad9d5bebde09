// Memory that a test's processes share.
#include "tests/support/shared_page.h"

#include <sys/mman.h>

#include <new>

namespace durra::test {

SharedPage::SharedPage() : memory_(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
  if (memory_ == MAP_FAILED) throw std::bad_alloc();
}
SharedPage::~SharedPage() { ::munmap(memory_, kSize); }

}  // namespace durra::test
