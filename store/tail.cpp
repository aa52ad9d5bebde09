// Tail: giving what was collected, one by one; sleeping when there is nothing.
#include "store/tail.h"

#include "store/seat.h"
#include "store/stamp.h"
#include "store/wait.h"

namespace durra::detail {

// Records would not stay in place: their keys are kept.
void unpin(TailState& t) {
  if (t.pin == nullptr) return;
  t.names.clear();
  t.first_name = t.next;
  for (std::size_t i = t.next; i != t.entries.size(); ++i)
    t.names.push_back(behind(t.entries[i].stamp, name_of(*t.handle, t.entries[i].record)));
  Handle::release_pin(t.handle, std::exchange(t.pin, nullptr));
}

namespace {

// For so long a collection's pin may hold space back while its records are asked for.
constexpr std::uint64_t kPinnedMax_ns = 1'000'000'000;

// The version where it is now, if it is still its key's newest: else a later collection has what took its place.
std::optional<Result<Record>> find_again(TailState& t, const Position& version) {
  Handle& h = *t.handle;
  auto seat = home_seat(h);
  if (!seat) return seat.error();
  OperationPin pinned(h, **seat);
  if (!pinned) return too_many_pins();
  const Key key = version.is_text ? Key(version.text) : Key(version.id);
  const Lookup head = find(h, view(h, key));
  if (head.found == Found::damaged) return head.error();
  if (head.found != Found::record) return {};
  const Shown now = resolve(h, head.record);
  if (now.why != nullptr) return now.error();
  if (!now.record || fill(h, now.record) != version.stamp) return {};
  if (!try_pin_again(pinned.cell())) return too_many_pins();
  return h.make_record(now.record, pinned.cell());
}

std::optional<Result<Record>> in_place(TailState& t, const TailEntry& e) {
  if (!try_pin_again(t.pin)) return too_many_pins();
  return t.handle->make_record(e.record, t.pin);
}

// All entries were looked at: the next collection begins behind them.
void end_collection(TailState& t) {
  unpin(t);
  t.entries.clear();
  t.next = 0;
  t.reached = std::move(t.end);  // and not a copy, which needs memory: what was shown must not come again
}

// The next of the entries that is still to be shown.
std::optional<Result<Record>> give(TailState& t) {
  // The first of a collection is always given from its place: a key that is put faster than it is asked for is seen.
  if (t.pin != nullptr && t.next != 0 && os::steady_ns() - t.pinned_ns > kPinnedMax_ns) unpin(t);
  while (t.next != t.entries.size()) {
    const std::size_t i = t.next;
    Position place = t.pin != nullptr ? behind(t.entries[i].stamp, name_of(*t.handle, t.entries[i].record))
                                      : t.names[i - t.first_name];
    auto record = t.pin != nullptr ? in_place(t, t.entries[i]) : find_again(t, place);
    // Damage is told once.  What stands in the way only now, as too many Records that are held, is in nobody's way
    // later: the event comes with the next call.
    if (record && !*record && record->error().code != Code::damaged) return record;
    ++t.next;
    if (!record) continue;
    t.shown = std::move(place);
    if (t.next == t.entries.size()) end_collection(t);
    return record;
  }
  return {};
}

// What there is now: from the entries, else from a new collection.
std::optional<Result<Record>> look(TailState& t) {
  if (auto record = give(t)) return record;
  if (!t.entries.empty()) end_collection(t);  // what was left of it has changed since
  if (auto done = collect(t); !done) return done.error();
  if (auto record = give(t)) return record;
  end_collection(t);
  if (t.damage) return *std::exchange(t.damage, std::nullopt);
  return {};
}

Result<Record> next(TailState& t, Duration patience) {
  if (auto no = t.handle->refuse_read()) return *no;
  for (Sleeper sleeper(*t.handle, kTailWord, patience);; sleeper.sleep()) {
    if (auto record = look(t)) return *std::move(record);
    if (!sleeper.announce()) return Error{Code::timeout};
    if (auto record = look(t)) return *std::move(record);
  }
}

Result<std::unique_ptr<TailState>> make(Store& store, std::string_view prefix) {
  Handle& h = *handle_of(store);
  if (auto no = h.refuse_write()) return *no;
  auto t = std::make_unique<TailState>(h);
  t->prefix = prefix;
  return t;
}

}  // namespace

TailState::~TailState() {
  if (handle->forked()) return;
  // First: in a full store it is perhaps our own pin that leaves no room for the put that gives the name back.
  if (pin != nullptr) Handle::release_pin(handle, pin);
  if (!key.empty()) give_name_back(*this);
  Handle::unrefer(handle);
}

Tail Handle::make_tail(std::unique_ptr<TailState> state) noexcept {
  Tail t;
  t.state_ = std::move(state);
  return t;
}

}  // namespace durra::detail

namespace durra {

Tail::Tail(Tail&&) noexcept = default;
Tail& Tail::operator=(Tail&&) noexcept = default;
Tail::~Tail() = default;

Result<Tail> Tail::open(Store& store, std::string_view name, std::string_view key_prefix) {
  auto state = detail::make(store, key_prefix);
  if (!state) return state.error();
  if (auto taken = detail::take_name(**state, name); !taken) return taken.error();
  return detail::Handle::make_tail(*std::move(state));
}

Result<Tail> Tail::from_now(Store& store, std::string_view key_prefix) {
  auto state = detail::make(store, key_prefix);
  if (!state) return state.error();
  auto instant = detail::take_instant(*(*state)->handle);
  if (!instant) return instant.error();
  detail::Handle::release_pin((*state)->handle, instant->pin);
  (*state)->reached = (*state)->shown = detail::behind_time(instant->time);
  return detail::Handle::make_tail(*std::move(state));
}

Result<Record> Tail::next(Duration patience) { return detail::next(*state_, patience); }

Result<void> Tail::save() { return detail::save_position(*state_); }
void Tail::save(Batch& batch) const { detail::save_position(*state_, batch); }

}  // namespace durra
