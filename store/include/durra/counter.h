// Numbers that many processes change at once: counters, which only their add() changes, and gauges, which are the sum
// of what each living process says.  Named like Prometheus series, `durra metrics` prints them as such:
//
//   auto requests = durra::Counter::open(store, "requests_total{code=\"200\"}").value();
//   requests.add();
#pragma once
#include <durra/block.h>

#include <atomic>

namespace durra {

// One cache line in the file.  add() is one instruction, so a kill leaves it done or not done: the count is exact.  A
// power cut leaves the value of the last sync or a later one.  Move-only; any thread; not in a forked child.
class Counter {
 public:
  // Creates, at 0, or attaches.  Errors: as Block::open.
  static Result<Counter> open(Store&, std::string_view name);
  // All that there are and begin so, in the order of their names.
  static Result<std::vector<Counter>> all(Store&, std::string_view prefix = {});

  // Returns the value before: also a ticket that nobody else gets.
  std::int64_t add(std::int64_t n = 1) noexcept { return value_->fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const noexcept { return value_->load(std::memory_order_relaxed); }
  std::string_view name() const& noexcept { return name_; }
  std::string_view name() && = delete;

 private:
  Counter(Block&&, std::string_view name);
  Block block_;
  std::string name_;
  std::atomic<std::int64_t>* value_;
};

// One number for each process, and their sum over those that live: requests in flight, bytes in use.  What a process
// said is gone with it, however it ended.  A power cut: as a Counter's.  Move-only; any thread; not in a forked child.
class Gauge {
 public:
  // Creates or attaches.  Errors: as Block::open.
  static Result<Gauge> open(Store&, std::string_view name);
  static Result<std::vector<Gauge>> all(Store&, std::string_view prefix = {});

  // This process's number, of this handle: all its gauges of this name say the same one.  Nothing once the process was
  // taken for dead, where locks go with descriptors (overlayfs).
  void set(double) noexcept;
  void add(double) noexcept;
  double value() const noexcept;  // the sum over the living
  std::string_view name() const& noexcept { return name_; }
  std::string_view name() && = delete;

 private:
  struct Slot;
  static Gauge with(detail::Handle&, Block&&, std::string_view name);
  Gauge(Block&&, std::string_view name, std::uint32_t seat, std::uint64_t generation, detail::Handle*);
  Slot& slot() noexcept;
  void take_slot();
  bool is_mine() noexcept;
  Block block_;
  std::string name_;
  std::uint32_t seat_;
  std::uint64_t generation_;
  detail::Handle* handle_;
};

}  // namespace durra
