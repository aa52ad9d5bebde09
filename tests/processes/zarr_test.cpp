// Zarr, NumPy and Dask read what C++ wrote, in place: from the store's file, while others change it, and from a backup.
#include <durra/care.h>
#include <durra/types.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <thread>

#include "tests/support/scratch.h"

namespace durra::test {
namespace {

const std::string kPython = "/usr/bin/python3";

std::string output_of(const std::string& command) {
  std::string all;
  std::array<char, 4096> part;
  FILE* out = ::popen(command.c_str(), "r");
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), out)) all.append(part.data(), n);
  const int status = ::pclose(out);
  EXPECT_EQ(status, 0) << command << "\n" << all;
  return all;
}
bool has_zarr() { return std::system((kPython + " -c 'import zarr, fsspec, dask.array' 2>/dev/null").c_str()) == 0; }

// Prints the sum of each array that the references name, read by Zarr or by Dask.
constexpr const char* kSums = R"(
import json, sys
import dask.array, fsspec, zarr
mapper = fsspec.get_mapper('reference://', fo=json.load(open(sys.argv[1])))
root = zarr.open(zarr.storage.KVStore(mapper), mode='r')  # fsspec 2022.11 misses chunks that are not there
for name, array in sorted(root.arrays()):
    lazy = dask.array.from_zarr(array)
    assert float(lazy.sum().compute()) == float(array[:].sum())
    print(name, array.dtype, array.shape, float(array[:].sum()))
print('group/deep', root['group/deep'][:].tolist())
)";

class Zarr : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_zarr()) GTEST_SKIP() << "python3-zarr and python3-dask are not installed: tools/setup.sh python";
    std::ofstream(scratch_ / "sums.py") << kSums;
    auto dense = Array<double>::open(s, "dense", {3, 4}).value();
    std::iota(dense.values().begin(), dense.values().end(), 1.0);
    auto field = ChunkedArray<float>::open(s, "field", {5, 7}, {2, 3}, 0.5f).value();
    std::vector<float> chunk(6);
    for (std::size_t i = 0; i < 3; ++i) {
      std::iota(chunk.begin(), chunk.end(), static_cast<float>(i));
      field.write({i, i}, chunk).value();
    }
    auto deep = ChunkedArray<std::int16_t>::open(s, "group/deep", {4}, {4}).value();
    deep.write({0}, std::vector<std::int16_t>{1, -2, 3, -4}).value();
  }
  // Of "field" as C++ sees it: what chunks hold within the shape.
  double sum_of_field() {
    auto field = ChunkedArray<float>::attach(s, "field").value();
    std::vector<float> chunk(6);
    double sum = 0;
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 0; j < 7; ++j) {
        field.read({i / 2, j / 3}, chunk).value();
        sum += chunk[i % 2 * 3 + j % 3];
      }
    return sum;
  }
  std::string expected() {
    std::array<char, 200> text;
    std::snprintf(text.data(), text.size(),
                  "dense float64 (3, 4) 78.0\nfield float32 (5, 7) %.1f\ngroup/deep [1, -2, 3, -4]\n", sum_of_field());
    return text.data();
  }
  std::string sums(const std::string& refs) {
    return output_of(kPython + " -W ignore " + (scratch_ / "sums.py") + " " + refs);
  }

  Scratch scratch_;
  const std::string path_ = scratch_ / "s.durra";
  Store s = open(path_).value();
};

TEST_F(Zarr, reads_the_live_file_in_place) {
  output_of(DURRA_COMMAND " dump --zarr-refs " + path_ + " > " + (scratch_ / "refs.json"));
  EXPECT_EQ(sums(scratch_ / "refs.json"), expected());
}

TEST_F(Zarr, reads_a_backup) {
  const std::string before = expected();
  backup(s, scratch_ / "copy.durra").value();
  auto field = ChunkedArray<float>::attach(s, "field").value();
  field.write({0, 0}, std::vector<float>(6, 1e6f)).value();
  output_of(DURRA_COMMAND " dump --zarr-refs " + (scratch_ / "copy.durra") + " > " + (scratch_ / "refs.json"));
  EXPECT_EQ(sums(scratch_ / "refs.json"), before);
}

// While --hold lives, chunks that are written over and a store that is compacted leave what was said in place.
TEST_F(Zarr, keeps_what_it_said_in_place_while_it_holds) {
  const std::string before = expected();
  FILE* hold =
      ::popen((DURRA_COMMAND " dump --zarr-refs --hold " + path_ + " > " + (scratch_ / "refs.json")).c_str(), "w");
  for (int i = 0; i < 1'000 && std::ifstream(scratch_ / "refs.json").peek() == EOF; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  auto field = ChunkedArray<float>::attach(s, "field").value();
  for (int round = 0; round < 50; ++round)
    for (std::size_t i = 0; i < 3; ++i) field.write({i, i}, std::vector<float>(6, static_cast<float>(round))).value();
  for (int i = 0; i < 200; ++i) s.put("noise" + std::to_string(i % 10), std::string(60'000, 'n')).value();
  compact(s).value();
  EXPECT_EQ(sums(scratch_ / "refs.json"), before);
  EXPECT_EQ(::pclose(hold), 0);
}

}  // namespace
}  // namespace durra::test
