// Chunked arrays: Zarr's keys and metadata, numcodecs' chunks, fill, resize.
#include <durra/types.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "format/codec.h"
#include "tests/support/scratch.h"

namespace durra::test {
namespace {

class Chunked : public testing::Test {
 protected:
  Store open_store() const {
    Options o;
    o.max_size = 16_MiB;
    o.region_size = 64_KiB;
    o.participants = 16;
    return open(scratch_ / "s.durra", o).value();
  }
  Scratch scratch_;
  Store s = open_store();
};

std::vector<float> ramp(std::size_t n, float from) {
  std::vector<float> v(n);
  std::iota(v.begin(), v.end(), from);
  return v;
}

TEST_F(Chunked, keeps_what_was_written_and_fills_the_rest) {
  auto a = ChunkedArray<float>::open(s, "f", {5, 7}, {2, 3}, 1.5f).value();
  EXPECT_EQ(a.chunk_size(), 6u);
  a.write({2, 2}, ramp(6, 10)).value();
  std::vector<float> out(6);
  Store other = open_store();
  auto same = ChunkedArray<float>::attach(other, "f").value();
  EXPECT_EQ(same.shape(), (Shape{5, 7}));
  same.read({2, 2}, out).value();
  EXPECT_EQ(out, ramp(6, 10));
  same.read({0, 1}, out).value();
  EXPECT_EQ(out, std::vector<float>(6, 1.5f));
}

TEST_F(Chunked, keys_and_metadata_are_zarrs) {
  auto a = ChunkedArray<std::int16_t>::open(s, "group/x", {4, 4}, {2, 4}, 7).value();
  a.write({1, 0}, std::vector<std::int16_t>(8, 3)).value();
  const auto meta = nlohmann::json::parse(s.get("group/x/.zarray").value().str());
  EXPECT_EQ(meta, nlohmann::json::parse(R"({"zarr_format": 2, "shape": [4, 4], "chunks": [2, 4], "dtype": "<i2",
    "compressor": {"id": "lz4", "acceleration": 1}, "fill_value": 7, "order": "C", "filters": null})"));
  const auto chunk = s.get("group/x/1.0").value();
  EXPECT_EQ(format::raw_size(chunk.bytes()), 16u);
}

TEST_F(Chunked, words_for_what_json_has_no_number_for) {
  for (const double fill : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    const std::string name = fill > 0 ? "plus" : "minus";
    { auto a = ChunkedArray<double>::open(s, name, {1}, {1}, fill).value(); }
    std::vector<double> out(1);
    ChunkedArray<double>::attach(s, name).value().read({0}, out).value();
    EXPECT_EQ(out[0], fill);
  }
  auto a = ChunkedArray<double>::open(s, "nan", {1}, {1}, std::numeric_limits<double>::quiet_NaN()).value();
  EXPECT_NE(s.get("nan/.zarray").value().str().find("\"NaN\""), std::string::npos);
}

// JSON has one word for all of them: one with a sign, as x86 computes 0.0 / 0.0, was a mismatch with itself.
TEST_F(Chunked, a_fill_that_is_no_number_is_one_whatever_its_bits) {
  const auto check = [&]<class T>(T fill, const std::string& name) {
    for (int i = 0; i < 2; ++i) {
      auto a = ChunkedArray<T>::open(s, name, {4}, {2}, fill);
      ASSERT_TRUE(a) << name << ": " << a.error().message();
      std::vector<T> out(2);
      a->read({1}, out).value();
      EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[1])) << name;
      EXPECT_TRUE(a->resize({4})) << name;
      EXPECT_TRUE(a->refresh()) << name;
    }
    EXPECT_EQ(ChunkedArray<T>::open(s, name, {4}, {2}).error().code, Code::mismatch) << name;
  };
  check(-std::numeric_limits<double>::quiet_NaN(), "minus");
  check(std::bit_cast<double>(0x7ff8'0000'0000'0123u), "payload");
  volatile double zero = 0;
  check(zero / zero, "computed");
  check(-std::numeric_limits<float>::quiet_NaN(), "float");
}

TEST_F(Chunked, what_is_there_already_must_agree) {
  auto a = ChunkedArray<float>::open(s, "f", {5, 7}, {2, 3}).value();
  EXPECT_EQ(ChunkedArray<double>::open(s, "f", {5, 7}, {2, 3}).error().message(),
            "mismatch: it is <f4 (5, 7) in chunks of (2, 3), fill 0.0, not <f8 (5, 7) in chunks of (2, 3), fill 0.0");
  EXPECT_EQ(ChunkedArray<float>::open(s, "f", {5, 8}, {2, 3}).error().code, Code::mismatch);
  EXPECT_EQ(ChunkedArray<double>::attach(s, "f").error().code, Code::mismatch);
}

TEST_F(Chunked, what_cannot_be_is_refused) {
  const auto code = [&](Shape shape, Shape chunk) {
    return ChunkedArray<float>::open(s, "x", std::move(shape), std::move(chunk)).error().code;
  };
  EXPECT_EQ(code({}, {}), Code::invalid);
  EXPECT_EQ(code({5}, {2, 2}), Code::invalid);
  EXPECT_EQ(code({5, 0}, {1, 1}), Code::invalid);
  EXPECT_EQ(code({5}, {0}), Code::invalid);
  EXPECT_EQ(code({std::size_t(-1)}, {std::size_t(-1)}), Code::too_large);
  EXPECT_EQ(code({std::size_t(1) << 40}, {std::size_t(1) << 30}), Code::too_large);
  EXPECT_EQ(code({std::size_t(1) << 40, std::size_t(1) << 40}, {1, 1}), Code::too_large);
  EXPECT_EQ(ChunkedArray<float>::open(s, std::string(1010, 'n'), {1}, {1}).error().code, Code::too_large);
  auto a = ChunkedArray<float>::open(s, "f", {5, 7}, {2, 3}).value();
  std::vector<float> chunk(6), short_one(5);
  EXPECT_EQ(a.write({3, 0}, chunk).error().detail, 3u);
  EXPECT_EQ(a.read({0, 3}, chunk).error().code, Code::invalid);
  EXPECT_EQ(a.read({0}, chunk).error().code, Code::invalid);
  EXPECT_EQ(a.write({0, 0}, short_one).error().code, Code::invalid);
}

TEST_F(Chunked, foreign_metadata_is_told_apart) {
  s.put("a/.zarray", "no json").value();
  EXPECT_EQ(ChunkedArray<float>::attach(s, "a").error().code, Code::mismatch);
  s.put("a/.zarray", R"({"zarr_format": 2, "shape": [4], "chunks": [2], "dtype": "<f4", "compressor": null,
    "fill_value": 0, "order": "C", "filters": null})")
      .value();
  EXPECT_EQ(ChunkedArray<float>::attach(s, "a").error().code, Code::unsupported);
  s.put("a/.zarray", R"({"zarr_format": 2, "shape": [4], "chunks": [0], "dtype": "<f4",
    "compressor": {"id": "lz4"}, "fill_value": 0, "order": "C", "filters": null})")
      .value();
  EXPECT_EQ(ChunkedArray<float>::attach(s, "a").error().code, Code::invalid);
  s.put("a/.zarray", R"({"zarr_format": 2, "shape": [4], "chunks": [-2], "dtype": "<f4",
    "compressor": {"id": "lz4"}, "fill_value": 0, "order": "C", "filters": null})")
      .value();
  EXPECT_EQ(ChunkedArray<float>::attach(s, "a").error().code, Code::mismatch);
}

