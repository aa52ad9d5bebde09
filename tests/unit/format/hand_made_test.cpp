// A store made by hand from format/ alone is read by tests/reader.py, which knows FORMAT.md alone: the page is enough.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "format/codec.h"
#include "format/head.h"
#include "tests/unit/format/made.h"

namespace durra::format {
namespace {

constexpr std::array<std::uint8_t, 16> kUuid{7, 7, 7};
const Superblock kSuper = make_superblock({64 << 10, 16 << 20, 2}, kUuid, 0);

// A sparse file, removed afterwards.
class MadeFile {
 public:
  explicit MadeFile(std::uint64_t size = kSuper.regions_offset) {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder != nullptr ? folder : "/tmp") + "/hand-made-XXXXXX";
    fd_ = ::mkstemp(path_.data());
    EXPECT_EQ(::ftruncate(fd_, static_cast<off_t>(size)), 0);
    write(0, &super, sizeof super);
  }
  MadeFile(const MadeFile&) = delete;
  ~MadeFile() {
    ::close(fd_);
    ::unlink(path_.c_str());
  }

  void write(std::uint64_t at, const void* bytes, std::size_t size) {
    EXPECT_EQ(::pwrite(fd_, bytes, size, static_cast<off_t>(at)), static_cast<ssize_t>(size));
  }
  void flip(std::uint64_t at) {
    char c = 0;
    EXPECT_EQ(::pread(fd_, &c, 1, static_cast<off_t>(at)), 1);
    c ^= 1;
    write(at, &c, 1);
  }

  MadeRegion region(std::uint64_t number, std::uint64_t generation, std::uint64_t run = 1) const {
    return {seed, number, generation, place(number), run * super.region_size, run};
  }
  std::uint64_t place(std::uint64_t number) const { return super.regions_offset + number * super.region_size; }
  void write(const MadeRegion& r) { write(r.base, r.bytes.data(), r.bytes.size()); }
  void describe(std::uint64_t number, const RegionWord& w, std::uint64_t tail = 0, std::uint64_t synced = 0) {
    Descriptor d{};
    d.state = pack(w);
    d.tail = tail;
    d.synced = tagged(w.generation, synced / 8);
    write(super.descriptors_offset + number * sizeof d, &d, sizeof d);
  }

