// Who may write into a ring.
#include <durra/ring.h>

#include "store/holder.h"

namespace durra::detail {
namespace {

// {generation 48 | seat + 1: 16}; 0: nobody.
std::uint64_t word_of(const Holder& h) noexcept { return h.generation << 16 | (h.seat + 1); }
Holder holder_of(std::uint64_t word) noexcept {
  if (word == 0) return {};
  return {static_cast<std::uint32_t>(word & 0xffff) - 1, word >> 16};
}

}  // namespace

Result<SoleWriter> SoleWriter::take(Store& store, std::string_view name, std::uint64_t* word) {
  Handle& h = *handle_of(store);
  const auto self = me(h);
  if (!self) return self.error();
  SoleWriter writer;
  writer.name_ = std::string("\0ring/", 6).append(name);
  if (!enter_name(h, writer.name_)) return Error{Code::busy, 0, os::pid(), "the ring has a living writer"};
  const std::atomic_ref<std::uint64_t> owner(*word);
  for (std::uint64_t seen = owner.load(std::memory_order_acquire);;) {
    if (const auto pid = living_stranger(h, holder_of(seen))) {
      leave_name(h, writer.name_);
      return Error{Code::busy, 0, *pid, "the ring has a living writer"};
    }
    if (owner.compare_exchange_strong(seen, word_of(*self), std::memory_order_acq_rel)) break;
  }
  writer.word_ = word;
  writer.me_ = word_of(*self);
  writer.handle_ = &h;
  h.refer();
  return writer;
}

SoleWriter::SoleWriter(SoleWriter&& o) noexcept
    : handle_(std::exchange(o.handle_, nullptr)), name_(std::move(o.name_)), word_(o.word_), me_(o.me_) {}

SoleWriter::~SoleWriter() {
  if (handle_ == nullptr || handle_->forked()) return;
  std::uint64_t mine = me_;
  std::atomic_ref(*word_).compare_exchange_strong(mine, 0, std::memory_order_acq_rel);
  leave_name(*handle_, name_);
  Handle::unrefer(handle_);
}

std::string opaque_dtype(std::size_t size) { return "|V" + std::to_string(size); }

}  // namespace durra::detail
