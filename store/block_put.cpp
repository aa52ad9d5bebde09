// Making a block: PUT, but in a region of blocks, whose memory begins as zeros on the disk too.
#include <cstring>

#include "store/block.h"
#include "store/region_table.h"
#include "store/seat.h"

namespace durra::detail {
namespace {

// For a while a seat works in another region than its own.
class InRegion {
 public:
  InRegion(Handle& h, LocalSeat& seat, const OpenRegion& region) noexcept
      : handle_(h), seat_(seat), own_(std::exchange(seat.region, region)) {}
  ~InRegion() {
    const std::uint64_t r = seat_.region->number;
    seat_.region = own_;
    close_region(handle_, r, format::unpack(shared::state_load(handle_.space.descriptor(r).state)));
  }
  InRegion(const InRegion&) = delete;

 private:
  Handle& handle_;
  LocalSeat& seat_;
  const std::optional<OpenRegion> own_;
};

}  // namespace

Result<Stamp> append_block(Handle& h, const Change& c) {
  if (auto no = h.refuse_write()) return *no;
  auto seat = ExclusiveSeat::take(h);
  if (!seat) return seat.error();
  const auto region = claim_block_room(h, **seat, size_bound(c.shape));
  if (!region) return region.error();
  const InRegion here(h, **seat, *region);
  const Laid laid = lay(h, **seat, c);
  std::memcpy(reinterpret_cast<std::byte*>(laid.record.header) + format::kRecordHeaderSize, c.block, sizeof *c.block);
  if (auto filled = (*c.fill)(writable_payload(laid.record)); !filled) return filled.error();
  return publish(h, **seat, c, laid);
}

}  // namespace durra::detail