  struct Answer {
    int status;
    std::vector<std::string> lines;
  };
  Answer read() const {
    const std::string command = "/usr/bin/python3 " DURRA_SOURCE_DIR "/tests/reader.py " + path_ + " 2>&1";
    std::FILE* out = ::popen(command.c_str(), "r");
    std::string text;
    std::array<char, 4096> piece{};
    while (const auto n = std::fread(piece.data(), 1, piece.size(), out)) text.append(piece.data(), n);
    const int status = ::pclose(out);
    Answer a{WIFEXITED(status) ? WEXITSTATUS(status) : -1, {}};
    for (std::size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
      a.lines.push_back(text.substr(from, to - from));
    return a;
  }

  const Superblock super = kSuper;
  const std::uint64_t seed = store_seed(kUuid);

 private:
  std::string path_;
  int fd_ = -1;
};

using Lines = std::vector<std::string>;
constexpr std::uint64_t stamp(std::uint64_t t, std::uint64_t n = 0) { return t << 16 | n; }

TEST(HandMade, an_empty_store_is_empty) {
  const auto a = MadeFile().read();
  EXPECT_EQ(a.status, 0);
  EXPECT_EQ(a.lines, Lines{});
}

TEST(HandMade, keys_versions_tombstones_and_what_is_void) {
  MadeFile f;
  auto r = f.region(0, 1);
  r.append({.key = "a", .payload = "old", .stamp = stamp(1)});
  r.append({.key = "a", .payload = "new", .stamp = stamp(2, 7)});
  r.append({.id = 7, .payload = "seven", .stamp = stamp(3), .align_log2 = 12});
  r.append({.key = "7", .payload = "text", .stamp = stamp(3)});
  r.append({.id = ~0ULL, .stamp = stamp(3)});
  r.append({.key = "erased", .payload = "x", .stamp = stamp(4)});
  r.append({.key = "erased", .stamp = stamp(5), .kind = RecordKind::tombstone});
  r.append({.key = "a", .payload = "never published", .stamp = 0});
  const auto unsure = r.append({.key = "a", .payload = "a copy that lost", .stamp = stamp(9)});
  r.bytes[unsure + offsetof(RecordHeader, word) + 7] = std::byte{0};  // a floor, not a check
  r.append({.key = "\xff", .payload = "not UTF-8", .stamp = stamp(6)});
  f.write(r);
  f.describe(0, {.state = RegionState::sealed, .generation = 1}, r.tail, r.tail);

  const auto a = f.read();
  EXPECT_EQ(a.status, 0);
  EXPECT_EQ(a.lines, (Lines{
                         R"({"id": 18446744073709551615, "stamp": "3.0", "base64": ""})",
                         R"({"id": 7, "stamp": "3.0", "base64": "c2V2ZW4="})",
                         R"({"key": "7", "stamp": "3.0", "base64": "dGV4dA=="})",
                         R"({"key": "a", "stamp": "2.7", "base64": "bmV3"})",
                         R"({"key_base64": "/w==", "stamp": "6.0", "base64": "bm90IFVURi04"})",
                     }));
}

TEST(HandMade, lives_that_are_over_do_not_count_and_retired_ones_do) {
  MadeFile f;
  const auto fill = [&](std::uint64_t number, std::uint64_t generation, const std::string& key,
                        const RegionWord& word) {
    auto r = f.region(number, generation);
    r.append({.key = key, .payload = "v", .stamp = stamp(number + 1)});
    f.write(r);
    f.describe(number, word);
  };
  fill(0, 4, "retired", {.state = RegionState::retired, .generation = 4});
  fill(1, 4, "free", {.state = RegionState::free, .generation = 4});
  fill(2, 4, "header newer", {.state = RegionState::free, .generation = 3});
  fill(3, 4, "descriptor newer", {.state = RegionState::claimed, .generation = 5});
  fill(4, 4, "no descriptor yet", {});
  const RegionHeader index = make_region_header(f.seed, 5, 1, RegionType::index, 1, 0);
  f.write(f.place(5), &index, sizeof index);

  const auto a = f.read();
  EXPECT_EQ(a.status, 0);
  EXPECT_EQ(a.lines, (Lines{
                         R"({"key": "header newer", "stamp": "3.0", "base64": "dg=="})",
                         R"({"key": "no descriptor yet", "stamp": "5.0", "base64": "dg=="})",
                         R"({"key": "retired", "stamp": "1.0", "base64": "dg=="})",
                     }));
}

TEST(HandMade, a_run_covers_its_bodies_while_it_is_whole) {
  MadeFile f;
  auto inner = f.region(2, 1);  // bytes of a payload that look like a region of their own
  inner.append({.key = "inner", .payload = "!", .stamp = stamp(1)});
  auto run = f.region(1, 1, 2);
  const auto begin = kRegionData + kRecordHeaderSize + 8;
  std::string payload(f.super.region_size + 200 - begin, 'p');
  std::memcpy(payload.data() + f.super.region_size - begin, inner.bytes.data(), 200);
  run.append({.key = "run12345", .payload = payload, .stamp = stamp(1)});
  f.write(run);
  f.describe(1, {.state = RegionState::sealed, .run = true, .generation = 1});

  auto a = f.read();
  EXPECT_EQ(a.status, 0);
  ASSERT_EQ(a.lines.size(), 1u);
  EXPECT_EQ(a.lines[0].substr(0, 18), R"({"key": "run12345")");

  f.flip(f.place(1) + begin);
  a = f.read();
  ASSERT_EQ(a.lines.size(), 1u);
  EXPECT_EQ(a.lines[0].substr(0, 15), R"({"key": "inner")");
}

TEST(HandMade, a_compressed_payload_is_unpacked) {
  MadeFile f;
  const std::string raw(1000, 'z');
  std::string packed(compress_bound(raw.size()), 0);
  packed.resize(compress(std::as_bytes(std::span(raw)), std::as_writable_bytes(std::span(packed))));
  auto r = f.region(0, 1);
  r.append({.key = "z", .payload = packed, .compressed = true});
  f.write(r);
  const auto a = f.read();
  EXPECT_EQ(a.status, 0);
  ASSERT_EQ(a.lines.size(), 1u);
  EXPECT_NE(a.lines[0].find("enp6enp6"), std::string::npos);
  EXPECT_GT(a.lines[0].size(), 1000u);
}

TEST(HandMade, a_batch_counts_when_it_is_fixed_and_whole) {
  const std::vector<Put> puts{{.key = "a", .payload = "new", .stamp = 0},
                              {.id = 7, .payload = "seven", .stamp = 0, .align_log2 = 12},
                              {.key = "erased", .stamp = 0, .kind = RecordKind::tombstone}};
  const auto read = [&](std::uint64_t decision, bool broken) {
    MadeFile f;
    auto r = f.region(0, 1);
    r.append({.key = "erased", .payload = "x", .stamp = stamp(4)});
    r.append({.key = "a", .payload = "old", .stamp = stamp(1)});
    r.append_batch(puts, decision);
    r.append({.key = "z", .payload = "behind", .stamp = stamp(9)});
    if (broken) r.bytes[r.tail - 130] ^= std::byte{1};  // in the last record of the batch
    f.write(r);
    f.describe(0, {.state = RegionState::sealed, .generation = 1}, r.tail);
    const auto a = f.read();
    EXPECT_EQ(a.status, 0);
    return a.lines;
  };
  const std::string behind = R"({"key": "z", "stamp": "9.0", "base64": "YmVoaW5k"})";
  EXPECT_EQ(read(decision(Verdict::fixed, 6), false),
            (Lines{R"({"id": 7, "stamp": "6.0", "base64": "c2V2ZW4="})",
                   R"({"key": "a", "stamp": "6.0", "base64": "bmV3"})", behind}));
  const Lines old{R"({"key": "a", "stamp": "1.0", "base64": "b2xk"})",
                  R"({"key": "erased", "stamp": "4.0", "base64": "eA=="})"};
  for (const Verdict v : {Verdict::pending, Verdict::conflict, Verdict::reaped, Verdict::none}) {
    auto lines = old;
    lines.push_back(behind);
    EXPECT_EQ(read(decision(v), false), lines) << static_cast<int>(v);
  }
  EXPECT_EQ(read(decision(Verdict::fixed, 6), true), old) << "a torn tail: nothing behind it counts";
}

TEST(HandMade, a_torn_tail_is_normal_and_damage_below_synced_is_not) {
  MadeFile f;
  auto r = f.region(0, 1);
  r.append({.key = "a", .payload = "v", .stamp = stamp(1)});
  const auto torn = r.append({.key = "b", .payload = "v", .stamp = stamp(1)});
  f.write(r);
  f.flip(f.place(0) + torn + kRecordHeaderSize);

  f.describe(0, {.state = RegionState::sealed, .generation = 1}, r.tail, torn);
  auto a = f.read();
  EXPECT_EQ(a.status, 0);
  EXPECT_EQ(a.lines.size(), 1u);

  f.describe(0, {.state = RegionState::sealed, .generation = 1}, r.tail, r.tail);
  a = f.read();
  EXPECT_EQ(a.status, 3);
  ASSERT_EQ(a.lines.size(), 2u) << "the record that is good, and what is damaged";
}

TEST(HandMade, a_damaged_head_is_said) {
  MadeFile f;
  f.flip(offsetof(Superblock, region_count));
  EXPECT_EQ(f.read().status, 1);

  const MadeFile cut(1000);
  EXPECT_EQ(cut.read().status, 1);
}

}  // namespace
}  // namespace durra::format
