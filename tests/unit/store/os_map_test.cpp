// The operating system seam: mappings.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "store/os.h"
#include "tests/support/faults.h"
#include "tests/support/scratch.h"

namespace durra::os {
namespace {

using test::Scratch;
constexpr std::uint64_t kMiB = 1u << 20, kPiece = 65536;

File made(const std::string& path, std::uint64_t size) {
  File f(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  EXPECT_TRUE(f) << path;
  EXPECT_EQ(::ftruncate(f.fd(), static_cast<off_t>(size)), 0);
  return f;
}

// The kernel's words on the mapping at an address: the line VmFlags of /proc/self/smaps; empty if nothing is there.
std::string flags_at(const void* address) {
  std::ifstream in("/proc/self/smaps");
  const auto want = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    unsigned long long from = 0, to = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx ", &from, &to) == 2) inside = from <= want && want < to;
    if (inside && line.rfind("VmFlags:", 0) == 0) return line + " ";
  }
  return "";
}

TEST(OsMap, stores_through_one_mapping_are_seen_in_the_file_and_through_another) {
  const Scratch s;
  const File f = made(s / "f", 4 * kMiB);
  auto a = map(f, 0, 4 * kMiB, Access::read_write);
  auto b = map(f, 65536, 65536, Access::read);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->size(), 4 * kMiB);
  EXPECT_NE(a->base() + 65536, b->base());
  std::memcpy(a->base() + 65536, "hello", 5);
  EXPECT_EQ(std::memcmp(b->base(), "hello", 5), 0);
  char text[5];
  ASSERT_TRUE(read_at(f, 65536, text, 5));
  EXPECT_EQ(std::string(text, 5), "hello");
}

TEST(OsMap, may_reach_beyond_the_end_of_the_file_and_the_file_may_grow_into_it) {
  const Scratch s;
  const File f = made(s / "f", 65536);
  auto m = map(f, 0, 1ull << 40, Access::read_write);
  ASSERT_TRUE(m) << m.error().message();
  ASSERT_TRUE(allocate(f, 0, kMiB));
  m->base()[kMiB - 1] = std::byte{7};
  std::byte b;
  ASSERT_TRUE(read_at(f, kMiB - 1, &b, 1));
  EXPECT_EQ(b, std::byte{7});
}

TEST(OsMap, addresses_are_congruent_to_offsets_modulo_2_MiB) {
  const Scratch s;
  const File f = made(s / "f", 64 * kMiB);
  std::vector<Mapping> all;
  for (const std::uint64_t offset : {0 * kMiB, kPiece, 2 * kMiB, 3 * kMiB + 4096, 5 * kMiB + 77}) {
    for (const std::uint64_t size : {2 * kMiB, 2 * kMiB + 1, 7 * kMiB + 4096}) {
      auto m = map(f, offset, size, Access::read_write);
      ASSERT_TRUE(m) << m.error().message();
      EXPECT_EQ((reinterpret_cast<std::uintptr_t>(m->base()) - offset) % (2 * kMiB), 0u);
      const auto tag = static_cast<std::byte>(offset + size);
      m->base()[size - 1] = tag;
      std::byte b;
      ASSERT_TRUE(read_at(f, offset + size - 1, &b, 1));
      EXPECT_EQ(b, tag);
      all.push_back(std::move(*m));
    }
  }
}

TEST(OsMap, is_neither_inherited_nor_dumped_and_goes_away) {
  const Scratch s;
  const File f = made(s / "f", 4 * kMiB);
  for (const std::uint64_t size : {kPiece, 4 * kMiB}) {
    auto m = map(f, 0, size, Access::read);
    ASSERT_TRUE(m);
    const std::byte* const first = m->base();
    const std::byte* const last = first + size - 1;
    for (const std::byte* p : {first, last}) {
      EXPECT_NE(flags_at(p).find(" dc "), std::string::npos) << "MADV_DONTFORK: " << flags_at(p);
      EXPECT_NE(flags_at(p).find(" dd "), std::string::npos) << "MADV_DONTDUMP: " << flags_at(p);
    }
    EXPECT_EQ(test::run_child([&] { return flags_at(first).empty() ? 0 : 1; }), 0);
    *m = Mapping{};
    EXPECT_EQ(flags_at(first), "");
    EXPECT_EQ(flags_at(last), "");
  }
}

TEST(OsMap, moves_and_forgets) {
  const Scratch s;
  const File f = made(s / "f", 65536);
  auto m = map(f, 0, 65536, Access::read_write);
  ASSERT_TRUE(m);
  std::byte* const at = m->base();
  Mapping moved(std::move(*m));
  EXPECT_FALSE(*m);
  EXPECT_EQ(m->size(), 0u);
  EXPECT_EQ(moved.base(), at);
  Mapping assigned;
  assigned = std::move(moved);
  EXPECT_EQ(assigned.base(), at);
  assigned.forget();
  EXPECT_FALSE(assigned);
  EXPECT_NE(flags_at(at), "") << "what lies there is left alone";
  ASSERT_EQ(::munmap(at, 65536), 0);
}

TEST(OsMap, a_child_that_forgets_keeps_what_it_has_at_those_addresses) {
  const Scratch s;
  const File f = made(s / "f", 65536);
  auto m = map(f, 0, 65536, Access::read_write);
  ASSERT_TRUE(m);
  EXPECT_EQ(test::run_child([&] {
              std::byte* const at = m->base();
              void* own =
                  ::mmap(at, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
              EXPECT_EQ(own, at) << "the parent's pages are not there";
              m->forget();
              *m = Mapping{};
              EXPECT_NE(flags_at(at), "");
              return 0;
            }),
            0);
}

TEST(OsMap, too_little_address_space_is_told_with_a_way_out) {
  const Scratch s;
  const File f = made(s / "f", 65536);
  const std::string way_out = "not enough address space; create the store with a smaller max_size";
  EXPECT_EQ(test::run_child([&] {
              const struct rlimit r {
                1ull << 46, 1ull << 46
              };
              EXPECT_EQ(::setrlimit(RLIMIT_AS, &r), 0);
              const auto m = map(f, 0, 1ull << 46, Access::read_write);
              EXPECT_EQ(m.error().code, Code::io);
              EXPECT_EQ(m.error().errno_value, ENOMEM);
              EXPECT_EQ(m.error().what, way_out);
              return 0;
            }),
            0);
  const auto whole = map(f, 0, 1ull << 47, Access::read_write);
  EXPECT_EQ(whole.error().what, way_out);
  test::Faults faults;
  faults.fail(Call::map, ENOMEM);
  EXPECT_EQ(map(f, 0, 65536, Access::read).error().what, way_out);
}

TEST(OsMap, tells_the_kernels_reason) {
  const Scratch s;
  const File f = made(s / "f", 4 * kMiB);
  {
    test::Faults faults;
    faults.fail(Call::map, EAGAIN);
    const auto m = map(f, 0, 65536, Access::read);
    EXPECT_EQ(m.error().errno_value, EAGAIN);
    EXPECT_STREQ(m.error().what, "mmap");
    for (const int k : {1, 2}) {
      faults.fail(Call::advise, EINVAL, static_cast<std::uint64_t>(k));
      const auto n = map(f, 0, 4 * kMiB, Access::read);
      EXPECT_EQ(n.error().errno_value, EINVAL);
      EXPECT_STREQ(n.error().what, "madvise");
    }
  }
  const auto only_read = open(s / "f", Access::read);
  ASSERT_TRUE(only_read);
  for (const std::uint64_t size : {kPiece, 4 * kMiB}) {
    const auto m = map(*only_read, 0, size, Access::read_write);
    EXPECT_EQ(m.error().code, Code::io);
    EXPECT_EQ(m.error().errno_value, EACCES);
    EXPECT_STREQ(m.error().what, "mmap");
  }
}

// Between finding an address and taking it: `times` times, another thread's mapping lands there.
struct Thief final : Faults {
  int before(Call c) override {
    if (c == Call::map && times-- > 0) {
      stolen.push_back(::mmap(nullptr, 64 * kMiB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    }
    return 0;
  }
  ~Thief() override {
    for (void* p : stolen) ::munmap(p, 64 * kMiB);
  }
  int times = 0;
  std::vector<void*> stolen;
};

TEST(OsMap, never_takes_an_address_from_another_thread) {
  const Scratch s;
  const File f = made(s / "f", 64 * kMiB);
  Thief thief;
  thief.times = 3;
  set_faults(&thief);
  const auto m = map(f, 0, 64 * kMiB, Access::read_write);
  set_faults(nullptr);
  ASSERT_TRUE(m) << m.error().message();
  EXPECT_EQ(thief.times, -1) << "it looked again each time";
  for (void* p : thief.stolen) {
    const auto* stolen = static_cast<std::byte*>(p);
    EXPECT_TRUE(stolen + 64 * kMiB <= m->base() || m->base() + 64 * kMiB <= stolen);
    EXPECT_EQ(flags_at(p).find(" sh "), std::string::npos) << "still the other's private pages";
  }
  Thief greedy;
  greedy.times = 1000;
  set_faults(&greedy);
  const auto never = map(f, 0, 64 * kMiB, Access::read_write);
  set_faults(nullptr);
  EXPECT_EQ(never.error().errno_value, EEXIST);
}

TEST(OsMap, handles_can_share_one_mapping_for_the_thread_sanitizer) {
  const Scratch s;
  const File f = made(s / "f", 4 * kMiB);
  const auto g = open(s / "f", Access::read_write);
  share_mappings(true);
  auto a = map(f, 0, 4 * kMiB, Access::read_write), b = map(*g, 0, 4 * kMiB, Access::read_write);
  auto part = map(*g, 65536, 65536, Access::read_write), reader = map(*g, 0, 4 * kMiB, Access::read);
  {
    test::Faults faults;
    faults.fail(Call::stat, EIO);
    EXPECT_EQ(map(f, 0, 65536, Access::read_write).error().errno_value, EIO);
  }
  share_mappings(false);
  auto apart = map(f, 0, 4 * kMiB, Access::read_write);
  ASSERT_TRUE(a && b && part && reader && apart);
  EXPECT_EQ(a->base(), b->base());
  EXPECT_NE(a->base() + 65536, part->base());
  EXPECT_NE(a->base(), reader->base());
  EXPECT_NE(a->base(), apart->base());
  std::byte* const at = a->base();
  *a = Mapping{};
  EXPECT_NE(flags_at(at), "") << "the other still has it";
  *b = Mapping{};
  EXPECT_EQ(flags_at(at), "");
}

}  // namespace
}  // namespace durra::os
