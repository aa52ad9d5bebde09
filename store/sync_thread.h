// Durability::interval: the one thread of a handle, which syncs what the handle put.
#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "store/handle.h"

namespace durra::detail {

// A put waits at most half an interval for a tick that takes a ticket for it, and that ticket at most half an interval
// for somebody else's flush before the thread flushes itself: `interval` and one flush, however many processes do so.
class SyncThread {
 public:
  // Errors: io, when there is no thread to be had.
  static Result<std::unique_ptr<SyncThread>> start(Handle&, std::chrono::milliseconds interval);
  ~SyncThread();  // a last sync, if something was put; not in a forked child
  SyncThread(const SyncThread&) = delete;

 private:
  SyncThread(Handle& h, std::chrono::milliseconds interval) noexcept : handle_(h), half_(interval / 2.0) {}
  void run() noexcept;
  void tick(bool last) noexcept;

  Handle& handle_;
  const std::chrono::duration<double, std::milli> half_;
  std::uint64_t ticket_ = 0;  // not known to be done; 0: none
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace durra::detail
