// Which File has a descriptor's number: a table in two levels, made as numbers come and never given back.
#include <array>
#include <atomic>
#include <memory>
#include <new>

#include "store/os.h"

namespace durra::os {
namespace {

constexpr std::size_t kPage = 1024, kPages = 1024;  // 2^20 numbers: what the kernel gives unless told otherwise
using Page = std::array<std::atomic<std::uint64_t>, kPage>;
std::array<std::atomic<Page*>, kPages> pages;
std::atomic<std::uint64_t> claims{0};

// Null where nobody keeps it: a number beyond, or no memory.
std::atomic<std::uint64_t>* place_of(int fd, bool make) noexcept {
  const auto number = static_cast<std::size_t>(fd);
  if (fd < 0 || number >= kPage * kPages) return nullptr;
  auto& at = pages[number / kPage];
  Page* page = at.load();
  if (page == nullptr && make) {
    std::unique_ptr<Page> fresh(new (std::nothrow) Page());
    if (fresh && at.compare_exchange_strong(page, fresh.get())) page = fresh.release();
  }
  return page == nullptr ? nullptr : &(*page)[number % kPage];
}

}  // namespace

std::uint64_t claim_number(int fd) noexcept {
  auto* const place = place_of(fd, true);
  if (place == nullptr) return 0;
  const std::uint64_t mine = ++claims;
  place->store(mine);
  return mine;
}

std::uint64_t last_to_claim(int fd) noexcept {
  auto* const place = place_of(fd, false);
  return place == nullptr ? 0 : place->load();
}

}  // namespace durra::os
