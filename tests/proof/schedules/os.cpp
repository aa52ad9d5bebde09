// The operating system seam (store/os.h) over the proof's memory: one file, whose bytes are the mapping; locks of bytes
// as words of a simulated kernel; a clock of each participant's own, which only sleep moves; sleep as the scheduler has
// it.  Nothing fails here.
#include "tests/proof/schedules/os.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "format/seat.h"
#include "store/os.h"
#include "store/os_call.h"
#include "tests/proof/schedules/scheduler.h"

namespace durra::schedules {

std::uint64_t os_seed = 1;

namespace {

constexpr std::uint32_t kSeats = 16, kRecover = kSeats, kReader = kSeats + 1, kOther = kSeats + 2;
constexpr std::uint64_t kBegan = 1'700'000'000'000'000'000u;  // UTC, when all of it happens

// A lock says who has it alone (his number + 1), or has a bit for each who shares it.  Holds of blocks are one lock.
constexpr Word kShared = 1ull << 32;

// The first epochs, as bits of one word, for the kernel answers for a range of bytes at once.
constexpr unsigned kEpochs = 64 / kFibers;
Word epoch_bit(std::uint64_t epoch, unsigned fiber) noexcept {
  if (epoch >= kEpochs) std::abort();
  return Word{1} << (epoch * kFibers + fiber);
}
bool is_epoch(std::uint64_t byte) noexcept { return byte >= format::kLockEpoch && byte < format::kLockSeats; }

void change_readers(Word clear, Word set) noexcept {
  for (;;) {
    const Word now = scheduler.kernel_load(kReaders);
    if (scheduler.kernel_change(kReaders, now, (now & ~clear) | set)) return;
  }
}

// Which kernel word says who holds the byte, unless it is that of an epoch.
std::uint32_t lock_of(std::uint64_t byte) noexcept {
  if (byte >= format::kLockSeats && byte < format::kLockSeats + kSeats)
    return kLocks + static_cast<std::uint32_t>(byte - format::kLockSeats);
  if (byte == format::kLockRecover) return kLocks + kRecover;
  if (byte == format::kLockReader) return kLocks + kReader;
  return kLocks + kOther;
}

// A call for each word of a region that is cleared would be most of a schedule's time.
bool differ(const std::byte* a, const std::byte* b, std::size_t n) noexcept {
  if (n != sizeof(Word)) return std::memcmp(a, b, n) != 0;
  Word x, y;
  __builtin_memcpy(&x, a, sizeof x);
  __builtin_memcpy(&y, b, sizeof y);
  return x != y;
}

// Bytes of the file change by a system call: word by word, where they differ.
void change(std::uint64_t offset, const std::byte* from, std::size_t size) noexcept {
  std::byte* const to = memory.file() + offset;
  for (std::size_t i = 0; i < size;) {
    const std::size_t n = std::min<std::size_t>(8 - (offset + i) % 8, size - i);
    constexpr std::byte kZeros[8] = {};
    const std::byte* source = from != nullptr ? from + i : kZeros;
    if (differ(to + i, source, n)) {
      if (scheduler.watching()) scheduler.plain(memory.find(to + i), true, nullptr);
      std::memcpy(to + i, source, n);
    }
    i += n;
  }
}

void lengthen(std::uint64_t end) noexcept {
  if (end > Memory::kFileMax) std::abort();
  for (;;) {
    const Word now = scheduler.kernel_load(kFileSize);
    if (now >= end || scheduler.kernel_change(kFileSize, now, end)) return;
  }
}

}  // namespace

void release_locks_of(unsigned player) noexcept {
  for (std::uint32_t n = 0; n <= kOther; ++n)
    if (const Word now = memory.kernel(kLocks + n); now == player + 1)
      scheduler.kernel_force(player, kLocks + n, 0);
    else if ((now & kShared << player) != 0)
      scheduler.kernel_force(player, kLocks + n, now & ~(kShared << player));
  if (player >= kFibers) return;
  Word readers = memory.kernel(kReaders);
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) readers &= ~epoch_bit(epoch, player);
  if (readers != memory.kernel(kReaders)) scheduler.kernel_force(player, kReaders, readers);
}

}  // namespace durra::schedules

