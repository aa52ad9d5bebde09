// Mappings: boost::interprocess::mapped_region over an open file of our own.
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "store/os.h"
#include "store/os_call.h"

namespace durra::os {
namespace {

namespace ip = boost::interprocess;

constexpr std::size_t kHuge = 2u << 20;  // where addresses and offsets are congruent to this, huge pages can be used
constexpr const char* kNoRoom = "not enough address space; create the store with a smaller max_size";

// What mapped_region wants of a mappable thing.
struct Handle {
  int fd;
  ip::mapping_handle_t get_mapping_handle() const { return {fd, false}; }
};

// An address congruent to `offset` that was free a moment ago.
void* free_address(std::uint64_t offset, std::size_t size) {
  void* const p = ::mmap(nullptr, size + kHuge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  ::munmap(p, size + kHuge);
  const auto start = reinterpret_cast<std::uintptr_t>(p);
  return reinterpret_cast<void*>(start + ((offset - start) & (kHuge - 1)));
}

}  // namespace

// Holds the mapped_region so that it can be forgotten, which the class itself does not offer.
struct Mapping::Region {
  template <class... A>
  explicit Region(const A&... a) : mapped(a...) {}
  ~Region() {
    if (!forgotten) mapped.~mapped_region();
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  union {
    ip::mapped_region mapped;
  };
  bool forgotten = false;
};

namespace {

struct Shared {
  std::mutex mutex;
  std::map<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>, std::weak_ptr<void>> regions;
};
Shared& shared() {
  static Shared& s = *new Shared;
  return s;
}
std::atomic<bool> sharing{false};

}  // namespace

void share_mappings(bool on) noexcept { sharing.store(on); }

Mapping::Mapping(Mapping&& o) noexcept
    : region_(std::move(o.region_)), base_(std::exchange(o.base_, nullptr)), size_(std::exchange(o.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& o) noexcept {
  if (this != &o) {
    region_ = std::move(o.region_);
    base_ = std::exchange(o.base_, nullptr);
    size_ = std::exchange(o.size_, 0);
  }
  return *this;
}

Mapping::~Mapping() = default;

void Mapping::forget() noexcept {
  if (region_) region_->forgotten = true;
  region_.reset();
  base_ = nullptr;
  size_ = 0;
}

Result<Mapping> map_apart(const File& f, std::uint64_t offset, std::uint64_t size, Access access) {
  const std::uint64_t ahead = offset % ip::mapped_region::get_page_size();
  const auto mode = access == Access::read ? ip::read_only : ip::read_write;
  // Another thread can be given the free address first: then look again.
  for (int tries = 0; tries < 100; ++tries) {
    try {
      void* address = nullptr;
      ip::map_options_t options = ip::default_map_options;
      if (size >= kHuge) {
        address = free_address(offset - ahead, size + ahead);
        if (!address) return io(kNoRoom);
        options = MAP_FIXED_NOREPLACE;
      }
      if (const int fault = before(Call::map); fault != 0) return io(fault == ENOMEM ? kNoRoom : "mmap", fault);
      const ForkGate gate;  // a child must not inherit it before madvise
      Mapping m;
      m.region_ = std::make_shared<Mapping::Region>(Handle{f.fd()}, mode, static_cast<ip::offset_t>(offset - ahead),
                                                    size + ahead, address, options);
      auto* start = static_cast<std::byte*>(m.region_->mapped.get_address());
      for (const int advice : {MADV_DONTFORK, MADV_DONTDUMP}) {
        if (attempt(Call::advise, [&] { return ::madvise(start, size + ahead, advice); }) != 0) return io("madvise");
      }
      m.base_ = start + ahead;
      m.size_ = size;
      return m;
    } catch (const ip::interprocess_exception& e) {
      const int why = e.get_native_error();
      if (why == ENOMEM) return io(kNoRoom, why);
      if (why != EEXIST) return io("mmap", why);
    }
  }
  return io("mmap", EEXIST);
}

Result<Mapping> map(const File& f, std::uint64_t offset, std::uint64_t size, Access access) {
  if (!sharing.load() || access == Access::read) return map_apart(f, offset, size, access);
  const auto file = info(f);
  if (!file) return file.error();
  auto& known = shared();
  const std::lock_guard lock(known.mutex);
  auto& place = known.regions[{file->device, file->inode, offset, size}];
  if (auto region = std::static_pointer_cast<Mapping::Region>(place.lock())) {
    Mapping m;
    m.base_ = static_cast<std::byte*>(region->mapped.get_address()) + offset % ip::mapped_region::get_page_size();
    m.size_ = size;
    m.region_ = std::move(region);
    return m;
  }
  auto made = map_apart(f, offset, size, access);
  if (made) place = made->region_;
  return made;
}

}  // namespace durra::os
