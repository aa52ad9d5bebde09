// Durability::interval: the one thread of a handle, which syncs what the handle put.
#include "store/sync_thread.h"

#include <new>
#include <system_error>

#include "store/sync.h"

namespace durra::detail {
namespace {

bool take_unsynced(Handle& h) noexcept {
  bool any = false;
  const auto count = shared::mark_load(h.seats.count);
  for (std::uint64_t i = 0; i < count; ++i) any |= shared::unsynced_take(h.seats.list[i].load()->unsynced);
  return any;
}

}  // namespace

Result<std::unique_ptr<SyncThread>> SyncThread::start(Handle& h, std::chrono::milliseconds interval) {
  std::unique_ptr<SyncThread> t(new SyncThread(h, interval));
  const os::SignalsBlocked blocked;  // what the thread inherits
  try {
    t->thread_ = std::thread([thread = t.get()] { thread->run(); });
  } catch (const std::system_error& e) {
    return Error{Code::io, static_cast<std::uint16_t>(e.code().value()), 0, "pthread_create"};
  }
  return t;
}

SyncThread::~SyncThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard guard(mutex_);
    stop_ = true;
  }
  stopping_.notify_one();
  thread_.join();
}

void SyncThread::run() noexcept {
  os::name_thread("durra-sync");
  std::unique_lock lock(mutex_);
  while (!stop_) {
    stopping_.wait_for(lock, half_, [this] { return stop_; });
    lock.unlock();
    tick(false);
    lock.lock();
  }
  lock.unlock();
  tick(true);
}

// A failure stays in the file: every later put of this handle answers it.  When memory runs out the next tick does it;
// behind the last there is none, and what needs no memory is done: everything is flushed, and nothing marked.
void SyncThread::tick(bool last) noexcept {
  try {
    if (ticket_ != 0 && (is_synced(handle_, ticket_) || sync_until(handle_, ticket_))) ticket_ = 0;
    if (take_unsynced(handle_)) ticket_ = take_ticket(handle_);
    if (last && ticket_ != 0 && sync_until(handle_, ticket_)) ticket_ = 0;
  } catch (const std::bad_alloc&) {
    if (last) flush_bytes(handle_, *handle_.seats.list[0].load(), 0, handle_.map.size());
  }
}

}  // namespace durra::detail
