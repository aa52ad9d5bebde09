// Makes the k-th call of a kind to the operating system fail, and counts calls.
#include "tests/support/faults.h"

namespace durra::test {

void Faults::Rule::set(int e, std::uint64_t at_count, bool for_ever) {
  errno_value = e;
  forever = for_ever;
  at = at_count;
}

int Faults::Rule::verdict(std::uint64_t count) const {
  const std::uint64_t from = at.load();
  return from != 0 && (count == from || (forever && count > from)) ? errno_value.load() : 0;
}

void Faults::fail(os::Call c, int errno_value, std::uint64_t k, bool forever) {
  rules_[static_cast<std::size_t>(c)].set(errno_value, count(c) + k, forever);
}

void Faults::fail_any(int errno_value, std::uint64_t k, bool forever) { any_.set(errno_value, count() + k, forever); }

void Faults::heal() {
  for (Rule& r : rules_) r.set(0, 0, false);
  any_.set(0, 0, false);
}

int Faults::before(os::Call c) {
  const auto kind = static_cast<std::size_t>(c);
  const int by_kind = rules_[kind].verdict(++counts_[kind]);
  const int by_any = any_.verdict(++all_);
  const int e = by_kind != 0 ? by_kind : by_any;
  if (e != 0) ++failed_;
  return e;
}

}  // namespace durra::test