// JSON has any value under "fill_value".  Of some an exception came out of open, attach and drop, so that the array
// could not even be dropped; 1e300 as an integer was whatever the machine makes of it.
TEST_F(Chunked, a_fill_value_of_another_type_is_an_answer) {
  const auto check = [&]<class T>(T, const char* fill, T as) {
    const std::string what = std::string(dtype_of<T>()) + " " + fill;
    s.put("a/.zarray", R"({"zarr_format": 2, "shape": [4], "chunks": [2], "dtype": ")" + std::string(dtype_of<T>()) +
                           R"(", "compressor": {"id": "lz4"}, "fill_value": )" + fill +
                           R"(, "order": "C", "filters": null})")
        .value();
    auto a = ChunkedArray<T>::attach(s, "a");
    ASSERT_TRUE(a) << what << ": " << a.error().message();
    std::array<T, 2> out{};
    a->read({1}, out).value();
    EXPECT_EQ(out[0], as) << what;
    const auto other = ChunkedArray<std::int16_t>::open(s, "a", {4}, {2}, 77).error();  // describes both
    EXPECT_EQ(other.code, Code::mismatch) << what;
    EXPECT_NE(other.message().find("fill 77"), std::string::npos) << what;
    EXPECT_TRUE(drop(s, "a")) << what;
    EXPECT_EQ(drop(s, "a").error().code, Code::not_found) << what;
  };
  for (const char* fill : {R"("x")", R"(["x"])", R"({"x": 1})", "null"}) {
    check(bool{}, fill, false);
    check(std::int8_t{}, fill, std::int8_t{0});
    check(std::int64_t{}, fill, std::int64_t{0});
    check(std::uint64_t{}, fill, std::uint64_t{0});
    check(float{}, fill, 0.0f);
    check(double{}, fill, 0.0);
  }
  for (const char* fill : {"1e300", "-1e300"}) {
    check(std::int8_t{}, fill, std::int8_t{0});
    check(std::int32_t{}, fill, std::int32_t{0});
    check(std::int64_t{}, fill, std::int64_t{0});
    check(std::uint64_t{}, fill, std::uint64_t{0});
  }
  check(std::int64_t{}, "2.5", std::int64_t{2});
  check(bool{}, "0", false);
  check(bool{}, "1", true);
  check(bool{}, "1e300", true);
  for (const char* fill : {"true", "false"}) {
    const bool given = std::string_view(fill) == "true";
    check(bool{}, fill, given);
    check(std::int64_t{}, fill, std::int64_t{given});
    check(std::uint64_t{}, fill, std::uint64_t{given});
    check(double{}, fill, given ? 1.0 : 0.0);
  }
}

