// Counters and gauges.
#include <durra/counter.h>

#include <bit>

#include "store/holder.h"
#include "store/seat.h"

namespace durra {
namespace {

constexpr std::string_view kCounter = "counter", kGauge = "gauge";

constexpr std::size_t kCounterSize = 64;

// Makes none: what was dropped since its name was read stays so.
template <class T, class With>
Result<std::vector<T>> all_of(Store& store, const detail::BlockKind& kind, std::size_t size, std::string_view prefix,
                              With with) {
  auto names = detail::Blocks::names(store, kind.type, prefix);
  if (!names) return names.error();
  std::vector<T> all;
  for (const std::string& name : *names) {
    auto block = detail::Blocks::attach(store, name, kind);
    const bool gone = !block && (block.error().code == Code::not_found || block.error().code == Code::mismatch);
    if (gone || (block && block->bytes().size() != size)) continue;
    if (!block) return block.error();
    all.push_back(with(*std::move(block), name));
  }
  return all;
}

}  // namespace

Counter::Counter(Block&& b, std::string_view name)
    : block_(std::move(b)),
      name_(name),
      value_(reinterpret_cast<std::atomic<std::int64_t>*>(detail::Blocks::memory(block_))) {}

Result<Counter> Counter::open(Store& store, std::string_view name) {
  auto block = detail::Blocks::open(store, name, {kCounter, "<i8", {}}, kCounterSize);
  if (!block) return block.error();
  return Counter(*std::move(block), name);
}

Result<std::vector<Counter>> Counter::all(Store& store, std::string_view prefix) {
  return all_of<Counter>(store, {kCounter, "<i8", {}}, kCounterSize, prefix,
                         [](Block&& b, std::string_view name) { return Counter(std::move(b), name); });
}

// One for each seat.  `owner` says whose number it is: of an earlier holder's life it counts for nothing.
// Changed by: Gauge::open of the seat's holder, under its handle's lock, until `owner` is that holder; then by its set
// and add.
struct Gauge::Slot {
  std::atomic<std::uint64_t> owner;  // the generation of the seat, 0: nobody
  std::atomic<double> value;
};

Gauge::Gauge(Block&& b, std::string_view name, std::uint32_t seat, std::uint64_t generation, detail::Handle* h)
    : block_(std::move(b)), name_(name), seat_(seat), generation_(generation), handle_(h) {}

Result<Gauge> Gauge::open(Store& store, std::string_view name) {
  detail::Handle& h = *detail::handle_of(store);
  auto block = detail::Blocks::open(store, name, {kGauge, "<f8", {}}, h.space.super().seat_count * sizeof(Slot));
  if (!block) return block.error();
  return with(h, *std::move(block), name);
}

Gauge Gauge::with(detail::Handle& h, Block&& block, std::string_view name) {
  const detail::LocalSeat& seat = *h.seats.list[0].load();  // the handle has it as long as it lives
  Gauge gauge(std::move(block), name, seat.number, seat.generation, &h);
  if (!detail::is_lost(h, seat)) gauge.take_slot();
  return gauge;
}

Result<std::vector<Gauge>> Gauge::all(Store& store, std::string_view prefix) {
  detail::Handle& h = *detail::handle_of(store);
  return all_of<Gauge>(store, {kGauge, "<f8", {}}, h.space.super().seat_count * sizeof(Slot), prefix,
                       [&](Block&& b, std::string_view name) { return with(h, std::move(b), name); });
}

Gauge::Slot& Gauge::slot() noexcept { return reinterpret_cast<Slot*>(detail::Blocks::memory(block_))[seat_]; }

// Once for all threads and gauges of the handle, and before any of them has said a number: one that came later would
// clear what another has said.  A death in here leaves a slot of somebody dead.
void Gauge::take_slot() {
  const std::lock_guard guard(handle_->names.mutex);
  Slot& s = slot();
  if (s.owner.load(std::memory_order_acquire) == generation_) return;
  s.value.store(0, std::memory_order_relaxed);  // of somebody dead
  s.owner.store(generation_, std::memory_order_release);
}

// Another's: the seat was lost (overlayfs), and the number is its successor's.
bool Gauge::is_mine() noexcept { return slot().owner.load(std::memory_order_relaxed) == generation_; }

void Gauge::set(double v) noexcept {
  if (is_mine()) slot().value.store(v, std::memory_order_relaxed);
}
void Gauge::add(double n) noexcept {
  if (is_mine()) slot().value.fetch_add(n, std::memory_order_relaxed);
}

double Gauge::value() const noexcept {
  const auto* slots = reinterpret_cast<const Slot*>(detail::Blocks::memory(block_));
  double sum = 0;
  for (std::uint32_t n = 0; n < handle_->space.super().seat_count; ++n) {
    const std::uint64_t owner = slots[n].owner.load(std::memory_order_acquire);
    if (owner != 0 && detail::lives(*handle_, {n, owner})) sum += slots[n].value.load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace durra
