// WAIT: † nothing to clean up after anybody.  An odd word that nobody sleeps on costs the next writer one system call.
#include "store/wait.h"

#include <limits>

#include "store/index.h"
#include "store/step.h"

namespace durra::detail {
namespace {

constexpr Duration kSlice = std::chrono::milliseconds(250);
constexpr Duration kSliceReadOnly = std::chrono::milliseconds(5);

}  // namespace

void wake_sleepers(const Handle& h, std::uint64_t word) noexcept {
  std::uint32_t& w = h.space.control().futex[word];
  const std::uint32_t now = shared::futex_load(w);
  if (now % 2 == 0) return;
  shared::futex_next(w, now);  // lost: somebody else did, or will wake those who came since
  step("wake.1");              // † they look again at the end of their slice
  os::futex_wake_all(&w);
}

Deadline::Deadline(Duration patience) noexcept : end_(os::steady_ns()) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(patience.count(), 0));
  end_ = ns > std::numeric_limits<std::uint64_t>::max() - end_ ? std::numeric_limits<std::uint64_t>::max() : end_ + ns;
}

Duration Deadline::left(Duration slice) const noexcept {
  const std::uint64_t now = os::steady_ns();
  if (now >= end_) return Duration::zero();
  return Duration(std::min(static_cast<std::uint64_t>(slice.count()), end_ - now));
}

Duration Sleeper::left() const noexcept { return deadline_.left(handle_.read_only ? kSliceReadOnly : kSlice); }

bool Sleeper::announce() noexcept {
  if (left() == Duration::zero()) return false;
  for (;;) {
    value_ = shared::futex_load(word_);
    if (value_ % 2 != 0 || handle_.read_only) return true;
    if (shared::futex_next(word_, value_)) {
      ++value_;
      step("wait.1");  // † odd for nobody
      return true;
    }
  }
}

void Sleeper::sleep() const noexcept {
  if (const Duration time = left(); time != Duration::zero()) os::futex_wait(&word_, value_, time);
}

}  // namespace durra::detail

namespace durra {

Result<Record> Store::wait(Key key, Stamp seen, Duration patience) const {
  // What ends the wait; null: nothing yet.  A version without a stamp is not certain to be one (read-only handles).
  const auto look = [&]() -> std::optional<Result<Record>> {
    auto now = get(key);
    if (!now && (now.error().code != Code::not_found || seen != absent)) return now;
    if (now && now->stamp() > seen) return now;
    return {};
  };
  const std::uint64_t word = detail::word_of(detail::view(*handle_, key).tag);
  for (detail::Sleeper sleeper(*handle_, word, patience);; sleeper.sleep()) {
    if (auto there = look()) return *std::move(there);
    if (!sleeper.announce()) return Error{Code::timeout};
    if (auto there = look()) return *std::move(there);
  }
}

}  // namespace durra
