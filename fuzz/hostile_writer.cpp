// A process that may write to the file changes live memory while others use it: between their operations, and during
// them.  They may get anything for content, but answers lie within the file, and nothing faults, hangs or reads
// elsewhere.  What lies around the mapping cannot be accessed.
#include <sys/mman.h>

#include <atomic>
#include <thread>

#include "fuzz/image.h"
#include "store/handle.h"

namespace durra::fuzz {
namespace {

volatile std::uint64_t seen;  // so that what is read is read

// The file as another process maps it.
class Hostile {
 public:
  explicit Hostile(const std::string& path, std::size_t size) : size_(size) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    void* p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    must(p != MAP_FAILED, "cannot map the file");
    bytes_ = static_cast<std::byte*>(p);
  }
  ~Hostile() { ::munmap(bytes_, size_); }
  Hostile(const Hostile&) = delete;
  std::span<std::byte> bytes() const { return {bytes_, size_}; }

 private:
  std::byte* bytes_;
  std::size_t size_;
};

// Pages around a mapping that nobody may access, where nothing else is.
class Fence {
 public:
  explicit Fence(const Store& store) {
    const auto& map = detail::handle_of(store)->map;
    set(0, map.base() - kSize);
    set(1, map.base() + (map.size() + 4095) / 4096 * 4096);
  }
  ~Fence() {
    for (void* p : pages_)
      if (p != nullptr) ::munmap(p, kSize);
  }
  Fence(const Fence&) = delete;

 private:
  static constexpr std::size_t kSize = 1 << 20;
  void set(int i, std::byte* at) {
    void* p = ::mmap(at, kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    pages_[i] = p == MAP_FAILED ? nullptr : p;
  }
  void* pages_[2] = {};
};

void read(const Record& r) {
  std::uint64_t sum = 0;
  for (const std::byte b : r.bytes()) sum += static_cast<std::uint64_t>(b);
  for (const char c : r.key()) sum += static_cast<unsigned char>(c);
  (void)r.intact();
  seen = sum + r.id() + static_cast<std::uint64_t>(r.stamp());
}

void read_one(const Store& s, unsigned what) {
  switch (what % 5) {
    case 0:
      for (const char* key : keys())
        if (auto r = s.get(key)) read(*r);
      break;
    case 1:
      for (const Record& r : s.records()) read(r);
      break;
    case 2: {
      std::vector<Key> many;
      for (int i = 95; i < 145; ++i) many.emplace_back(i);
      for (const auto& r : s.get_many(many))
        if (r) read(*r);
      break;
    }
    case 3:
      if (auto then = s.snapshot()) {
        for (const char* key : keys())
          if (auto r = then->get(key)) read(*r);
        for (const Record& r : then->records()) read(r);
      }
      break;
    default:
      (void)stats(s);
      (void)regions(s);
      (void)participants(s);
  }
}

void write_one(Store& s, unsigned what) {
  const char* key = keys()[what % keys().size()];
  switch (what / 8 % 6) {
    case 0: (void)s.put(key, "new"); break;
    case 1: (void)s.erase(key); break;
    case 2: (void)s.put(Batch().put(key, "batched").put("b", "too").erase("a")); break;
    case 3: (void)s.put_if(key, "newer", absent); break;
    case 4: (void)compact(s); break;
    default:
      if (auto d = s.draft(key, 70'000)) (void)(*std::move(d)).publish();
  }
}

void follow(Store& s) {
  auto tail = Tail::open(s, "hostile");
  if (!tail) return;
  for (int i = 0; i < 100; ++i) {
    auto r = tail->next(std::chrono::nanoseconds(0));
    if (r) read(*r);
    if (!r && r.error().code == Code::timeout) break;
  }
}

constexpr std::size_t kEdit = 12, kEditsMax = 24;

// One edit after each use; the spare bytes of an edit say what is used.
void by_turns(Store& s, const Base& base, const Hostile& hostile, std::span<const std::uint8_t> input, bool writes) {
  for (std::size_t i = 0; i + kEdit <= input.size() && i < kEdit * kEditsMax; i += kEdit) {
    edit(base, hostile.bytes(), &input[i]);
    const unsigned what = input[i + 6];
    if (what >= 128 && writes)
      write_one(s, what);
    else if (what == 127 && writes)
      follow(s);
    else
      read_one(s, what);
  }
}

// All edits again and again, while readers read.
void at_once(const Store& s, const Base& base, const Hostile& hostile, std::span<const std::uint8_t> input) {
  std::atomic<bool> over{false};
  std::thread writer([&] {
    while (!over)
      for (std::size_t i = 0; i + kEdit <= input.size() && i < kEdit * kEditsMax; i += kEdit)
        edit(base, hostile.bytes(), &input[i]);
  });
  for (unsigned what = 0; what < 15; ++what) read_one(s, what);
  over = true;
  writer.join();
}

}  // namespace
}  // namespace durra::fuzz

// {how, edits …}
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace durra;
  using namespace durra::fuzz;
  static const Base base(scratch_path("hostile"));
  if (size < 1 + kEdit) return 0;
  const std::uint8_t how = data[0];
  const std::span<const std::uint8_t> input{data + 1, size - 1};
  write_file(base.path, base.image);
  Options o = small();
  o.patience = std::chrono::milliseconds(100);
  o.mode = how % 4 == 0 ? Mode::read_only : Mode::open;
  const bool writes = o.mode == Mode::open;
  auto store = open(base.path, o);
  if (!store) return 0;
  const Hostile hostile(base.path, base.image.size());
  const Fence fence(*store);
  if (how % 8 >= 4 && writes)
    at_once(*store, base, hostile, input);
  else
    by_turns(*store, base, hostile, input, writes);
  (void)verify(base.path);
  return 0;
}
