// The life of a handle: references, the last release, leaving the file in order (PROTOCOL.md CLEAN CLOSE).
#include "store/handle.h"

#include <algorithm>
#include <cerrno>

#include "store/close.h"
#include "store/compact.h"
#include "store/region_table.h"
#include "store/seat.h"
#include "store/sync_thread.h"

namespace durra::detail {
namespace {

std::atomic<std::uint64_t> next_id{1};

template <class Is>
bool is_any_seat(const Handle& h, Is is) noexcept {
  const auto end = h.seats.list.begin() + static_cast<std::ptrdiff_t>(shared::mark_load(h.seats.count));
  return std::any_of(h.seats.list.begin(), end, [&](const auto& seat) { return is(*seat.load()); });
}

// Whether a pin's seat is a successor's now, and the pin with it.  Apart: inlined, it costs each get four instructions.
[[gnu::noinline]] bool is_lost(const Handle& h, const std::uint64_t* cell) noexcept {
  return is_any_seat(h, [&](const LocalSeat& s) {
    const auto& pins = s.shared->pins;
    return cell >= &pins.front() && cell <= &pins.back() && detail::is_lost(h, s);
  });
}

}  // namespace

Handle::Handle(std::string p, os::File f, os::File b, os::Mapping m, const format::Superblock& super,
               const os::FileInfo& info, bool ro)
    : path(std::move(p)),
      file(std::move(f)),
      probe(std::move(b)),
      map(std::move(m)),
      space(super, map.base(), file, info),
      read_only(ro),
      cookie(os::fork_cookie()),
      id(next_id.fetch_add(1)) {}

// Never in a forked child: unrefer and release_pin return before.
Handle::~Handle() {
  if (!read_only) close_in_order(*this);
  const auto count = shared::mark_load(seats.count);
  for (std::uint64_t i = 0; i < count; ++i) delete seats.list[i].load();
  if (lost_files()) {
    file.release();
    probe.release();
  }
}

std::optional<Error> Handle::lost_files() const noexcept {
  if (space.is_ours(file) && space.is_ours(probe)) return {};
  return Error{Code::io, EBADF, 0, "this process closed the store's descriptors; open it again"};
}

bool Handle::has_lost_a_seat() const noexcept {
  const bool can_be = shared::mark_load(locks_by_descriptor) != 0;
  return can_be && is_any_seat(*this, [](const LocalSeat& s) { return s.byte.is_lost(); });
}

std::optional<Error> Handle::why_no_write() const noexcept {
  if (auto no = refuse_read()) return no;
  return Error{Code::read_only, 0, 0, "the handle was opened read-only"};
}

void Handle::unrefer(Handle* h) noexcept {
  if (h->forked()) return;  // the child's copy of a handle stays as it is: what it points to is not there
  if (shared::unrefer(h->refs)) h->begin_teardown();
}

void Handle::release_pin(Handle* h, std::uint64_t* cell, std::uint64_t count) noexcept {
  if (h->forked() || (shared::mark_load(h->locks_by_descriptor) != 0 && is_lost(*h, cell))) return;
  const std::uint64_t before = h->read_only ? leave_reader(*h, cell, count) : shared::pin_leave(*cell, count);
  if ((before & format::kPinClosing) != 0 && format::pin_count(before) == count && shared::unrefer(h->busy_cells))
    delete h;
}

// No Store, Draft, Snapshot or scan is left, so nothing new is pinned.  One count of busy_cells is ours until all cells
// are marked, so that a release meanwhile cannot be the last.
void Handle::begin_teardown() noexcept {
  sync_thread.reset();  // a last flush; nothing is put any more
  // It changes nothing of its successor's, and stays: nobody counts its Records any more.
  if (has_lost_a_seat()) return forget_homes(id);
  const auto count = shared::mark_load(seats.count);
  shared::refer(busy_cells);
  const auto mark = [this](std::uint64_t& cell) {
    shared::refer(busy_cells);
    if (format::pin_count(shared::pin_close(cell)) == 0) shared::unrefer(busy_cells);
  };
  for (std::uint64_t i = 0; i < count; ++i) {
    LocalSeat& s = *seats.list[i].load();
    stop_compaction(*this, s);
    leave_region(*this, s);
    for (auto& cell : s.shared->pins) mark(cell);
  }
  {
    const std::lock_guard leavers_are_out(reader_pins.mutex);  // and who comes now sees the mark
    for (auto& cell : reader_pins.cells) mark(cell);
  }
  if (shared::unrefer(busy_cells)) delete this;
}

Handle* handle_of(const Store& s) noexcept { return s.handle_; }

}  // namespace durra::detail

namespace durra {

Store::Store(Store&& o) noexcept : handle_(std::exchange(o.handle_, nullptr)) {}

Store& Store::operator=(Store&& o) noexcept {
  std::swap(handle_, o.handle_);
  return *this;
}

Store::~Store() {
  if (handle_ != nullptr) detail::Handle::unrefer(handle_);
}

}  // namespace durra
