// Offsets from the file, judged before use.
#include "store/resolve.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace durra::detail {

bool RecordRef::body_intact() const noexcept {
  const auto begin = format::kRecordHeaderSize;
  const auto end = format::checked_size(shape, at);
  return format::body_check(bytes() + begin, end - begin, region_seed, at) == header->body_check;
}

Space::Space(const format::Superblock& super, std::byte* base, const os::File& file, const os::FileInfo& info) noexcept
    : super_(super),
      base_(base),
      file_(file),
      device_(info.device),
      inode_(info.inode),
      seed_(format::store_seed(super.uuid)),
      region_shift_(static_cast<std::uint32_t>(std::countr_zero(super.region_size))),
      root_bits_(static_cast<std::uint32_t>(std::countr_zero(super.root_words))),
      known_size_(std::min(info.size, format::file_size_max(super))) {}

bool Space::is_ours(const os::File& file) const noexcept { return file.has_number() && is_ours(os::info(file)); }

bool Space::is_ours(const Result<os::FileInfo>& info) const noexcept {
  return info ? info->device == device_ && info->inode == inode_ : info.error().errno_value != EBADF;
}

std::optional<std::uint64_t> Space::size_now() const noexcept {
  const auto now = os::info(file_);
  return now && file_.has_number() && is_ours(now) ? std::optional(std::min(now->size, format::file_size_max(super_)))
                                                   : std::nullopt;
}

std::byte* Space::at_slow(std::uint64_t offset, std::uint64_t length) const noexcept {
  const auto now = size_now();
  // A size that nobody can be asked for, also after a closefrom(), is no damage: then what somebody has claimed is
  // there.
  const std::uint64_t hint = std::min(shared::raised_load(control().region_hint), super_.region_count);
  const std::uint64_t size = now.value_or(region_offset(hint));
  if (now) shared::mark_raise(known_size_, size);
  return offset <= size && length <= size - offset ? base_ + offset : nullptr;
}

// Records behind the first of a batch may begin in the body of a run.
std::uint64_t Space::head_of_body(std::uint64_t r) const noexcept {
  const auto w = format::unpack(shared::state_load(descriptor(r).state));
  const std::uint64_t behind = format::untag(shared::hint_load(descriptor(r).run), w.generation);
  return behind <= r ? r - behind : r;
}

format::Why Space::locate_in_body(std::uint64_t offset, RecordRef& out) const noexcept {
  constexpr auto kNone = "no record can be at this offset";
  const std::uint64_t r = region_of(offset), head = home_of(offset);
  const std::uint64_t state = shared::state_load(descriptor(head).state);
  if (head == r || !format::may_hold_records(state) || !format::is_run(state)) return kNone;
  const std::uint64_t k = run_length(head, format::unpack(state));
  if (r - head >= k) return kNone;
  const std::uint64_t room = region_offset(head) + (k << region_shift_) - offset;
  return judge(offset, room, format::region_seed(seed_, head, format::generation_of(state)), out);
}

std::uint64_t Space::regions() const noexcept {
  const std::uint64_t size = size_now().value_or(0);
  const std::uint64_t begin = super_.regions_offset;
  const std::uint64_t in_file = size <= begin ? 0 : (size - begin + region_size() - 1) >> region_shift_;
  return std::min(std::max(in_file, shared::raised_load(control().region_hint)), super_.region_count);
}

std::uint64_t Space::run_length(std::uint64_t r, const format::RegionWord& w) const noexcept {
  if (!w.run) return 1;
  const std::uint64_t run = shared::hint_load(descriptor(r).run);
  std::uint64_t k = format::untag(run, w.generation);
  // On its way to be freed: the length is tagged for the life to come before that begins.
  if (k == 0 && w.state == format::RegionState::retired) k = format::untag(run, w.generation + 1);
  return std::clamp<std::uint64_t>(k, 1, super_.region_count - r);
}

}  // namespace durra::detail