TEST_F(Chunked, a_broken_chunk_is_told) {
  auto a = ChunkedArray<float>::open(s, "f", {6}, {6}).value();
  s.put("f/0", "not LZ4").value();
  std::vector<float> out(6);
  EXPECT_EQ(a.read({0}, out).error().code, Code::mismatch);
}

TEST_F(Chunked, resize_takes_the_chunks_outside_with_it) {
  auto a = ChunkedArray<float>::open(s, "f", {6, 6}, {2, 2}).value();
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) a.write({i, j}, ramp(4, static_cast<float>(i * 3 + j))).value();
  auto late = ChunkedArray<float>::attach(s, "f").value();
  a.resize({3, 4}).value();
  EXPECT_EQ(s.get("f/2.0").error().code, Code::not_found);
  EXPECT_EQ(s.get("f/0.2").error().code, Code::not_found);
  EXPECT_TRUE(s.get("f/1.1"));
  EXPECT_EQ(late.resize({100, 100}).error().code, Code::conflict);
  late.refresh().value();
  EXPECT_EQ(late.shape(), (Shape{3, 4}));
  late.resize({6, 6}).value();
  std::vector<float> out(4);
  late.read({2, 0}, out).value();
  EXPECT_EQ(out, std::vector<float>(4, 0)) << "what was outside does not come back";
  EXPECT_EQ(late.resize({0, 6}).error().code, Code::invalid);
}

// Whoever has the array open keeps dtype, chunk and fill: of another array of that name it says so, and changes
// nothing.
TEST_F(Chunked, one_that_was_made_again_otherwise_is_a_mismatch) {
  auto late = ChunkedArray<float>::open(s, "f", {6, 6}, {2, 2}).value();
  const auto refused = [&](const char* how) {
    EXPECT_EQ(late.refresh().error().code, Code::mismatch) << how;
    EXPECT_EQ(late.resize({4, 4}).error().code, Code::mismatch) << how;
    EXPECT_EQ(late.shape(), (Shape{6, 6})) << how;
    drop(s, "f").value();
    EXPECT_EQ(late.refresh().error().code, Code::not_found) << how;
    EXPECT_EQ(late.resize({4, 4}).error().code, Code::not_found) << how;
  };
  drop(s, "f").value();
  ChunkedArray<double>::open(s, "f", {6, 6}, {2, 2}).value();
  refused("dtype");
  ChunkedArray<float>::open(s, "f", {6}, {2}).value();
  refused("rank");
  ChunkedArray<float>::open(s, "f", {6, 6}, {3, 2}).value();
  refused("chunk");
  ChunkedArray<float>::open(s, "f", {6, 6}, {2, 2}, 1).value();
  refused("fill");
  ChunkedArray<float>::open(s, "f", {8, 8}, {2, 2}).value();
  late.refresh().value();
  EXPECT_EQ(late.shape(), (Shape{8, 8}));
}