namespace durra::os {

using namespace durra::schedules;

// ---- Faults: none ---------------------------------------------------------------------------------------------------
void set_faults(Faults*) noexcept {}
void trust_tmpfs(bool) noexcept {}
void share_mappings(bool) noexcept {}
const char* name(Call) noexcept { return "simulated"; }

// ---- Files ----------------------------------------------------------------------------------------------------------
namespace {
constexpr int kFd = 7;  // every descriptor is of the one file
}
std::uint64_t claim_number(int) noexcept { return 1; }
std::uint64_t last_to_claim(int) noexcept { return 1; }
File& File::operator=(File&& o) noexcept {
  fd_ = std::exchange(o.fd_, -1);
  claim_ = o.claim_;
  return *this;
}
void File::close() noexcept { fd_ = -1; }

Result<File> open(const std::string&, Access) {
  if (scheduler.kernel_load(kFileSize) == 0) return Error{Code::not_found, ENOENT, 0, "open", 0};
  return File(kFd);
}
Result<File> reopen(const File&, const std::string&, Access) { return File(kFd); }

Result<NewFile> NewFile::create(const std::string& path, unsigned) {
  NewFile n;
  n.file_ = File(kFd);
  n.path_ = path;
  return n;
}
NewFile::NewFile(NewFile&& o) noexcept : file_(std::move(o.file_)), path_(std::move(o.path_)) {}
NewFile::~NewFile() = default;
Result<void> NewFile::publish() { return {}; }

Result<FileInfo> info(const File&) {
  const std::uint64_t size = scheduler.kernel_load(kFileSize);
  return FileInfo{size, size, 1, 2, kBegan};
}
Result<void> read_at(const File&, std::uint64_t offset, void* to, std::size_t size) {
  std::memcpy(to, memory.file() + offset, size);
  return {};
}
Result<void> write_at(const File&, std::uint64_t offset, const void* from, std::size_t size) {
  lengthen(offset + size);
  change(offset, static_cast<const std::byte*>(from), size);
  return {};
}

// ---- Space: always there --------------------------------------------------------------------------------------------
Result<void> write_zeros(const File&, std::uint64_t offset, std::uint64_t size, std::uint64_t) {
  lengthen(offset + size);
  change(offset, nullptr, size);
  return {};
}
Result<void> allocate(const File&, std::uint64_t offset, std::uint64_t size) {
  lengthen(offset + size);
  return {};
}
Result<void> punch(const File&, std::uint64_t offset, std::uint64_t size) {
  change(offset, nullptr, size);
  return {};
}
Result<void> populate(void*, std::size_t) { return {}; }
Result<std::uint64_t> space_left(const File&) { return 1ull << 40; }
// Anywhere.
Result<std::uint64_t> next_data(const File&, std::uint64_t offset) {
  const std::uint64_t size = scheduler.kernel_load(kFileSize);
  return offset < size ? offset : ~0ull;
}

Result<std::uint64_t> next_hole(const File&, std::uint64_t) { return scheduler.kernel_load(kFileSize); }

// ---- Mappings -------------------------------------------------------------------------------------------------------
struct Mapping::Region {};
Mapping::Mapping(Mapping&& o) noexcept : base_(std::exchange(o.base_, nullptr)), size_(std::exchange(o.size_, 0)) {}
Mapping& Mapping::operator=(Mapping&& o) noexcept {
  base_ = std::exchange(o.base_, nullptr);
  size_ = std::exchange(o.size_, 0);
  return *this;
}
Mapping::~Mapping() = default;
void Mapping::forget() noexcept { base_ = nullptr; }
Result<Mapping> map(const File&, std::uint64_t offset, std::uint64_t size, Access) {
  Mapping m;
  m.base_ = memory.file() + offset;
  m.size_ = size;
  return m;
}
// Of a held byte: the size says which.
Result<Mapping> map_apart(const File& f, std::uint64_t, std::uint64_t byte, Access a) { return map(f, 0, byte, a); }

// ---- Locks ----------------------------------------------------------------------------------------------------------
Result<std::uint8_t> try_lock(const File&, std::uint64_t byte, Lock kind) {
  if (is_epoch(byte)) return change_readers(0, epoch_bit(byte - format::kLockEpoch, scheduler.player())), 1;
  const std::uint32_t lock = lock_of(byte);
  if (kind == Lock::exclusive) return scheduler.kernel_change(lock, 0, scheduler.player() + 1);
  for (;;) {
    const Word now = scheduler.kernel_load(lock);
    if (now != 0 && now < kShared) return 0;
    if (scheduler.kernel_change(lock, now, now | kShared << scheduler.player())) return 1;
  }
}
void unlock(const File&, std::uint64_t byte) noexcept {
  if (is_epoch(byte)) return change_readers(epoch_bit(byte - format::kLockEpoch, scheduler.player()), 0);
  const std::uint32_t lock = lock_of(byte);
  for (;;) {
    const Word now = scheduler.kernel_load(lock);
    if (scheduler.kernel_change(lock, now, now < kShared ? 0 : now & ~(kShared << scheduler.player()))) return;
  }
}
// Of epochs: those from the first on.
Result<std::uint8_t> is_held(const File&, std::uint64_t byte, std::uint64_t size, Lock) {
  if (byte == format::kLockEpoch) return (scheduler.kernel_load(kReaders) & (epoch_bit(size, 0) - 1)) != 0;
  return scheduler.kernel_load(lock_of(byte)) != 0;
}

Result<HeldByte> HeldByte::take(const File& like, const std::string&, std::uint64_t byte, std::uint64_t, Access access,
                                Lock kind) {
  HeldByte held;
  if (*try_lock(like, byte, kind) != 0) held.page_ = *map_apart(like, 0, byte, access);
  return held;
}
HeldByte& HeldByte::operator=(HeldByte&& o) noexcept {
  release();
  page_ = std::move(o.page_);
  return *this;
}
bool HeldByte::is_lost() const noexcept { return false; }  // nobody here closes what is another's
void HeldByte::release() noexcept {
  if (page_) unlock(file_, page_.size());
  page_ = Mapping{};
}
void HeldByte::forget() noexcept { page_.forget(); }

// ---- Durability -----------------------------------------------------------------------------------------------------
Result<void> sync(const File&) { return {}; }
Result<void> flush(void*, std::size_t) { return {}; }
Result<void> sync_directory_of(const std::string&) { return {}; }
Result<Witness> Witness::open(const File& like, const std::string& path) {
  Witness w;
  w.file_ = *reopen(like, path, Access::read_write);
  return w;
}
Witness& Witness::operator=(Witness&& o) noexcept {
  file_ = std::move(o.file_);
  return *this;
}
Witness::~Witness() = default;
Result<std::uint8_t> Witness::ask() const { return 1; }

// ---- Identity -------------------------------------------------------------------------------------------------------
Result<format::Identity> identity(const File&) {
  format::Identity id{};
  id.boot_id.fill(1);
  id.mount_id = id.device = 1;
  id.inode = 2;
  id.birth_ns = kBegan;
  id.handle_type = 1;
  id.handle_size = 8;
  return id;
}
Result<FileSystem> file_system(const File&) { return FileSystem{"ext4", true, false, false}; }

std::uint64_t new_fork_cookie() noexcept {
  static std::atomic<std::uint64_t> cookie{1};
  cookie_page.store(&cookie);
  return 1;
}

// ---- This process ---------------------------------------------------------------------------------------------------
std::uint64_t now_ns() noexcept { return kBegan + scheduler.elapsed(); }
std::uint64_t coarse_now_ns() noexcept { return now_ns(); }
std::uint64_t steady_ns() noexcept { return 1'000'000'000 + scheduler.elapsed(); }
std::uint32_t pid() noexcept { return 100 + scheduler.player(); }
std::uint32_t tid() noexcept { return pid(); }
std::array<char, 16> command() noexcept { return {'p', 'l', 'a', 'y', 'e', 'r'}; }
SignalsBlocked::SignalsBlocked() noexcept { before_ = {}; }
SignalsBlocked::~SignalsBlocked() = default;
void name_thread(const char*) noexcept {}
Result<void> random(void* to, std::size_t size) {
  auto* p = static_cast<unsigned char*>(to);
  for (std::size_t i = 0; i < size; ++i) p[i] = static_cast<unsigned char>(mix(os_seed, i));
  return {};
}
void nap(std::chrono::nanoseconds d) noexcept {
  if (d.count() > 0) scheduler.nap(static_cast<std::uint64_t>(d.count()));
}

// ---- Sleeping -------------------------------------------------------------------------------------------------------
void futex_wait(const std::uint32_t* word, std::uint32_t value, std::chrono::nanoseconds patience) noexcept {
  if (scheduler.watching()) {
    const std::uint32_t n = memory.find(word);
    scheduler.arrive(n);
    scheduler.did_read(n, *word, false, nullptr);
  }
  if (*word == value) scheduler.sleep_on(memory.find(word), static_cast<std::uint64_t>(patience.count()));
}
// Wakes those who sleep now: a point of its own, for their going to sleep is one.  Each participant has one thread, so
// nobody sleeps on a word that is a handle's own.
void futex_wake_all(const std::uint32_t* word) noexcept {
  if (!scheduler.watching() || memory.find(word) == Memory::kNone) return;
  scheduler.arrive(memory.find(word));
  scheduler.wake(memory.find(word));
}

const char* check_machine() noexcept { return nullptr; }

}  // namespace durra::os