TEST_F(Chunked, resize_to_another_rank_is_refused) {
  auto a = ChunkedArray<float>::open(s, "f", {6, 6}, {2, 2}).value();
  EXPECT_EQ(a.resize({6}).error().code, Code::invalid);
  EXPECT_EQ(a.resize({6, 6, 6}).error().code, Code::invalid);
}

// Who still has the old shape writes where the array has no chunk any more; nobody finds it there when it grows again.
TEST_F(Chunked, what_was_written_outside_the_shape_does_not_show_when_it_grows_again) {
  auto late = ChunkedArray<float>::open(s, "f", {6}, {2}).value();
  auto a = ChunkedArray<float>::attach(s, "f").value();
  a.resize({2}).value();
  late.write({2}, ramp(2, 5)).value();
  std::vector<float> out(2);
  EXPECT_EQ(a.read({2}, out).error().code, Code::invalid);
  a.resize({6}).value();
  a.read({2}, out).value();
  EXPECT_EQ(out, std::vector<float>(2, 0));
  a.write({2}, ramp(2, 7)).value();
  a.resize({8}).value();
  a.read({2}, out).value();
  EXPECT_EQ(out, ramp(2, 7)) << "what it has stays";
}

// The head of the array was counted as one of them.
TEST_F(Chunked, as_many_chunks_as_one_batch_takes_go_at_once) {
  constexpr std::size_t kMost = 65'000;
  Options o;
  o.max_size = 64_MiB;
  s = open(scratch_ / "large.durra", o).value();
  auto a = ChunkedArray<float>::open(s, "f", {kMost + 2}, {1}).value();
  a.write({0}, ramp(1, 7)).value();
  const std::string chunk = s.get("f/0").value().str();
  Batch some;
  for (std::size_t i = 1; i < kMost + 2; ++i) {
    some.put("f/" + std::to_string(i), chunk);
    if (some.size() < 1'000 && i != kMost + 1) continue;
    s.put(some).value();
    some.clear();
  }
  EXPECT_EQ(a.resize({1}).error().code, Code::too_large);
  EXPECT_TRUE(a.resize({2}));
}

TEST_F(Chunked, resize_leaves_records_that_only_look_like_chunks) {
  auto a = ChunkedArray<float>::open(s, "f", {60}, {2}).value();
  for (const char* key : {"f/009", "f/9.9", "f/9.", "f/9x", "f/18446744073709551616"}) s.put(key, "user's").value();
  a.resize({2}).value();
  for (const char* key : {"f/009", "f/9.9", "f/9.", "f/9x", "f/18446744073709551616"}) EXPECT_TRUE(s.get(key)) << key;
}

TEST_F(Chunked, a_full_store_keeps_its_shape_and_its_chunks) {
  auto a = ChunkedArray<float>::open(s, "f", {40'000'000}, {4'000}).value();
  std::mt19937 random(1);
  std::vector<float> noise(4'000);
  for (float& x : noise) x = static_cast<float>(random());
  std::size_t written = 0;
  for (;; ++written) {
    const auto done = a.write({written}, noise);
    if (done) continue;
    EXPECT_EQ(done.error().code, Code::full);
    break;
  }
  EXPECT_GT(written, 500u);
  std::vector<float> out(4'000);
  for (std::size_t i = 0; i < written; ++i) {
    ASSERT_TRUE(a.read({i}, out));
    ASSERT_EQ(out, noise);
  }
  const auto grown = a.resize({80'000'000});
  if (!grown) {
    EXPECT_EQ(grown.error().code, Code::full);
    EXPECT_EQ(ChunkedArray<float>::attach(s, "f").value().shape(), (Shape{40'000'000}));
  }
}

}  // namespace
}  // namespace durra::test
